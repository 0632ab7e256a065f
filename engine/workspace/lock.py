"""The lock that keeps a second instance out of a workspace; the system releases it when the process dies."""

from __future__ import annotations

import os
import sys
import time
import weakref
from contextlib import suppress
from pathlib import Path

from engine.errors import LockedError
from engine.workspace.publishing import storage_error

_TRIES, _PAUSE_S = 7, 0.05
_WINDOWS_LOCKED_BYTE = 1 << 30  # far behind the process id, which stays readable


class WorkspaceLock:
    """An operating-system lock on `<workspace>/lock`, held from construction until `release`."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises LockedError naming the process that holds it, StorageError when the disk refuses."""
        try:
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise storage_error(error, path) from error
        try:
            _take(self._descriptor)
        except OSError as error:
            holder = _holder(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None
            raise LockedError(
                f"The workspace {path.parent.name} is open already{f' in process {holder}' if holder else ''}.",
                hint="Close it there first: one workspace is open in one window or one command at a time.",
            ) from error
        _forget_in_children(self)
        with suppress(OSError):  # on a full disk the lock holds all the same, only without a name
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Let the next instance in. Doing it twice does no harm."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _take(descriptor: int) -> None:
    """Lock the file. Raises OSError when another process keeps it for longer than a killed one takes to go."""
    for _ in range(_TRIES - 1):
        with suppress(OSError):
            _try_to_take(descriptor)
            return
        time.sleep(_PAUSE_S)
    _try_to_take(descriptor)


def _try_to_take(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(descriptor, _WINDOWS_LOCKED_BYTE, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    holder = os.read(descriptor, 20).decode("ascii", errors="replace")
    return holder if holder.isdigit() else ""


def _forget_in_children(lock: WorkspaceLock) -> None:
    """A forked child would keep the lock alive after our death: it closes its copy."""
    if sys.platform == "win32":
        return
    reference = weakref.ref(lock)

    def forget() -> None:
        held = reference()
        if held is not None:
            held.release()

    os.register_at_fork(after_in_child=forget)
