"""Where something is made before it takes its place, and what killed processes left there."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

STAGING = ".incoming-"  # how the names of such folders begin; the number of the process follows


def sweep(folder: Path, *, ours: bool = True) -> None:
    """Remove what processes that are no more left in `folder`: it may be gigabytes. With `ours`, this process's too."""
    import psutil  # late: every process of the program passes by this module

    for left in folder.glob(f"{STAGING}*"):
        process = left.name.removeprefix(STAGING).partition("-")[0]
        if process.isdecimal() and ((ours and int(process) == os.getpid()) or not psutil.pid_exists(int(process))):
            shutil.rmtree(left, ignore_errors=True)
