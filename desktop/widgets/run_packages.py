"""The buttons that carry a run from one workspace to another, as a package."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from desktop.job_queue import JobQueue
from desktop.widgets.tool_button import tool_button
from engine.records import Run

if TYPE_CHECKING:
    from engine.exporting.job import Packaged

SUFFIX = ".vademecum"


class RunPackages(QWidget):
    """Exports the selected run and imports packages."""

    run_imported = Signal()
    failed = Signal(object)  # EngineError
    told = Signal(str)

    def __init__(self, jobs: JobQueue, selected: Callable[[], Run | None]) -> None:
        super().__init__()
        self._jobs = jobs
        self._selected = selected
        self._export = tool_button(self.tr("Export…"), self.tr("Export the selected run"), self._ask_where)
        self._import = tool_button(self.tr("Import…"), self.tr("Import a run"), self._ask_which)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._export)
        row.addWidget(self._import)

    def show_run(self, run: Run | None) -> None:
        """Offer to export the selected run, once it has ended."""
        self._export.setEnabled(run is not None and run.state == "finished")

    def export_run(self, run_id: str, path: str) -> None:
        """Write the run as a package."""
        from engine.exporting.job import ExportRun

        thread = self._jobs.run(ExportRun(run_id, path))
        thread.finished_with.connect(self._tell_exported)
        thread.failed.connect(self.failed)

    def import_run(self, path: str) -> None:
        """Take a run from a package."""
        from engine.exporting.job import ImportRun

        thread = self._jobs.run(ImportRun(path))
        thread.finished_with.connect(lambda packaged: self.run_imported.emit())
        thread.failed.connect(self.failed)

    def _ask_where(self) -> None:
        run = self._selected()
        if run is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, self.tr("Export a run"), f"{run.id}{SUFFIX}")
        if path:
            self.export_run(run.id, path)

    def _ask_which(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, self.tr("Import a run"), "", self.tr("Runs (*{0});;All files (*)").format(SUFFIX)
        )
        if path:
            self.import_run(path)

    def _tell_exported(self, packaged: Packaged) -> None:
        self.told.emit(
            self.tr("{0} is in {1}. It is not encrypted, and a tuned model may remember what it read.").format(
                packaged.run, packaged.package
            )
        )
