"""What a shared library asks of others and offers them, as binutils read it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

ELF = b"\x7fELF"
# A version that a library needs of glibc; a weak need is one that it does without.
GLIBC = re.compile(r"Name: GLIBC_(\d+(?:\.\d+)+)\s+Flags: none")


def needed(library: Path) -> list[str]:
    """Return the names of the libraries that one is linked against."""
    shown = subprocess.run(["readelf", "-dW", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", shown)


def undefined(library: Path) -> set[str]:
    """Return the names a library takes from others."""
    shown = subprocess.run(["nm", "-D", "--undefined-only", library], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r" U (\w+)", shown))


def defined(library: Path) -> set[str]:
    """Return the names a library offers to others."""
    shown = subprocess.run(["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[2].partition("@")[0] for line in shown.splitlines()}


def glibc_needed(files: Iterable[Path]) -> str:
    """Return the oldest version of glibc that all programs and libraries among the files can run on."""
    binaries = [path for path in files if is_elf(path)]
    shown = subprocess.run(["readelf", "-VW", *binaries], check=True, capture_output=True, text=True).stdout
    return max(GLIBC.findall(shown), key=lambda version: [int(number) for number in version.split(".")])


def is_elf(path: Path) -> bool:
    """Whether the file is a program or a library."""
    with path.open("rb") as file:
        return file.read(len(ELF)) == ELF
