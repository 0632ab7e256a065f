"""The evaluation page: does a run answer held-back questions better than another, and on which ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.job_thread import JobThread
from desktop.theme import SPACING, icon
from desktop.widgets.breakdown_view import BreakdownView
from desktop.widgets.drawing_view import DrawingList
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.measures import Measures
from desktop.widgets.notice import Notice
from desktop.widgets.page_stack import PageStack
from desktop.widgets.question_results import QuestionResults
from desktop.widgets.table import make_table
from desktop.widgets.wrapping_row import WrappingRow
from desktop.wording import counted, duration, milliseconds, plainly_joined

if TYPE_CHECKING:
    from engine.evaluation.job import Amend
    from engine.evaluation.publication import PublishedReport
    from engine.evaluation.report import PinnedReport, QuestionResult, Report
    from engine.records import Amendment, Question
    from engine.workspace.job import RunList

BASE = "base"


class EvaluationPage(QWidget):
    """Measures one run beside another."""

    question_amended = Signal()

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._thread: JobThread | None = None
        self._reading: JobThread | None = None  # the report asked for last
        self._listing: JobThread | None = None  # its questions
        self._notice = Notice()
        self._run = QComboBox()
        self._against = QComboBox()
        self._split = QComboBox()
        self._split.addItem(self.tr("Test questions"), "test")
        self._split.addItem(self.tr("Validation questions"), "validation")
        for box, name in (
            (self._run, self.tr("Run to evaluate")),
            (self._against, self.tr("Run to compare with")),
            (self._split, self.tr("Questions to ask")),
        ):
            box.setAccessibleName(name)
            box.setMinimumWidth(120)
        self._start = QPushButton(icon("play", highlighted=True), self.tr("&Evaluate"))
        self._start.setObjectName("primary")
        self._start.setAccessibleName(self.tr("Evaluate"))
        self._start.clicked.connect(self.start_evaluation)
        self._write = self._button(self.tr("&Write report…"), self._choose_folder)
        self._card = self._button(self.tr("Model &card"), self._read_card)
        self._run.currentIndexChanged.connect(self._read_report)
        self._split.currentIndexChanged.connect(self._read_report)
        self._verdict = QLabel()
        self._verdict.setObjectName("verdict")
        self._verdict.setWordWrap(True)
        self._verdict.setTextFormat(Qt.TextFormat.PlainText)
        self._splits = QLabel()
        self._splits.setWordWrap(True)
        self._splits.setTextFormat(Qt.TextFormat.PlainText)
        self._details = QLabel()
        self._details.setObjectName("page_subtitle")
        self._details.setWordWrap(True)
        self._details.setTextFormat(Qt.TextFormat.PlainText)
        self._measures = Measures()
        self.metrics_model = self._measures.model
        self.questions = QuestionResults()
        self.questions_model = self.questions.model
        self.questions.question_chosen.connect(self._read_question)
        self.questions.correction_asked.connect(self._read_stored)
        self.questions.amend_asked.connect(self._amend)
        self.breakdowns = BreakdownView()
        self.plots = DrawingList()
        self._known_runs: set[str] | None = None  # None until the workspace's runs were shown once
        self._shown: Report | None = None
        self._stack = PageStack()
        self._stack.addWidget(
            EmptyState(
                "evaluation",
                self.tr("Nothing measured yet"),
                self.tr(
                    "Choose a run and press Evaluate: it is asked every question that was kept back from training, "
                    "beside the untuned models, and you see whether it got better and how sure that is."
                ),
            )
        )
        self._stack.addWidget(self._results())
        column = page_layout(self)
        column.addWidget(
            Heading(
                self.tr("Evaluation"),
                self.tr(
                    "Held-back questions, the same for every run. “Better” is said only when chance alone would not "
                    "explain it."
                ),
            )
        )
        column.addWidget(self._notice)
        column.addWidget(self._choices())
        column.addWidget(self._stack, 1)

    @property
    def verdict(self) -> str:
        """The sentence at the top of the results."""
        return self._verdict.text()

    @property
    def notice(self) -> Notice:
        """What the page says at its top."""
        return self._notice

    def start_over(self) -> None:
        """Forget what belongs to another workspace."""
        self._known_runs = None
        self._notice.hide()
        self._reading = None
        for box in (self._run, self._against):
            box.clear()
        self.questions.start_over()
        self.show_report(None)

    def show_runs(self, found: RunList) -> None:
        """Offer the runs that are finished."""
        ids = [run.id for run in reversed(found.runs) if run.state == "finished" and run.id != BASE]
        chosen, other = self._run.currentData(), self._against.currentData()
        for box in (self._run, self._against):
            box.blockSignals(True)
            box.clear()
            for run_id in [*ids, BASE]:
                named = self.tr("{0} (answers now)").format(run_id) if run_id == found.active else run_id
                box.addItem(self.tr("base (untuned)") if run_id == BASE and run_id != found.active else named, run_id)
            box.blockSignals(False)
        newest = ids[0] if ids and chosen not in ids and self._thread is None else chosen
        self._run.setCurrentIndex(max(0, self._run.findData(newest if newest else found.active)))
        self._against.setCurrentIndex(max(0, self._against.findData(other if other in ids else BASE)))
        self._read_report()
        self._check_pinned(ids)

    def start_evaluation(self) -> None:
        """Evaluate the chosen run."""
        from engine.evaluation.job import Evaluate

        if self._thread is not None or self._run.currentData() is None:
            return
        self._notice.hide()
        self._reading = None
        self._thread = self._jobs.run(
            Evaluate(self._run.currentData(), self._split.currentData(), self._against.currentData())
        )
        self._thread.finished_with.connect(self.show_report)
        self._thread.failed.connect(self._notice.warn)
        self._thread.ended.connect(self._forget_thread)
        self._show_running()

    def show_report(self, report: Report | None) -> None:
        """Show the measures and the verdict, and fetch the questions one by one."""
        self._write.setEnabled(report is not None)
        self._card.setEnabled(report is not None)
        if report is None:
            self._shown = self._listing = None
            self._stack.setCurrentIndex(0)
            return
        from engine.evaluation.job import ReadPerQuestion
        from engine.evaluation.reporting.plots import plots_of

        self._stack.setCurrentIndex(1)
        self._shown = report
        self._verdict.setText(self._measures.verdict_of(report))
        self._splits.setText(self._measures.splits_of(report))
        self._splits.setVisible(bool(self._splits.text()))
        self._details.setText(
            plainly_joined(
                [
                    self.tr("{0} from {1} (shares in points of 100)").format(
                        counted(report.questions, self.tr("question"), self.tr("questions")),
                        counted(report.groups, self.tr("document"), self.tr("documents")),
                    ),
                    self.tr("“reading” is answering with the right passage given"),
                    self.tr("measured in {0}").format(duration(report.seconds)),
                    self._latency(report),
                    *report.notes,
                ]
            )
        )
        self._measures.show_report(report)
        self.breakdowns.show_report(report)
        self.plots.show_drawings(plots_of(report))
        if report.pinned is not None and report.pinned.worse:
            self._show_pinned(report.pinned)
        self._listing = self._jobs.run(ReadPerQuestion(report.run, report.split))
        self._listing.finished_with.connect(self._show_questions)
        self._listing.failed.connect(self._notice.warn)

    def _show_questions(self, results: Sequence[QuestionResult]) -> None:
        if self.sender() is self._listing:
            self.questions.show_results(results)

    def write_report(self, folder: str) -> None:
        """Write the report that is shown into `folder`."""
        from engine.evaluation.publication import WriteReport

        if self._shown is not None:
            thread = self._jobs.run(WriteReport(folder, self._shown.run, self._shown.split))
            thread.finished_with.connect(self._show_written)
            thread.failed.connect(self._notice.warn)

    def _button(self, text: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(text.replace("&", ""))
        button.setEnabled(False)
        button.clicked.connect(act)
        return button

    def _latency(self, report: Report) -> str:
        if report.latency is None:
            return ""
        return self.tr("one answer takes {0}").format(milliseconds(report.latency.total_ms))

    def _choices(self) -> QWidget:
        card = QFrame()
        card.setObjectName("card")
        row = WrappingRow(
            _labelled(self.tr("&Run"), self._run),
            _labelled(self.tr("&against"), self._against),
            _labelled(self.tr("&on"), self._split),
            trailing=(self._card, self._write, self._start),
        )
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(SPACING)
        card.setLayout(row)
        return card

    def _results(self) -> QWidget:
        tabs = QTabWidget()
        tabs.setAccessibleName(self.tr("Results"))
        tabs.setDocumentMode(True)
        tabs.addTab(make_table(self.metrics_model, name=self.tr("Measures"), sorts=False), self.tr("Measures"))
        tabs.addTab(self.questions, self.tr("Question by question"))
        tabs.addTab(self.breakdowns, self.tr("Where it fails"))
        tabs.addTab(self.plots, self.tr("Plots"))
        self.tabs = tabs
        results = QWidget()
        all_of_it = QVBoxLayout(results)
        all_of_it.setContentsMargins(0, 0, 0, 0)
        all_of_it.addWidget(self._verdict)
        all_of_it.addWidget(self._splits)
        all_of_it.addWidget(self._details)
        all_of_it.addWidget(tabs, 1)
        return results

    def _read_report(self) -> None:
        from engine.evaluation.job import ReadReport

        if self._run.currentData() is not None and self._thread is None:
            self._reading = self._jobs.run(ReadReport(self._run.currentData(), self._split.currentData()))
            self._reading.finished_with.connect(self._show_read)
            self._reading.failed.connect(self._notice.warn)

    def _show_read(self, report: Report | None) -> None:
        if self.sender() is self._reading:  # else another was chosen since, or an evaluation began
            self.show_report(report)

    def _forget_thread(self) -> None:
        self._thread = None
        self._show_running()

    def _show_running(self) -> None:
        """What is evaluated stays chosen until its report is there."""
        for choice in (self._run, self._against, self._split, self._start):
            choice.setEnabled(self._thread is None)

    def _read_question(self, question_id: str) -> None:
        from engine.evaluation.job import ReadQuestion

        if self._shown is None:
            return
        thread = self._jobs.run(ReadQuestion(question_id, self._shown.run, self._shown.split))
        thread.finished_with.connect(self.questions.show_detail)
        thread.failed.connect(self._notice.warn)

    def _read_stored(self, question_id: str) -> None:
        """A question is corrected as it is now: it may have changed since it was asked."""
        from engine.workspace.job import ListQuestions

        thread = self._jobs.run(ListQuestions())
        thread.finished_with.connect(lambda stored: self._correct(question_id, stored))
        thread.failed.connect(self._notice.warn)

    def _correct(self, question_id: str, stored: Sequence[Question]) -> None:
        question = next((one for one in stored if one.id == question_id), None)
        if question is None:
            self._notice.tell(self.tr("The question is no longer in the workspace. Evaluate the run anew."))
        else:
            self.questions.ask_for_correction(question)

    def _amend(self, amend: Amend) -> None:
        thread = self._jobs.run(amend)
        thread.finished_with.connect(self._show_amendment)
        thread.failed.connect(self._notice.warn)

    def _show_amendment(self, amendment: Amendment) -> None:
        self.questions.show_amendment(amendment)
        self.question_amended.emit()
        self._notice.tell(self.tr("Recorded. It counts from the next evaluation on."))

    def _choose_folder(self) -> None:
        if self._shown is None:
            return
        folder = QFileDialog.getExistingDirectory(self, self.tr("Write the report into this folder"))
        if folder:
            self.write_report(folder)

    def _show_written(self, written: PublishedReport) -> None:
        self._notice.tell(
            self.tr(
                "The report is written, not encrypted: {0}, with PDF, CSV, JSON and the model card beside it."
            ).format(written.html)
        )

    def _read_card(self) -> None:
        from engine.evaluation.publication import ReadModelCard

        if self._shown is not None:
            thread = self._jobs.run(ReadModelCard(self._shown.run, self._shown.split))
            thread.finished_with.connect(self._show_card)
            thread.failed.connect(self._notice.warn)

    def _show_card(self, card: str) -> None:
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(self.tr("Model card"))
        dialog.resize(720, 560)
        text = QPlainTextEdit(card)
        text.setReadOnly(True)
        text.setAccessibleName(self.tr("Model card"))
        QVBoxLayout(dialog).addWidget(text)
        dialog.open()

    def _check_pinned(self, ids: Sequence[str]) -> None:
        """Ask the pinned questions of runs that are new since the list was last shown."""
        from engine.evaluation.job import CheckPinned

        new = [] if self._known_runs is None else [run_id for run_id in ids if run_id not in self._known_runs]
        self._known_runs = set(ids)
        for run_id in new:
            thread = self._jobs.run(CheckPinned(run_id))
            thread.finished_with.connect(self._show_pinned)
            thread.failed.connect(self._notice.warn)

    def _show_pinned(self, pinned: PinnedReport | None) -> None:
        if pinned is None:
            return
        self._notice.tell(
            self.tr("{0} of the {1} pinned questions got worse in {2}: {3}").format(
                len(pinned.worse), len(pinned.results), pinned.run, " · ".join(pinned.worse)
            )
            if pinned.worse
            else self.tr("None of the {0} pinned questions got worse in {1}.").format(len(pinned.results), pinned.run)
        )


def _labelled(label: str, box: QComboBox) -> QWidget:
    """Keep a choice and what it is called together."""
    name = QLabel(label)
    name.setBuddy(box)
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(name)
    row.addWidget(box)
    return both
