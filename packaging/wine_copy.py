"""Makes a copy of the Windows payload that wine can run, to try it: usage: wine_copy.py FOLDER

wine (10, as 8) ends the program at C's functions of complex numbers, which NumPy and torch import: its ucrtbase hasn't
them. In the copy they come from a library made here. Nothing of it is ever part of a package.

wine must see /sys, or it tells no number of processors.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from windows import ROOT

MATHS = "api-ms-win-crt-math-l1-1-0.dll"
ENVIRONMENT = {
    "KMP_AFFINITY": "disabled",  # the OpenMP of torch asks for NUMA nodes otherwise, which wine does not know
    # Linux lets a program use AMX's tiles only once it has asked, and none asks under wine.
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
NAME = "wine-math.dll"  # no longer than the name it stands for
REAL = ("cabs", "carg", "cimag", "creal")
COMPLEX = (
    "ccos", "ccosh", "cexp", "clog", "conj", "csin", "csinh", "csqrt", "ctan", "ctanh",
)  # fmt: skip
_LIBRARY = re.compile(r"DLL Name: (\S+)\n.*\n((?:\t.*\n)*)")
_FUNCTION = re.compile(r"^\t\S+\s+(?:<\S+>\s+)?\S+\s+(\S+)$", re.M)


def main(into: Path) -> None:
    """Copy by hard links; only what imports those functions is written anew."""
    shutil.rmtree(into, ignore_errors=True)
    subprocess.run(["cp", "-al", ROOT, into], check=True)
    ours = {f"{name}{suffix}" for name in (*REAL, *COMPLEX, "cpow") for suffix in ("", "f")}
    found = {path: imported(path) for path in into.rglob("*") if path.suffix in (".pyd", ".dll")}
    patched = {path: names for path, names in found.items() if names & ours}
    library = compiled(set().union(*patched.values()), ours)
    for path in patched:
        content = path.read_bytes().replace(MATHS.encode(), NAME.encode().ljust(len(MATHS), b"\0"))
        path.unlink()  # never write through the link
        path.write_bytes(content)
    for folder in {into, *(path.parent for path in patched)}:
        folder.joinpath(NAME).write_bytes(library)
    print(f"{into}: {', '.join(path.name for path in sorted(patched))}")


def imported(path: Path) -> set[str]:
    """Name the mathematical functions a library takes from Windows."""
    command = ["x86_64-w64-mingw32-objdump", "-p", str(path)]
    shown = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace").stdout
    return {
        name
        for library, functions in _LIBRARY.findall(shown)
        if library.lower() == MATHS
        for name in _FUNCTION.findall(functions)
    }


def compiled(names: set[str], ours: set[str]) -> bytes:
    """A library of these functions: those of complex numbers are mingw's, the others are handed on to wine's."""
    source, exports = ["#include <complex.h>"], [f"LIBRARY {NAME}", "EXPORTS"]
    for name in sorted(names):
        if name not in ours:
            exports.append(f" {name} = ucrtbase.{name}")
            continue
        number = "float" if name.endswith("f") else "double"
        returned = number if name.removesuffix("f") in REAL else f"{number} _Complex"
        given = [f"{number} _Complex {letter}" for letter in ("ab" if name.startswith("cpow") else "a")]
        passed = ", ".join(one[-1] for one in given)
        source.append(f"{returned} own_{name}({', '.join(given)}) {{ return {name}({passed}); }}")
        exports.append(f" {name} = own_{name}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "a.c").write_text("\n".join(source) + "\n", encoding="ascii")
        (folder / "a.def").write_text("\n".join(exports) + "\n", encoding="ascii")
        command = ["x86_64-w64-mingw32-gcc", "-O1", "-shared", "-static-libgcc", "-o", "a.dll", "a.c", "a.def"]
        subprocess.run(command, check=True, cwd=folder)
        return (folder / "a.dll").read_bytes()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
