"""Keeps up with the watched folders of the open workspace: says when one of them wants to be imported again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.job_queue import JobQueue
from engine.errors import EngineError

if TYPE_CHECKING:
    from engine.watching import FolderWatch

_SETTLED_MS = 2000  # without a change: a file that is being copied changes all the time


class FolderWatcher(QObject):
    """Watches folders with the system's help; which ones, the workspace remembers."""

    folders_changed = Signal(tuple)  # of str: the watched folders
    import_wanted = Signal(tuple)  # of str: paths
    failed = Signal(object)  # EngineError
    _changed = Signal(str)  # from the watching thread

    def __init__(self, jobs: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs
        self._workspace = Path()
        self._watches: dict[str, FolderWatch] = {}
        self._dirty: dict[str, None] = {}
        self._importing = False
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLED_MS)
        self._settled.timeout.connect(self._want_import)
        self._changed.connect(self._note_change)

    @property
    def folders(self) -> tuple[str, ...]:
        """The watched folders."""
        return tuple(self._watches)

    def start_over(self, workspace: Path) -> None:
        """Watch the folders of another workspace."""
        from engine.workspace.job import ReadWatchedFolders

        self.stop()
        self._workspace = workspace
        thread = self._jobs.run(ReadWatchedFolders())
        thread.finished_with.connect(self._watch_all)

    def add(self, folder: str) -> None:
        """Watch one more folder, and bring in what is there."""
        if folder not in self._watches and self._watch(folder):
            self._remember()
            self._note_change(folder)

    def remove(self, folder: str) -> None:
        """Watch a folder no more. Its documents stay."""
        watch = self._watches.pop(folder, None)
        if watch is not None:
            watch.stop()
            self._remember()

    def note_import_ended(self) -> None:
        """Import again, if something changed while an import ran."""
        self._importing = False
        if self._dirty:
            self._settled.start()

    def stop(self) -> None:
        """Watch nothing."""
        self._settled.stop()
        self._dirty.clear()
        self._importing = False
        for watch in self._watches.values():
            watch.stop()
        self._watches.clear()

    def _watch_all(self, folders: tuple[str, ...]) -> None:
        for folder in folders:
            if self._watch(folder):
                self._note_change(folder)  # what changed while the program was closed
        self.folders_changed.emit(self.folders)

    def _watch(self, folder: str) -> bool:
        from engine.watching import FolderWatch

        try:
            self._watches[folder] = FolderWatch(
                Path(folder), lambda: self._changed.emit(folder), ignored=self._workspace
            )
        except EngineError as error:
            self.failed.emit(error)
            return False
        return True

    def _remember(self) -> None:
        from engine.workspace.job import KeepWatchedFolders

        self._jobs.run(KeepWatchedFolders(self.folders)).failed.connect(self.failed)
        self.folders_changed.emit(self.folders)

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
