"""What a shared library asks of others and offers them, as binutils read it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path


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
