"""What a process keeps to itself: its memory and environment, also when it crashes, and what it logs."""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

try:
    import resource
except ImportError:  # Windows writes no core files unasked
    resource = None  # type: ignore[assignment]  # a module, or none

OWN_VARIABLES = "VADEMECUM_"  # how the names of variables begin that may hold a passphrase
_SET_DUMPABLE = 4


def refuse_core_files() -> None:
    """Have a crash leave no core file, of this process or of what it starts: it would hold what is encrypted."""
    if resource is None:
        return
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    # One byte is too little for any, and on Linux the sign that no program that collects them gets one (core(5)'s pipes
    # take no notice of 0).
    limit = 1 if sys.platform == "linux" and hard != 0 else 0
    resource.setrlimit(resource.RLIMIT_CORE, (limit, hard))


def hide_memory() -> None:
    """Refuse core files, and on Linux let no other process of this user read this one's memory and environment.

    Not for the window: xdg-desktop-portal refuses processes that hide theirs, and with it go dialogs and the dark mode.
    """
    refuse_core_files()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def private(path: str, flags: int) -> int:
    """Open a file that only its owner may read, one of an earlier version too; for open()'s `opener`."""
    descriptor = os.open(path, flags, 0o600)
    if sys.platform != "win32":
        with suppress(OSError):  # a disk without rights
            os.fchmod(descriptor, 0o600)
    return descriptor
