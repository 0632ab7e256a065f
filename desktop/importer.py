"""Brings files in: the import, then the index over what is new."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QObject, Signal

from desktop.job_queue import JobQueue
from desktop.job_thread import JobThread
from engine.importing import ImportFiles, ImportReport
from engine.questions.columns import ColumnMap
from engine.retrieval.job import BuildIndex

Kind = Literal["auto", "documents", "questions"]


class Importer(QObject):
    """Runs one import after the other; says when documents and questions have changed, and when they are indexed."""

    imported = Signal(object)  # ImportReport
    indexed = Signal(object)  # IndexReport
    password_wanted = Signal(tuple)  # of Skipped: files that open with a password only
    failed = Signal(object)  # EngineError
    stopped = Signal()  # cancelled, or by a bug: what was imported until then is kept

    def __init__(self, jobs: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs = jobs

    def add(
        self,
        paths: tuple[str, ...],
        kind: Kind = "auto",
        passwords: tuple[str, ...] = (),
        columns: ColumnMap | None = None,
    ) -> None:
        """Import `paths`. `passwords` are tried on files that want one; `columns` are those of question files."""
        thread = self._jobs.run(ImportFiles(tuple(paths), kind, passwords, columns))
        thread.finished_with.connect(self._index)
        self._hear_unfinished(thread)

    def _index(self, report: ImportReport) -> None:
        self.imported.emit(report)
        locked = tuple(skipped for skipped in report.skipped if skipped.wants == "password")
        if locked:
            self.password_wanted.emit(locked)
        if report.passages:
            thread = self._jobs.run(BuildIndex())
            thread.finished_with.connect(self.indexed)
            self._hear_unfinished(thread)

    def _hear_unfinished(self, thread: JobThread) -> None:
        thread.failed.connect(self.failed)
        for end in (thread.cancelled, thread.broke):
            end.connect(self.stopped)
