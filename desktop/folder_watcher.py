"""Keeps up with the watched folders of the open workspace: says when one of them wants to be imported again."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.job_queue import JobQueue
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.watching import FolderWatch

_SETTLED_MS = 2000  # without a change: a file that is being copied changes all the time
_RETRY_MS = 30_000  # until the folders are looked for again: a drive that is plugged in or out says nothing


class FolderWatcher(QObject):
    """Watches folders with the system's help; which ones, the workspace remembers."""

    folders_changed = Signal(tuple, tuple)  # of str: the watched folders, and those of them that are not there
    import_wanted = Signal(tuple)  # of str: paths
    failed = Signal(object)  # EngineError
    _changed = Signal(str)  # from the watching thread
    _looked = Signal(tuple, tuple)  # of str: folders that were looked at, those that are there; from the looking thread

    def __init__(self, jobs: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._workspace = Path()
        self._watches: dict[str, FolderWatch | None] = {}  # None where the folder is not there
        self._dirty: dict[str, None] = {}
        self._importing = False
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(lambda: self._look_at(tuple(self._dirty)))
        self._retry = QTimer(self)
        self._retry.setSingleShot(True)
        self._retry.setInterval(_RETRY_MS)
        self._retry.timeout.connect(self.look_again)
        self._changed.connect(self._note_change)
        self._looked.connect(self._note_looked)

    @property
    def folders(self) -> tuple[str, ...]:
        """The watched folders, there or not."""
        return tuple(self._watches)

    @property
    def away(self) -> tuple[str, ...]:
        """Those that are not there."""
        return tuple(folder for folder, watch in self._watches.items() if watch is None)

    def start_over(self, workspace: Path) -> None:
        """Watch the folders of another workspace."""
        from engine.workspace.job import ReadWatchedFolders

        self.stop()
        self._workspace = workspace
        thread = self._jobs.run(ReadWatchedFolders())
        thread.finished_with.connect(self._watch_all)

    def add(self, folder: str) -> None:
        """Watch one more folder, and bring in what is there."""
        if folder in self.folders:
            return
        try:
            self._watch(folder)
        except EngineError as error:
            self.failed.emit(error)
        else:
            self._remember()
            self._note_change(folder)

    def remove(self, folder: str) -> None:
        """Watch a folder no more. Its documents stay."""
        if folder in self.folders:
            watch = self._watches.pop(folder)
            if watch is not None:
                watch.stop()
            self._remember()

    def look_again(self) -> None:
        """See which folders went away and which have come back."""
        self._look_at(self.folders)

    def _look_at(self, folders: tuple[str, ...]) -> None:
        # In a thread of its own: a server that doesn't answer holds whoever asks for it for many seconds.
        threading.Thread(target=self._look, args=(folders,), name="folder looker", daemon=True).start()

    def _look(self, folders: tuple[str, ...]) -> None:
        there = tuple(folder for folder in folders if os.path.isdir(folder))  # noqa: PTH112 - never raises
        with suppress(RuntimeError):  # the window has gone meanwhile
            self._looked.emit(folders, there)

    def _note_looked(self, folders: tuple[str, ...], there: tuple[str, ...]) -> None:
        before = self.away
        for folder in folders:
            watch = self._watches.get(folder)
            if folder in before and folder in there:
                self._watch_if_there(folder)
            elif watch is not None and folder not in there:
                watch.stop()
                self._watches[folder] = None
                self._dirty.pop(folder, None)
        if self.away != before:
            self._tell()
        elif self.folders:
            self._retry.start()
        if not (self._importing or self._settled.isActive()):
            self._want_import()

    def note_import_ended(self) -> None:
        """Import again, if something changed while an import ran."""
        self._importing = False
        if self._dirty:
            self._settled.start()

    def stop(self) -> None:
        """Watch nothing."""
        self._settled.stop()
        self._retry.stop()
        self._dirty.clear()
        self._importing = False
        for watch in self._watches.values():
            if watch is not None:
                watch.stop()
        self._watches.clear()

    def _watch_all(self, folders: tuple[str, ...]) -> None:
        for folder in folders:
            self._watch_if_there(folder)
        self._tell()

    def _watch_if_there(self, folder: str) -> None:
        try:
            self._watch(folder)
        except EngineError:
            self._watches[folder] = None  # kept: a drive may be unplugged, a server down
        else:
            self._note_change(folder)  # what changed while nobody watched

    def _watch(self, folder: str) -> None:
        from engine.watching import FolderWatch

        self._watches[folder] = FolderWatch(Path(folder), lambda: self._changed.emit(folder), ignored=self._workspace)

    def _remember(self) -> None:
        from engine.workspace.job import KeepWatchedFolders

        self._jobs.run(KeepWatchedFolders(self.folders)).failed.connect(self.failed)
        self._tell()

    def _tell(self) -> None:
        if self.folders:
            self._retry.start()
        else:
            self._retry.stop()
        self.folders_changed.emit(self.folders, self.away)

    def _note_change(self, folder: str) -> None:
        self._dirty[folder] = None
        if not self._importing:
            self._settled.start()

    def _want_import(self) -> None:
        paths = tuple(self._dirty)
        self._dirty.clear()
        if paths:
            self._importing = True
            self.import_wanted.emit(paths)
