"""Builds the packages of Linux or macOS, where it runs: freeze, bill of materials, self-test, installers, checksums.

usage: build.py [STEP …]     steps: freeze bill selftest package sums compare; without any: all but compare

`compare FOLDER` tells which files of another build from the same commit differ from those of dist/vademecum.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import bill
import checksums
import linux_packages
import opencv
import payload
import steps
from digests import sha256
from slimming import slim
from system_libraries import SetupError

DIST = payload.REPOSITORY / "dist"
BUILD = payload.REPOSITORY / "build"
LOCK = payload.REPOSITORY / "packaging" / "locks" / "linux-cpu.txt"
MACOS = sys.platform == "darwin"
APP = DIST / "Vademecum.app"
PROGRAM = APP / "Contents" / "MacOS" if MACOS else DIST / "vademecum"
INTERNAL = APP / "Contents" / "Resources" if MACOS else PROGRAM / "_internal"  # what isn't started
SECOND_NAME = "vademecum-engine"
TOOLS = {} if MACOS else {"bill": {"dpkg": "dpkg"}, "package": {"ar": "binutils", "xz": "xz-utils"}}


def version() -> str:
    """The program's version."""
    sys.path.insert(0, str(payload.REPOSITORY))
    from engine import __version__

    return __version__


def commit_time() -> int:
    """When this commit was made: the time that stands in everything we build."""
    command = ["git", "-C", str(payload.REPOSITORY), "log", "-1", "--format=%ct"]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def freeze() -> None:
    """Run PyInstaller. Hash seed and time are fixed: the same commit gives the same bytes.

    Modules lie unpacked in its archive: so they are imported sooner, and the installers pack them better, 41 MB for 69.
    """
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if not (MACOS or headers.is_file()):  # CMake would leave Python out without a word
        raise SetupError("Python's headers are not here. On Debian: apt-get install python3.11-dev")
    library = None if MACOS else opencv.compiled_opencv(BUILD / "opencv")
    fixed = {"PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": str(commit_time()), "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0"}
    environment = {**os.environ, **fixed}
    folders = ["--distpath", str(DIST), "--workpath", str(BUILD)]
    spec = payload.REPOSITORY / "packaging" / "vademecum.spec"
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", *folders, str(spec)]
    subprocess.run(command, check=True, env=environment, cwd=payload.REPOSITORY)
    (PROGRAM / SECOND_NAME).symlink_to("vademecum")
    if library:
        slim(INTERNAL, opencv=library)


def write_bill() -> None:
    """Write SBOM and licences into the program's folder, and the SBOM beside the installers."""
    checksums.discard(DIST)
    # macOS has no lock, and nothing of its system is collected. Of OpenCV it is the source that we took.
    pinned = {} if MACOS else {**bill.digests(LOCK), opencv.PACKAGE: opencv.SOURCE_SHA256}
    parts = [
        bill.interpreter(),
        bill.freezer(),
        *(bill.python_part(distribution, pinned) for distribution in payload.runtime_distributions()),
        *bill.models(INTERNAL / "resources" / "models"),
        *([] if MACOS else bill.system_libraries(INTERNAL, libraries_taken())),
    ]
    beside = DIST / f"vademecum-{version()}-{'macos-arm64' if MACOS else 'linux-x86_64'}.{bill.SBOM}"
    # In a bundle of macOS nothing but programs may lie beside the program.
    bill.write_bill(INTERNAL if MACOS else PROGRAM, parts, beside=beside, version=version(), made=commit_time())


def libraries_taken() -> dict[str, str]:
    """Where PyInstaller took each library from, by its name in the folder."""
    from PyInstaller.utils.misc import load_py_data_struct

    (collected,) = load_py_data_struct(BUILD / "vademecum" / "COLLECT-00.toc")
    return {name: source for name, source, kind in collected if kind in ("BINARY", "EXTENSION")}


def selftest() -> None:
    """Run the frozen program's own test; a package that fails it is not made."""
    subprocess.run([str(PROGRAM / "vademecum"), "--selftest"], check=True)


def package() -> None:
    """Make the Debian package and the self-extracting installer; on macOS the disk image."""
    checksums.discard(DIST)
    if MACOS:
        disk_image()
        return
    data = linux_packages.make_data(PROGRAM, DIST, made=commit_time())
    print(linux_packages.make_deb(PROGRAM, data, DIST, version=version(), made=commit_time()))
    print(linux_packages.make_run(PROGRAM, data, DIST, version=version(), made=commit_time()))
    data.unlink()


def disk_image() -> None:
    """Make an image with the program and the folder it is dragged to."""
    folder = BUILD / "image"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(APP, folder / APP.name, symlinks=True)
    (folder / "Applications").symlink_to("/Applications")
    image = DIST / f"vademecum-{version()}-macos-arm64.dmg"
    command = ["hdiutil", "create", "-ov", "-volname", "Vademecum", "-srcfolder", folder, "-format", "UDZO", image]
    subprocess.run(command, check=True)


def sums() -> None:
    """Write the checksums of everything in dist."""
    checksums.write(DIST)


def compare(other: Path) -> int:
    """Print the files in which two builds differ; return how many there are."""
    here = {str(path.relative_to(PROGRAM)): path for path in linux_packages.files(PROGRAM)}
    there = {str(path.relative_to(other)): path for path in linux_packages.files(other)}
    different = [
        name
        for name in sorted(here.keys() | there.keys())
        if name not in here or name not in there or sha256(here[name]) != sha256(there[name])
    ]
    print("\n".join(different) or f"{len(here)} files, all the same")
    return len(different)


STEPS: dict[str, Callable[[], None]] = {
    "freeze": freeze,
    "bill": write_bill,
    "selftest": selftest,
    "package": package,
    "sums": sums,
}


def main(arguments: list[str]) -> int:
    """Run the steps that were asked for, in order."""
    if arguments[:1] == ["compare"] and len(arguments) == 2:
        return 1 if compare(Path(arguments[1])) else 0
    return steps.run(arguments, STEPS, tools=TOOLS, usage=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
