"""Lets faiss compute with NumPy's OpenBLAS: a thin library in the place of the one that it brings.

NumPy's has 64-bit integers and names of its own (`scipy_sgemm_64_`), so each function that faiss calls widens its
integers and calls that one. Fortran passes everything by address; by what an address points to, arguments are:

    c  a letter    p  values, passed on    i  an integer that is read    o  an integer that is written
    P  pivots that are written, as many as the less of the first two integers
    Q  pivots that are read, as many as the first integer    W  room to compute in
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from shared_libraries import defined, undefined

BLAS = "libopenblas*.so*"
SIGNATURES = {
    "gemm": "c c i i i p p i p i p p i",
    "gemv": "c i i p p i p i p p i",
    "syrk": "c c i i p p i p p i",
    "gelsd": "i i i p i p i p p o p i W o",
    "geqrf": "i i p i p p i o",
    "gesvd": "c c i i p i p p i p i p i o",
    "getrf": "i i p i P o",
    "getri": "i p i Q p i o",
    "orgqr": "i i i p i p p i o",
    "syev": "c c i p i p p i o",
}
_PRECISIONS = "sd"
_HEAD = """#include <stdlib.h>
static inline long *wide(const int *from, long count) {
    long *all = malloc((count > 0 ? count : 1) * sizeof *all);
    if (!all) abort();
    if (from) for (long at = 0; at < count; at++) all[at] = from[at];
    return all;
}
static inline void narrow(int *to, long *from, long count) {
    for (long at = 0; at < count; at++) to[at] = (int)from[at];
    free(from);
}
"""
# LAPACK's own bound for gelsd: 3 × levels + 11 for each of the shorter side, of which levels there are at most 30.
_ROOM = "128 * ({less}) + 128"


def share_blas(internal: Path) -> None:
    """Replace faiss's OpenBLAS in the folder of a frozen program."""
    (old,) = internal.joinpath("faiss_cpu.libs").glob(BLAS)
    (shared,) = internal.joinpath("numpy.libs").glob("libscipy_openblas64_*.so*")
    called = set[str]().union(*(undefined(user) for user in internal.glob("faiss/*.so*"))) & defined(old)
    source = _HEAD + "".join(function(name) for name in sorted(called))
    old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "blas.c").write_text(source, encoding="utf-8")
        command = ["gcc", "-shared", "-fPIC", "-O2", "-s", "-Wall", "-Werror", f"-Wl,-soname,{old.name}"]
        found = ["-Wl,--no-as-needed", shared.resolve(), "-Wl,-rpath,$ORIGIN/../numpy.libs", "-Wl,--disable-new-dtags"]
        allowed = ["-Wl,--allow-shlib-undefined"]  # what NumPy's needs in turn lies beside it
        subprocess.run([*command, "-o", old.resolve(), "blas.c", *found, *allowed], check=True, cwd=folder)
    for path in [*internal.glob("*.libs/*"), *internal.glob("*.so*")]:  # what only the old one was made of
        if path.name.startswith(("libgfortran-", "libquadmath-")) and "numpy.libs" not in path.resolve().parts:
            path.unlink()


def function(name: str) -> str:
    """Return one function in C. Raises KeyError for one that is not in the table."""
    precision, routine = name[0], name[1:].removesuffix("_")
    kinds = SIGNATURES[routine].split()
    if precision not in _PRECISIONS:
        raise KeyError(name)
    integers = [f"*a{at}" for at, kind in enumerate(kinds) if kind == "i"]
    first, less = integers[0], f"{integers[0]} < {integers[1]} ? {integers[0]} : {integers[1]}" if integers[1:] else ""
    counts = {"P": less, "Q": first, "W": _ROOM.format(less=less)}
    taken, declared, before, passed, after = [], [], [], [], []
    for at, kind in enumerate(kinds):
        taken.append(f"{'char' if kind == 'c' else 'void' if kind == 'p' else 'int'} *a{at}")
        declared.append("void *")
        passed.append(f"a{at}" if kind in "cp" else f"&n{at}" if kind in "io" else f"n{at}")
        if kind in "io":
            before.append(f"long n{at} = {f'*a{at}' if kind == 'i' else '0'};")
        elif kind in counts:
            before.append(f"long k{at} = {counts[kind]}, *n{at} = wide({f'a{at}' if kind == 'Q' else '0'}, k{at});")
        if kind == "o":
            after.append(f"*a{at} = (int)n{at};")
        elif kind == "P":
            after.append(f"narrow(a{at}, n{at}, k{at});")
        elif kind == "Q":
            after.append(f"free(n{at});")
        elif kind == "W":
            after.append(f"narrow(a{at}, n{at}, 1);")  # a question for the room that is needed is answered there
    lengths = [1] * kinds.count("c")  # Fortran passes each letter's length behind everything
    hidden = "".join(", size_t" for _ in lengths)
    return (
        f"void scipy_{name}64_({', '.join(declared)}{hidden});\n"
        f"void {name}({', '.join(taken)}) {{\n    {' '.join(before)}\n"
        f"    scipy_{name}64_({', '.join((*passed, *map(str, lengths)))});\n    {' '.join(after)}\n}}\n"
    )
