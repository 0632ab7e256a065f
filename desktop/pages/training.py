"""The training page: choose what to fine-tune, watch the curves, and decide which run answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.job_thread import JobThread
from desktop.models.record_table import RecordTable
from desktop.models.run_columns import run_columns
from desktop.theme import SPACING, icon
from desktop.widgets.curves import Curves
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from desktop.widgets.page_stack import PageStack
from desktop.widgets.run_packages import RunPackages
from desktop.widgets.table import make_table, select_ids, selected_records
from desktop.widgets.tool_button import tool_button
from desktop.widgets.training_estimate import TrainingEstimate
from desktop.widgets.training_form import TrainingForm
from desktop.widgets.wrapping_row import WrappingRow
from desktop.wording import duration, plainly_joined, untuned_run
from engine.jobs import Measured, Progress
from engine.records import Run
from engine.training.job import Train

# The jobs of the workspace bring its database and numpy with them: imported when they are used, after the first paint.
if TYPE_CHECKING:
    from engine.errors import EngineError
    from engine.workspace.job import Promotion, RunList

BASE = "base"


class TrainingPage(QWidget):
    """Starts one training at a time; lists every run there was."""

    active_changed = Signal()  # another run answers now
    runs_changed = Signal(object)  # RunList

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._thread: JobThread | None = None
        self._reading: JobThread | None = None  # the curves of the run asked for last
        self._active = BASE
        self._notice = Notice()
        self._curves = Curves()
        self.estimate = TrainingEstimate(jobs)
        self.form = TrainingForm(self.estimate)
        self.form.changed.connect(self.estimate.show_for)
        self.estimate.show_for(self.form.job)
        self.form.start_asked.connect(self.start_training)
        self.form.pause_asked.connect(self._pause_or_resume)
        self.form.cancel_asked.connect(self._cancel_training)
        self.form.import_asked.connect(self._ask_for_model)
        self._stage = QLabel()
        self._stage.setTextFormat(Qt.TextFormat.PlainText)
        self._stage.setWordWrap(True)
        self._stage.setAccessibleName(self.tr("Stage and time left"))
        self.table_model = RecordTable(run_columns(self._state))
        self.table = make_table(self.table_model, name=self.tr("Runs"), sorts=False)
        self.table.selectionModel().selectionChanged.connect(self._show_buttons)
        self._stack = PageStack()
        self._stack.addWidget(
            EmptyState(
                "training",
                self.tr("No training yet"),
                self.tr(
                    "Import documents and questions with known answers, then press Start; held-back ones decide what "
                    "is kept. Without questions the search alone learns, from titles and headings: that is weaker."
                ),
            )
        )
        self._stack.addWidget(self._curves)
        lower = QWidget()
        lower_column = QVBoxLayout(lower)
        lower_column.setContentsMargins(0, 0, 0, 0)
        lower_column.addLayout(self._run_tools())
        lower_column.addWidget(self.table, 1)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self._stack)
        halves.addWidget(lower)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        halves.setChildrenCollapsible(False)
        right = QVBoxLayout()
        right.setSpacing(SPACING)
        right.addWidget(self._stage)
        right.addWidget(halves, 1)
        row = QHBoxLayout()
        row.setSpacing(SPACING + 4)
        row.addWidget(self.form, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(right, 1)
        column = page_layout(self)
        column.addWidget(
            Heading(
                self.tr("Training"),
                self.tr(
                    "Fine-tunes the search and the answers on your questions. A run that measures no better is not "
                    "used."
                ),
            )
        )
        column.addWidget(self._notice)
        column.addLayout(row, 1)
        self._show_buttons()
        self._show_running()

    @property
    def curves(self) -> Curves:
        """The curves."""
        return self._curves

    @property
    def stage(self) -> str:
        """What the page says about the training that runs."""
        return self._stage.text()

    @property
    def notice(self) -> Notice:
        """What the page says at its top."""
        return self._notice

    def reload(self) -> None:
        """Read the runs and models again."""
        from engine.workspace.job import ListRuns

        runs = self._jobs.run(ListRuns())
        runs.finished_with.connect(self.show_runs)
        runs.failed.connect(self._notice.warn)
        self._list_models()
        self.estimate.forget()

    def import_model(self, path: str) -> None:
        """Import a model folder into the library and choose it."""
        from engine.serving.trial import ImportModel

        self._notice.hide()
        thread = self._jobs.run(ImportModel(path))
        thread.finished_with.connect(
            lambda trial: self._list_models().finished_with.connect(lambda models: self.form.choose_model(trial.name))
        )
        thread.failed.connect(self._notice.warn)

    def _list_models(self) -> JobThread:
        from engine.models.job import ListModels

        thread = self._jobs.run(ListModels())
        thread.finished_with.connect(self.form.show_models)
        return thread

    def _ask_for_model(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Import a model"))
        if chosen:
            self.import_model(chosen)

    def start_over(self) -> None:
        """Forget what belongs to another workspace."""
        self._notice.hide()
        self._reading = None
        self._curves.clear()
        self._stack.setCurrentIndex(0)
        self._stage.clear()
        self.table_model.show(())
        self.reload()

    def show_runs(self, found: RunList) -> None:
        """List the runs, the newest first, the untuned models last."""
        self._active = found.active
        chosen = {run.id for run in selected_records(self.table) if isinstance(run, Run)}
        runs = [run for run in reversed(found.runs) if run.id != BASE]
        self.table_model.show([*runs, untuned_run()])
        select_ids(self.table, chosen)
        self.runs_changed.emit(found)
        self._show_buttons()
        if self._stack.currentIndex() == 0 and runs and self._thread is None:
            self._show_points_of(runs[0])

    def start_training(self, job: Train) -> None:
        """Train; the curves follow."""
        if self._thread is not None:
            return
        self.estimate.give_way()
        self._curves.clear()
        self._stack.setCurrentWidget(self._curves)
        self._notice.hide()
        self._reading = None
        self._thread = thread = self._jobs.run(job)
        thread.measured.connect(self._add_points)
        thread.progressed.connect(self._show_progress)
        thread.paused_changed.connect(self._show_paused)
        thread.finished_with.connect(self._show_outcome)
        thread.failed.connect(self._show_failure)
        thread.cancelled.connect(self._show_cancelled)
        thread.broke.connect(self._show_broken)
        thread.ended.connect(self._forget_thread)
        self._stage.setText(self.tr("Starting…"))
        self._show_running()

    def _run_tools(self) -> WrappingRow:
        title = QLabel(self.tr("Runs"))
        title.setObjectName("section")
        self._resume = tool_button(self.tr("Resume"), self.tr("Resume the selected run"), self._resume_selected)
        self._resume.setIcon(icon("play"))
        named = self.tr("Show the curves of the selected run")
        self._show_curves = tool_button(self.tr("Show its curves"), named, self._show_selected_points)
        named = self.tr("Answer with the selected run")
        self._promote = tool_button(self.tr("Answer with this run"), named, self._promote_selected)
        named = self.tr("Answer with the run before")
        self._rollback = tool_button(self.tr("Back to the run before"), named, self._roll_back)
        self._packages = RunPackages(self._jobs, self._selected)
        self._packages.run_imported.connect(self.reload)
        self._packages.failed.connect(self._notice.warn)
        self._packages.told.connect(self._stage.setText)
        chosen = (self._resume, self._show_curves, self._promote, self._rollback)
        return WrappingRow(title, *chosen, trailing=(self._packages,))

    def _add_points(self, points: Sequence[Measured]) -> None:
        self._curves.add(points, model=self._default_model())

    def _default_model(self) -> str:
        job = self._thread.ticket.job if self._thread is not None else None
        return "generator" if isinstance(job, Train) and job.what == "generator" else "retriever"

    def _show_progress(self, progress: Progress) -> None:
        if self._thread is None or self._thread.paused:
            return
        counted = f"{progress.done:,} / {progress.total:,}" if progress.total else ""
        left = "" if progress.left_s is None else self.tr("about {0} left").format(duration(progress.left_s))
        self._stage.setText(plainly_joined([progress.stage, counted, left]))

    def _show_outcome(self, run: Run) -> None:
        self._notice.tell(f"{run.id}: {run.reason}")
        self._stage.setText(self.tr("Finished in {0}.").format(duration(run.seconds)))
        self.active_changed.emit()

    def _show_failure(self, error: EngineError) -> None:
        self._notice.warn(error)
        self._stage.setText(self.tr("Stopped by an error."))

    def _show_cancelled(self) -> None:
        self._stage.setText(self.tr("Cancelled. A run that had begun is listed below: select it to resume it."))

    def _show_broken(self) -> None:
        self._stage.setText(
            self.tr(
                "Stopped by a mistake in the program. A run that had begun is listed below: select it to resume it."
            )
        )

    def _forget_thread(self) -> None:
        self._thread = None
        self._show_running()
        self.reload()

    def _show_running(self) -> None:
        self.form.show_running(self._thread is not None)
        self._curves.show_awaited(self._thread is not None)
        self._show_buttons()

    def _pause_or_resume(self) -> None:
        if self._thread is not None:
            (self._thread.resume if self._thread.paused else self._thread.pause)()

    def _show_paused(self, paused: bool) -> None:
        self.form.show_paused(paused)
        self._stage.setText(self.tr("Paused") if paused else self.tr("Going on…"))

    def _cancel_training(self) -> None:
        if self._thread is not None:
            self._stage.setText(self.tr("Cancelling: what is learnt up to the last checkpoint is kept…"))
            self._thread.cancel()

    def _selected(self) -> Run | None:
        runs = selected_records(self.table)
        return runs[0] if runs and isinstance(runs[0], Run) else None

    def _show_buttons(self) -> None:
        run = self._selected()
        self._resume.setEnabled(
            run is not None and self._thread is None and run.state in ("interrupted", "running") and run.id != BASE
        )
        self._promote.setEnabled(run is not None and run.state == "finished" and run.id != self._active)
        self._show_curves.setEnabled(run is not None and run.id != BASE and self._thread is None)
        self._rollback.setEnabled(self._active != BASE)
        self._packages.show_run(run)

    def _resume_selected(self) -> None:
        run = self._selected()
        if run is not None:
            self.start_training(Train(run.what if run.what in ("retriever", "generator") else "all", resume=run.id))
            # Those of before the stop: the curve goes on.
            self._read_points(run.id).finished_with.connect(self._add_points)

    def _show_selected_points(self) -> None:
        run = self._selected()
        if run is not None:
            self._show_points_of(run)

    def _show_points_of(self, run: Run) -> None:
        self._points_of = run
        self._stage.setText(self.tr("Curves of {0}").format(run.id))
        self._reading = self._read_points(run.id)
        self._reading.finished_with.connect(self._show_points)

    def _read_points(self, run_id: str) -> JobThread:
        from engine.workspace.job import ReadPoints

        thread = self._jobs.run(ReadPoints(run_id))
        thread.failed.connect(self._notice.warn)
        return thread

    def _show_points(self, points: tuple[Measured, ...]) -> None:
        if self.sender() is not self._reading:
            return  # another run's were asked for since, or a training began
        self._curves.clear()
        self._stack.setCurrentWidget(self._curves)
        self._curves.add(points, model="generator" if self._points_of.what == "generator" else "retriever")
        if not points:
            self._stage.setText(self.tr("{0} has no curves.").format(self._points_of.id))

    def _promote_selected(self) -> None:
        run = self._selected()
        if run is None:
            return
        if run.kept or run.id == BASE:
            self._promote_run(run)
            return
        question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Question)
        question.setText(self.tr("Answer with {0} although it was not kept?").format(run.id))
        question.setInformativeText(run.reason)
        question.setStandardButtons(QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel)
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        question.finished.connect(
            lambda answer: self._promote_run(run) if answer == QMessageBox.StandardButton.Ok else None
        )
        question.open()

    def _promote_run(self, run: Run) -> None:
        from engine.workspace.job import Promote

        self._watch_promotion(self._jobs.run(Promote(run.id)))

    def _roll_back(self) -> None:
        from engine.workspace.job import Rollback

        self._watch_promotion(self._jobs.run(Rollback()))

    def _watch_promotion(self, thread: JobThread) -> None:
        thread.finished_with.connect(self._show_promotion)
        thread.failed.connect(self._notice.warn)

    def _show_promotion(self, promotion: Promotion) -> None:
        self._notice.tell(self.tr("{0} answers now, in place of {1}.").format(promotion.active, promotion.previous))
        self.reload()
        self.active_changed.emit()

    def _state(self, run: Run) -> str:
        if run.id == self._active:
            return self.tr("answers now")
        if run.id == BASE:
            return self.tr("untuned")
        if run.state == "finished":
            return self.tr("kept") if run.kept else self.tr("not kept")
        if run.state == "failed":
            return self.tr("failed")
        mine = self._thread is not None and run.state == "running"
        return self.tr("running") if mine else self.tr("interrupted")
