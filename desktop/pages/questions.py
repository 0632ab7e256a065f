"""The questions page: questions with known answers, which split each is in, and what was wrong with those left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.models.record_table import Column, RecordTable
from desktop.widgets.drop_area import DropArea
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from desktop.widgets.table import make_table
from desktop.wording import counted, plainly_joined
from engine.records import SPLITS, Question

if TYPE_CHECKING:
    from engine.importing import ImportReport

_PROBLEMS_SHOWN = 1000


class QuestionsPage(QWidget):
    """Shows the questions, and the problems of the last import."""

    paths_dropped = Signal(tuple)  # of str

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._notice = Notice()
        self.drop_area = DropArea(
            self.tr("Drop question files here"),
            self.tr(
                "JSON, JSONL, CSV or SQuAD, one record a question: question, answer, context or document; optional: "
                "split, group, id."
            ),
            folders=False,
        )
        self.drop_area.paths_dropped.connect(self.paths_dropped)
        split_names = {"train": self.tr("training"), "validation": self.tr("validation"), "test": self.tr("test")}
        self._split_names = split_names
        self.table_model = RecordTable(
            [
                Column(self.tr("Question"), lambda row: row.question),
                Column(self.tr("Answer"), self._answer),
                Column(
                    self.tr("Split"),
                    lambda row: split_names.get(row.split, row.split),
                    key=lambda row: SPLITS.index(row.split),
                    width=110,
                ),
                Column(self.tr("Evidence"), self._evidence, key=lambda row: len(row.evidence), width=110),
            ]
        )
        self.table = make_table(self.table_model, name=self.tr("Questions"))
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter the list"))
        self._filter.setAccessibleName(self.tr("Filter the questions"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setFixedWidth(280)
        self._filter.textChanged.connect(self.table_model.filter)
        self._count = QLabel()
        self._count.setObjectName("page_subtitle")
        self._count.setAccessibleName(self.tr("How many questions there are"))
        tools = QHBoxLayout()
        tools.addWidget(self._filter)
        tools.addWidget(self._count)
        tools.addStretch(1)
        self._problems = QPlainTextEdit()
        self._problems.setReadOnly(True)
        self._problems.setAccessibleName(self.tr("Problems of the last import"))
        self._problems.setMaximumBlockCount(_PROBLEMS_SHOWN)
        self._problems_box = QWidget()
        problems = QVBoxLayout(self._problems_box)
        problems.setContentsMargins(0, 0, 0, 0)
        self._problems_title = QLabel()
        self._problems_title.setObjectName("section")
        problems.addWidget(self._problems_title)
        problems.addWidget(self._problems, 1)
        self._problems_box.hide()
        filled = QWidget()
        list_column = QVBoxLayout(filled)
        list_column.setContentsMargins(0, 0, 0, 0)
        list_column.addLayout(tools)
        list_column.addWidget(self.table, 1)
        empty = EmptyState(
            "questions",
            self.tr("No questions yet"),
            self.tr(
                "Questions with known answers teach the models and prove whether they got better. A CSV file needs "
                "the columns "
                "“question” and “answer”; “context” (the passage that holds the answer) or “document” (its file "
                "name) shows where. "
                "A few hundred are good, 30 are a start; some are kept back for the test."
            ),
        )
        self._stack = QStackedWidget()
        self._stack.addWidget(empty)
        self._stack.addWidget(filled)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self._stack)
        halves.addWidget(self._problems_box)
        halves.setStretchFactor(0, 4)
        halves.setStretchFactor(1, 1)
        halves.setChildrenCollapsible(False)
        column = page_layout(self)
        column.addWidget(
            Heading(
                self.tr("Questions"),
                self.tr(
                    "Known answers to learn from, and others kept back to test with. A document's questions are "
                    "never in two splits."
                ),
            )
        )
        column.addWidget(self._notice)
        column.addWidget(self.drop_area)
        column.addWidget(halves, 1)

    @property
    def problems(self) -> str:
        """The problems shown, one a line."""
        return self._problems.toPlainText()

    def reload(self) -> None:
        """Read the list again."""
        from engine.workspace.job import ListQuestions  # late: it brings the database with it

        thread = self._jobs.run(ListQuestions())
        thread.finished_with.connect(self.show_list)
        thread.failed.connect(self._notice.warn)

    def start_over(self) -> None:
        """Forget what belongs to another workspace."""
        self._notice.hide()
        self._problems_box.hide()
        self._filter.clear()
        self.reload()

    def show_list(self, questions: tuple[Question, ...]) -> None:
        """Show the questions and how they are split."""
        self.table_model.show(questions)
        self._stack.setCurrentIndex(1 if questions else 0)
        split = [
            f"{sum(question.split == name for question in questions):,} {self._split_names[name]}" for name in SPLITS
        ]
        evidence = sum(bool(question.evidence) for question in questions)
        self._count.setText(
            plainly_joined(
                [
                    counted(len(questions), self.tr("question"), self.tr("questions")),
                    *split,
                    self.tr("{0} with evidence").format(f"{evidence:,}"),
                ]
            )
        )

    def show_import(self, report: ImportReport) -> None:
        """Show what the last import left out."""
        self._problems.setPlainText(
            "\n".join(f"{problem.item}: {problem.reason}" for problem in report.skipped[:_PROBLEMS_SHOWN])
        )
        self._problems_title.setText(self.tr("Problems of the last import: {0}").format(len(report.skipped)))
        self._problems_box.setVisible(bool(report.skipped))
        self.reload()

    def show_error(self, error: object) -> None:
        """Say why an import failed."""
        self._notice.warn(error)  # type: ignore[arg-type]  # a signal's object: EngineError

    def _answer(self, question: Question) -> str:
        if question.unanswerable:
            return self.tr("(not answerable from the documents)")
        return " / ".join(question.answers)

    def _evidence(self, question: Question) -> str:
        return (
            counted(len(question.evidence), self.tr("passage"), self.tr("passages"))
            if question.evidence
            else self.tr("none found")
        )
