"""The evaluation page: does a run answer held-back questions better than another, and on which ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QStackedWidget,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.job_thread import JobThread
from desktop.models.record_table import Column, RecordTable
from desktop.theme import SPACING, icon
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from desktop.widgets.table import make_table
from desktop.wording import counted, duration, metric, metric_explained, plainly_joined, points

if TYPE_CHECKING:
    from engine.evaluation.report import QuestionResult, Report
    from engine.workspace.job import RunList

BASE = "base"
_WHOLE_HEIGHT = 112


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of the table of measures; numbers as they are shown."""

    group: str
    name: str
    explained: str
    lexical: str
    dense: str
    hybrid: str
    other: str
    ours: str
    interval: str
    difference: str
    verdict: str


class EvaluationPage(QWidget):
    """Measures one run beside another."""

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._thread: JobThread | None = None
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
            box.setMinimumWidth(170)
        self._start = QPushButton(icon("play", highlighted=True), self.tr("&Evaluate"))
        self._start.setObjectName("primary")
        self._start.setAccessibleName(self.tr("Evaluate"))
        self._start.clicked.connect(self.start_evaluation)
        self._run.currentIndexChanged.connect(self._read_report)
        self._split.currentIndexChanged.connect(self._read_report)
        self._verdict = QLabel()
        self._verdict.setObjectName("verdict")
        self._verdict.setWordWrap(True)
        self._verdict.setTextFormat(Qt.TextFormat.PlainText)
        self._details = QLabel()
        self._details.setObjectName("page_subtitle")
        self._details.setWordWrap(True)
        self._details.setTextFormat(Qt.TextFormat.PlainText)
        self._short_verdicts = {
            "better": self.tr("better"),
            "worse": self.tr("worse"),
            "no difference shown": self.tr("no difference shown"),
            "not enough questions to tell": self.tr("too few questions"),
        }
        self.metrics_model = RecordTable(
            [
                Column(
                    self.tr("What was measured"), lambda row: f"{row.group}: {row.name}", tip=lambda row: row.explained
                ),
                Column(self.tr("BM25"), lambda row: row.lexical, number=True, width=60),
                Column(self.tr("Dense"), lambda row: row.dense, number=True, width=60),
                Column(self.tr("Both"), lambda row: row.hybrid, number=True, width=60),
                Column(self.tr("Compared"), lambda row: row.other, number=True, width=86),
                Column(self.tr("This run"), lambda row: row.ours, number=True, width=78),
                Column(self.tr("95 % interval"), lambda row: row.interval, number=True, width=110),
                Column(self.tr("Difference"), lambda row: row.difference, number=True, width=170),
                Column(self.tr("Verdict"), lambda row: self._short_verdicts.get(row.verdict, row.verdict), width=145),
            ]
        )
        self.questions_model = RecordTable(
            [
                Column(self.tr("Question"), lambda row: row.question),
                Column(self.tr("Known answer"), lambda row: " / ".join(row.gold)),
                Column(self.tr("This run's answer"), lambda row: row.answer or self.tr("(no answer)")),
                Column(self.tr("Compared run's answer"), lambda row: row.against_answer),
                Column(self.tr("F1"), lambda row: points(row.f1), key=lambda row: row.f1, number=True, width=70),
                Column(
                    self.tr("F1, compared"),
                    lambda row: points(row.against_f1),
                    key=lambda row: row.against_f1,
                    number=True,
                    width=110,
                ),
                Column(
                    self.tr("Found at"),
                    lambda row: str(row.hit_rank or "–"),
                    key=lambda row: row.hit_rank or 999,
                    number=True,
                    width=90,
                ),
            ]
        )
        self._stack = QStackedWidget()
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
        self._stack.setCurrentIndex(0)

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
        newest = ids[0] if ids and chosen not in ids else chosen
        self._run.setCurrentIndex(max(0, self._run.findData(newest if newest else found.active)))
        self._against.setCurrentIndex(max(0, self._against.findData(other if other in ids else BASE)))
        self._read_report()

    def start_evaluation(self) -> None:
        """Evaluate the chosen run."""
        from engine.evaluation.job import Evaluate

        if self._thread is not None or self._run.currentData() is None:
            return
        self._notice.hide()
        self._start.setEnabled(False)
        self._thread = self._jobs.run(
            Evaluate(self._run.currentData(), self._split.currentData(), self._against.currentData())
        )
        self._thread.finished_with.connect(self.show_report)
        self._thread.failed.connect(self._notice.warn)
        self._thread.ended.connect(self._forget_thread)

    def show_report(self, report: Report | None) -> None:
        """Show the measures and the verdict, and fetch the questions one by one."""
        from engine.evaluation.job import ReadPerQuestion

        if report is None:
            self._stack.setCurrentIndex(0)
            return
        self._stack.setCurrentIndex(1)
        self._verdict.setText(self._verdict_of(report))
        self._details.setText(
            plainly_joined(
                [
                    self.tr("{0} from {1} (shares in points of 100)").format(
                        counted(report.questions, self.tr("question"), self.tr("questions")),
                        counted(report.groups, self.tr("document"), self.tr("documents")),
                    ),
                    self.tr("“reading” is answering with the right passage given"),
                    self.tr("measured in {0}").format(duration(report.seconds)),
                    report.bleu_signature,
                ]
            )
        )
        self.metrics_model.show(self._rows(report))
        self._jobs.run(ReadPerQuestion(report.run, report.split)).finished_with.connect(self.show_questions)

    def show_questions(self, results: Sequence[QuestionResult]) -> None:
        """Show every question with what was said."""
        self.questions_model.show(results)

    def _choices(self) -> QWidget:
        card = QFrame()
        card.setObjectName("card")
        row = QHBoxLayout(card)
        row.setContentsMargins(16, 12, 16, 12)
        row.setSpacing(SPACING)
        for label, box in (
            (self.tr("&Run"), self._run),
            (self.tr("&against"), self._against),
            (self.tr("&on"), self._split),
        ):
            name = QLabel(label)
            name.setBuddy(box)
            row.addWidget(name)
            row.addWidget(box)
        row.addStretch(1)
        row.addWidget(self._start)
        return card

    def _results(self) -> QWidget:
        tabs = QTabWidget()
        tabs.setAccessibleName(self.tr("Results"))
        tabs.setDocumentMode(True)
        tabs.addTab(make_table(self.metrics_model, name=self.tr("Measures"), sorts=False), self.tr("Measures"))
        questions = QWidget()
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter the questions"))
        self._filter.setAccessibleName(self.tr("Filter the questions"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setFixedWidth(280)
        self._filter.textChanged.connect(self.questions_model.filter)
        column = QVBoxLayout(questions)
        column.setContentsMargins(0, SPACING, 0, 0)
        column.addWidget(self._filter)
        self._questions_table = make_table(self.questions_model, name=self.tr("Question by question"))
        self._questions_table.selectionModel().currentRowChanged.connect(self._show_question)
        self.questions_model.modelReset.connect(self._clear_question)
        self._whole = QPlainTextEdit()
        self._whole.setReadOnly(True)
        self._whole.setAccessibleName(self.tr("The selected question in full"))
        self._whole.setPlaceholderText(self.tr("Select a question to read it and its answers in full."))
        self._whole.setFixedHeight(_WHOLE_HEIGHT)
        column.addWidget(self._questions_table, 1)
        column.addWidget(self._whole)
        tabs.addTab(questions, self.tr("Question by question"))
        self.tabs = tabs
        results = QWidget()
        all_of_it = QVBoxLayout(results)
        all_of_it.setContentsMargins(0, 0, 0, 0)
        all_of_it.addWidget(self._verdict)
        all_of_it.addWidget(self._details)
        all_of_it.addWidget(tabs, 1)
        return results

    def _show_question(self, index: QModelIndex) -> None:
        if not index.isValid():
            return
        row = self.questions_model.record(index.row())
        told = (
            (self.tr("Question"), row.question),
            (self.tr("Known answer"), " / ".join(row.gold)),
            (self.tr("This run"), row.answer or self.tr("(no answer)")),
            (self.tr("With the right passage given"), row.oracle_answer),
            (self.tr("Compared run"), row.against_answer),
        )
        self._whole.setPlainText("\n".join(f"{name}: {text}" for name, text in told if text))

    def _clear_question(self) -> None:
        self._whole.clear()

    def _read_report(self) -> None:
        from engine.evaluation.job import ReadReport

        if self._run.currentData() is not None and self._thread is None:
            self._jobs.run(ReadReport(self._run.currentData(), self._split.currentData())).finished_with.connect(
                self.show_report
            )

    def _forget_thread(self) -> None:
        self._thread = None
        self._start.setEnabled(True)

    def _verdict_of(self, report: Report) -> str:
        told = report.against
        if told is None:
            return self.tr("{0}: measured alone, compared with nothing.").format(report.run)
        numbers = self.tr("{0:+.1f} points of {1} (95 % interval {2:+.1f} to {3:+.1f})").format(
            told.difference * 100, metric(told.metric), told.interval[0] * 100, told.interval[1] * 100
        )
        sentence = {
            "better": self.tr("{0} is better than {1}: {2}."),
            "worse": self.tr("{0} is worse than {1}: {2}."),
            "no difference shown": self.tr("No difference between {0} and {1} is shown: {2}."),
        }.get(told.verdict, self.tr("Not enough questions to tell {0} from {1}: {2}."))
        needed = (
            self.tr(" About {0} questions would tell.").format(f"{told.questions_needed:,}")
            if told.questions_needed
            else ""
        )
        return sentence.format(report.run, told.run, numbers) + needed

    def _rows(self, report: Report) -> list[MetricRow]:
        against = report.against
        rows = []
        for group, ours, theirs, compared in (
            (self.tr("Search"), report.retrieval, against.retrieval if against else {}, True),
            (self.tr("Answers"), report.answers, against.answers if against else {}, True),
            (self.tr("Reading"), report.oracle_answers, against.oracle_answers if against else {}, False),
        ):
            for name, value in ours.items():
                scale = _bleu if name == "bleu" else points
                baseline = (
                    {kind: scale(scores[name]) for kind, scores in report.baselines.items() if name in scores}
                    if group == self.tr("Search")
                    else {}
                )
                interval = report.intervals.get(name) if compared else None
                difference = against.metrics.get(name) if against and compared else None
                rows.append(
                    MetricRow(
                        group=group,
                        name=metric(name),
                        explained=metric_explained(name),
                        lexical=baseline.get("lexical", ""),
                        dense=baseline.get("dense", ""),
                        hybrid=baseline.get("hybrid", ""),
                        other=scale(theirs[name]) if name in theirs else "",
                        ours=scale(value),
                        interval=f"{scale(interval[0])} – {scale(interval[1])}" if interval else "",
                        difference=_difference(name, difference.difference, difference.interval) if difference else "",
                        verdict=difference.verdict if difference else "",
                    )
                )
        return rows


def _bleu(value: float) -> str:
    return f"{value:.1f}"


def _difference(name: str, difference: float, interval: tuple[float, float]) -> str:
    scale = 1 if name == "bleu" else 100
    return f"{difference * scale:+.1f} ({interval[0] * scale:+.1f} to {interval[1] * scale:+.1f})"
