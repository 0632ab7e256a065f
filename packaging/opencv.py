"""Takes FFmpeg and a second OpenBLAS out of the frozen OpenCV, which recognition needs for pictures alone.

OpenCV is linked against both, so something must bear their names: for FFmpeg and AVIF small libraries whose functions
end the process (nothing of ours opens a film or an AVIF file with OpenCV), for OpenBLAS the one that faiss brings.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

UNUSED = re.compile(r"lib(avcodec|avformat|avutil|swscale|avif)-[0-9a-f]+\.so")
# What only those need. The OpenSSL among them is 1.1.1, which nobody mends any more.
THEIRS = re.compile(r"lib(aom|vpx|swresample|crypto|ssl|drm)-[0-9a-f]+\.so")
BLAS = "libopenblas*.so*"


def slim_opencv(internal: Path) -> None:
    """Replace the libraries in the folder of a frozen program."""
    libraries = internal / "opencv_python_headless.libs"
    (module,) = internal.glob("cv2/cv2*.so")
    functions = undefined(module)
    unused = [name for name in needed(module) if UNUSED.match(name)]
    versions = {name: name.split("-")[0].upper() for name in unused}  # LIBAVCODEC_62, in libavcodec-….so.62
    for name in unused:
        own = {
            version: names for version, names in functions.items() if version.rpartition("_")[0] == versions[name]
        } or {"": {function for function in functions[""] if function.startswith("avif")}}
        (libraries / name).unlink()
        compile_stub(libraries / name, own)
    for path in [*libraries.iterdir(), *internal.glob("*.so*")]:  # PyInstaller puts a link to each at the top
        if THEIRS.match(path.name):
            path.unlink()
    (shared,) = internal.joinpath("faiss_cpu.libs").glob(BLAS)
    (second,) = libraries.glob(BLAS)
    second.unlink()
    second.symlink_to(Path("..") / "faiss_cpu.libs" / shared.name)


def needed(library: Path) -> list[str]:
    """Return the names of the libraries that one is linked against."""
    shown = subprocess.run(["readelf", "-dW", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", shown)


def undefined(library: Path) -> dict[str, set[str]]:
    """Return the functions a library takes from others, by the symbol version it asks for; "" where for none."""
    shown = subprocess.run(["nm", "-D", "--undefined-only", library], check=True, capture_output=True, text=True).stdout
    found: dict[str, set[str]] = defaultdict(set)
    for name, version in re.findall(r" U (\w+)@?(\w*)$", shown, re.M):
        found[version].add(name)
    return found


def defined(library: Path) -> set[str]:
    """Return the names a library offers to others."""
    shown = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[2].partition("@")[0] for line in shown.splitlines()}


def compile_stub(target: Path, functions: dict[str, set[str]]) -> None:
    """Make a library of this name with these functions, which end the process."""
    with tempfile.TemporaryDirectory() as folder:
        names = sorted(set().union(*functions.values()))
        lines = ["void abort(void);", *(f"void {name}(void) {{ abort(); }}" for name in names)]
        Path(folder, "stub.c").write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = ["gcc", "-shared", "-fPIC", "-Os", "-s", "-fno-builtin", f"-Wl,-soname,{target.name}"]
        if set(functions) != {""}:
            script = "".join(
                f"{version} {{ global: {'; '.join(sorted(exported))}; }};\n"
                for version, exported in sorted(functions.items())
            )
            Path(folder, "versions").write_text(script, encoding="utf-8")
            command.append("-Wl,--version-script=versions")
        subprocess.run([*command, "-o", target, "stub.c"], check=True, cwd=folder)
