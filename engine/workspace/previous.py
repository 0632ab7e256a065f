"""The workspace as it was before a newer version migrated it: kept, so that the version before can have it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from engine.errors import DamagedError, SchemaError, WorkspaceError
from engine.workspace.description import DESCRIPTION, Description
from engine.workspace.lock import WorkspaceLock
from engine.workspace.publishing import storage_errors, sync_file, sync_folder

PREVIOUS = "before-update"  # in the workspace's folder: database and description; the objects are shared
DATABASE, LOCK = "workspace.db", "lock"
_LOGS = (f"{DATABASE}-wal", f"{DATABASE}-shm")
_FILES = (DATABASE, *_LOGS, DESCRIPTION)
_BEING_MADE = f"{PREVIOUS}.making"


def keep(folder: Path) -> None:
    """Keep database and description as they are now, in place of what was kept before. Under the workspace's lock."""
    _put(_copied(folder), folder)


def is_kept(folder: Path) -> bool:
    """Whether a state before an update is there."""
    return (folder / PREVIOUS).is_dir()


def drop(folder: Path) -> None:
    """Forget the state before the update: what is removed from a workspace must not stay there."""
    if is_kept(folder):
        shutil.rmtree(folder / PREVIOUS)


def restore(folder: Path) -> Description:
    """Exchange the workspace for what it was before the update; done twice, it is as it was.

    Raises WorkspaceError where nothing is kept or the folder is no workspace, SchemaError where what is kept too is
    newer than this program, LockedError. A crash half way leaves what was kept: do it again.
    """
    folder = folder.absolute()
    with storage_errors(folder):
        with suppress(SchemaError, DamagedError):  # what is kept takes the place of such a one
            Description.load(folder)
        lock = WorkspaceLock(folder / LOCK)
        try:
            kept = folder / PREVIOUS
            if not is_kept(folder):
                raise WorkspaceError(
                    f"{folder.name} holds no state from before an update.",
                    hint="It is kept when a newer version opens the workspace, until a document or question is removed "
                    "from it. Otherwise restore your own backup.",
                )
            description = Description.load(kept)
            being_made = _copied(folder)
            names = [name for name in _FILES if (kept / name).is_file()]
            for name in names:
                _copy(kept / name, folder / f"staged-{name}")
            for name in _LOGS:
                (folder / name).unlink(missing_ok=True)
            for name in names:
                (folder / f"staged-{name}").replace(folder / name)
            sync_folder(folder)
            _put(being_made, folder)
        finally:
            lock.release()
    return description


def _copied(folder: Path) -> Path:
    """Copy what stands in the folder now; return where the copy is."""
    being_made = folder / _BEING_MADE
    shutil.rmtree(being_made, ignore_errors=True)
    being_made.mkdir(mode=0o700)
    for name in _FILES:
        if (folder / name).is_file():
            _copy(folder / name, being_made / name)
    sync_folder(being_made)
    return being_made


def _put(being_made: Path, folder: Path) -> None:
    drop(folder)
    being_made.rename(folder / PREVIOUS)
    sync_folder(folder)


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o600)
    with target.open("rb+") as file:
        sync_file(file.fileno())
