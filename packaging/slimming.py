"""Finishes the folder that PyInstaller made: the second name, what OpenCV does without, and no symbols."""

from __future__ import annotations

import subprocess
from pathlib import Path

from opencv import slim_opencv

SECOND_NAME = "vademecum-engine"
# `strip` breaks what patchelf has moved in these: their segments are no longer where the loader wants them.
NOT_STRIPPED = "numpy.libs"


def slim(program: Path) -> None:
    """Make of PyInstaller's folder the one that is packed."""
    (program / SECOND_NAME).symlink_to("vademecum")
    slim_opencv(program / "_internal")
    strip(program / "_internal")


def strip(internal: Path) -> None:
    """Take the symbols out of every library."""
    libraries = [
        path
        for path in sorted(internal.rglob("*.so*"))
        if path.is_file() and not path.is_symlink() and NOT_STRIPPED not in path.parts
    ]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)
