"""The evaluated questions: filtered by what went wrong, one of them in full, to be corrected, excluded or pinned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QComboBox, QLineEdit, QPushButton, QSplitter, QVBoxLayout, QWidget

from desktop.models.record_table import Column, RecordTable
from desktop.theme import SPACING
from desktop.widgets.amend_dialog import AmendDialog
from desktop.widgets.question_detail import QuestionDetailView
from desktop.widgets.table import make_table
from desktop.widgets.wrapping_row import WrappingRow
from desktop.wording import points

if TYPE_CHECKING:
    from engine.evaluation.job import QuestionDetail
    from engine.evaluation.report import QuestionResult
    from engine.records import Amendment, Question


class QuestionResults(QWidget):
    """A table of results and the chosen one below it."""

    question_chosen = Signal(str)  # its id: show it in full
    correction_asked = Signal(str)  # of the question with this id
    amend_asked = Signal(object)  # Amend

    def __init__(self) -> None:
        super().__init__()
        self._results: tuple[QuestionResult, ...] = ()
        self._detail: QuestionDetail | None = None
        self.model = RecordTable(self._columns())
        self._wrong = QComboBox()
        self._wrong.setAccessibleName(self.tr("Show only"))
        for text, flag in (
            (self.tr("All questions"), ""),
            (self.tr("Got worse"), "got worse"),
            (self.tr("Retrieval missed"), "retrieval missed"),
            (self.tr("Reader missed"), "reader missed"),
            (self.tr("Should have abstained"), "should have abstained"),
            (self.tr("Pinned"), "pinned"),
        ):
            self._wrong.addItem(text, flag)
        self._wrong.currentIndexChanged.connect(self._show_wrong)
        self._words = QLineEdit()
        self._words.setPlaceholderText(self.tr("Filter the questions"))
        self._words.setAccessibleName(self.tr("Filter the questions"))
        self._words.setClearButtonEnabled(True)
        self._words.setFixedWidth(240)
        self._words.textChanged.connect(self.model.filter)
        self._correct = self._button(self.tr("&Correct…"), self.tr("Correct the selected question"), self._ask)
        self._exclude = self._button(self.tr("E&xclude"), self.tr("Leave the selected question out"), self._leave_out)
        self._pin = self._button(self.tr("&Pin"), self.tr("Ask the selected question of every new run"), self._pin_it)
        top = WrappingRow(self._wrong, self._words, trailing=(self._pin, self._correct, self._exclude))
        top.setSpacing(SPACING)
        self._table = make_table(self.model, name=self.tr("Question by question"))
        self._table.selectionModel().currentRowChanged.connect(self._choose)
        self.model.modelReset.connect(self._clear)
        self.detail = QuestionDetailView()
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self._table)
        halves.addWidget(self.detail)
        halves.setSizes([190, 300])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACING, 0, 0)
        column.addLayout(top)
        column.addWidget(halves, 1)
        self._clear()

    def start_over(self) -> None:
        """Forget what belongs to another workspace."""
        self._words.clear()
        self.show_results(())

    def show_results(self, results: Sequence[QuestionResult]) -> None:
        """Show every question with what was said."""
        self._results = tuple(results)
        self._show_wrong()

    def show_detail(self, detail: QuestionDetail) -> None:
        """Show one question in full, and what can be done with it."""
        self._detail = detail
        self.detail.show_detail(detail)
        self._pin.setText(self.tr("Un&pin") if detail.amendment.pinned else self.tr("&Pin"))
        self._exclude.setText(self.tr("&Include") if detail.amendment.excluded else self.tr("E&xclude"))
        for button in (self._correct, self._exclude, self._pin):
            button.setEnabled(True)

    def show_amendment(self, amendment: Amendment) -> None:
        """Show what holds of a question now."""
        if self._detail is not None and self._detail.result.id == amendment.question_id:
            self.question_chosen.emit(amendment.question_id)

    def ask_for_correction(self, question: Question) -> None:
        """Ask how the chosen question, which is `question` now, should be."""
        if self._detail is not None and self._detail.result.id == question.id:  # else another was chosen since
            dialog = AmendDialog(question, self._detail.amendment, self)
            dialog.amended.connect(self.amend_asked)
            dialog.open()

    def _columns(self) -> list[Column]:
        return [
            Column(self.tr("Question"), lambda row: row.question),
            Column(self.tr("Known answer"), lambda row: " / ".join(row.gold)),
            Column(self.tr("This run's answer"), lambda row: row.answer or self.tr("(no answer)")),
            Column(self.tr("Compared run's answer"), lambda row: row.against_answer),
            Column(self.tr("F1"), lambda row: points(row.f1), key=lambda row: row.f1, number=True, width=60),
            Column(
                self.tr("F1, compared"),
                lambda row: points(row.against_f1),
                key=lambda row: row.against_f1,
                number=True,
                width=112,
            ),
            Column(
                self.tr("Found at"),
                lambda row: str(row.hit_rank or "–"),
                key=lambda row: row.hit_rank or 999,
                number=True,
                width=80,
            ),
            Column(self.tr("What went wrong"), lambda row: ", ".join(row.flags), width=200),
        ]

    def _button(self, text: str, name: str, act: object) -> QPushButton:
        button = QPushButton(text)
        button.setAccessibleName(name)
        button.setToolTip(name)
        button.clicked.connect(act)
        return button

    def _show_wrong(self) -> None:
        flag = self._wrong.currentData()
        self.model.show(
            [row for row in self._results if not flag or flag in row.flags or (flag == "pinned" and row.pinned)]
        )

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            self.question_chosen.emit(self.model.record(index.row()).id)

    def _clear(self) -> None:
        self._detail = None
        self.detail.clear()
        for button in (self._correct, self._exclude, self._pin):
            button.setEnabled(False)

    def _ask(self) -> None:
        if self._detail is not None:
            self.correction_asked.emit(self._detail.result.id)

    def _leave_out(self) -> None:
        from engine.evaluation.job import Amend

        if self._detail is not None:
            self.amend_asked.emit(Amend(self._detail.result.id, excluded=not self._detail.amendment.excluded))

    def _pin_it(self) -> None:
        from engine.evaluation.job import Amend

        if self._detail is not None:
            self.amend_asked.emit(Amend(self._detail.result.id, pinned=not self._detail.amendment.pinned))
