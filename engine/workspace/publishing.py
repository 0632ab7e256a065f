"""The one function that makes a file appear on disk: complete and durable, or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import StorageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM}
_MISTAKEN = {  # the path is at fault, not the disk
    errno.ENOENT: "is not there",
    errno.ENOTDIR: "leads through a file, not a folder",
    errno.EEXIST: "is a file, not a folder",
    errno.ENAMETOOLONG: "has a longer name than this disk takes",
}


def publish_file(chunks: Iterable[bytes | memoryview], *, staging: Path, target: Callable[[str], Path]) -> str:
    """Write `chunks` and give them their name in one step; return their SHA-256 (hex).

    Stage on the same file system, write, fsync, fsync the folder, rename, fsync the parent: a reader, or a restart
    after a power cut, finds the whole file or none. `target` tells the final path from the digest. Raises
    StorageError when the disk is full or can't be written; what was there before is untouched.
    """
    staged = staging / f"staged-{uuid.uuid4().hex}"
    with storage_errors(staging):
        try:
            digest = _write(staged, chunks)
            sync_folder(staging)
            place = target(digest)
            made = not place.parent.exists()
            place.parent.mkdir(mode=0o700, exist_ok=True)
            staged.replace(place)
            sync_folder(place.parent)
            if made:
                sync_folder(place.parent.parent)
        except BaseException:
            with suppress(OSError):  # the first failure is the one to tell
                staged.unlink(missing_ok=True)
            raise
    return digest


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Raise StorageError in place of what the system says about `path`."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, path) from error


def storage_error(error: OSError, path: Path) -> StorageError:
    """Say in a sentence why the disk refused."""
    if error.errno in _FULL:
        return StorageError(
            f"The disk is full: {path} can't take more.",
            hint="Make room on this disk and do it again. Nothing that was there before is lost.",
        )
    if error.errno == errno.EROFS:
        return StorageError(
            f"{path} can't be written: the disk is read-only.", hint="Choose a folder on a disk that can be written."
        )
    if error.errno in _FORBIDDEN:
        return StorageError(
            f"{path} may not be read or written: {os.strerror(error.errno)}.",
            hint="Choose a folder you may read and write, or ask whoever looks after this machine for that right.",
        )
    if error.errno in _MISTAKEN:
        return StorageError(
            f"{path} {_MISTAKEN[error.errno]}.",
            hint="Check the path, and that the disk it is on is connected, then do it again.",
        )
    return StorageError(
        f"The disk failed at {path}: {error.strerror or error}.",
        hint="Check that the disk is connected and healthy, then do it again.",
    )


def sync_file(descriptor: int) -> None:
    """Bring a file's bytes onto the medium itself."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # on macOS fsync stops at the drive's cache
    else:
        os.fsync(descriptor)


def _write(staged: Path, chunks: Iterable[bytes | memoryview]) -> str:
    digest = hashlib.sha256()
    with staged.open("xb", buffering=0) as file:
        staged.chmod(0o600)
        for chunk in chunks:
            digest.update(chunk)
            rest = memoryview(chunk)
            while rest:  # an unbuffered write may be cut short
                rest = rest[file.write(rest) :]
        sync_file(file.fileno())
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make names in a folder durable."""
    if sys.platform == "win32":  # a folder can't be opened there; NTFS journals the rename
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
