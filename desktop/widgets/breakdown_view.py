"""Where a run fails: its questions divided by document, question type, passage length or answer length."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from desktop.models.record_table import Column, RecordTable
from desktop.theme import SPACING
from desktop.widgets.table import make_table
from desktop.wording import points

if TYPE_CHECKING:
    from engine.evaluation.report import Breakdown, Report


class BreakdownView(QWidget):
    """One table, divided as the person chooses."""

    def __init__(self) -> None:
        super().__init__()
        self._breakdowns: tuple[Breakdown, ...] = ()
        self._by = QComboBox()
        self._by.setAccessibleName(self.tr("Divide the questions by"))
        for text, by in (
            (self.tr("By question type"), "question type"),
            (self.tr("By document"), "document"),
            (self.tr("By length of the passage"), "passage length"),
            (self.tr("By length of the answer"), "answer length"),
        ):
            self._by.addItem(text, by)
        self._by.currentIndexChanged.connect(self._show)
        self.model = RecordTable(
            [
                Column(self.tr("Questions about"), lambda part: part.name),
                Column(
                    self.tr("Questions"),
                    lambda part: str(part.questions),
                    key=lambda part: part.questions,
                    number=True,
                    width=90,
                ),
                self._number(self.tr("Right passage first"), lambda part: part.retrieval["hit@1"], width=165),
                self._number(self.tr("Exact match"), lambda part: part.answers["exact_match"], width=100),
                self._number(self.tr("F1"), lambda part: part.answers["f1"], width=70),
                self._number(self.tr("Declined"), lambda part: 1 - part.answers["answered"], width=80),
                Column(
                    self.tr("Compared"),
                    lambda part: "" if part.against_value is None else points(part.against_value),
                    key=lambda part: part.against_value or 0.0,
                    number=True,
                    width=90,
                ),
                Column(self.tr("Verdict"), lambda part: part.against.verdict if part.against else "", width=215),
            ]
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, SPACING, 0, 0)
        self._by.setFixedWidth(260)
        column.addWidget(self._by)
        column.addWidget(make_table(self.model, name=self.tr("Where it fails")), 1)

    def show_report(self, report: Report) -> None:
        """Show the breakdowns of a report."""
        self._breakdowns = report.breakdowns
        self._show()

    def _number(self, title: str, value: object, *, width: int) -> Column:
        assert callable(value)
        return Column(title, lambda part: points(value(part)), key=value, number=True, width=width)

    def _show(self) -> None:
        by = self._by.currentData()
        self.model.show(next((one.parts for one in self._breakdowns if one.by == by), ()))
