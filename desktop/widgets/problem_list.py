"""The problems of question files and of files left out, as a list with their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from desktop.models.record_table import Column, RecordTable
from desktop.widgets.table import make_table
from desktop.wording import plainly_joined
from engine.jobs import Skipped
from engine.questions.problems import QuestionProblem


class ProblemList(QWidget):
    """Hidden while there is nothing wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.table_model = RecordTable(
            [
                Column(self.tr("File"), lambda row: PurePath(_path(row)).name, tip=_path, width=150),
                Column(self.tr("Line"), _place, key=_line, width=110),
                Column(self.tr("Problem"), _kind, width=160),
                Column(self.tr("Question"), lambda row: row.question if isinstance(row, QuestionProblem) else ""),
                Column(self.tr("What is wrong"), lambda row: row.reason),
            ]
        )
        self.table = make_table(self.table_model, name=self.tr("Problems of the last import"))
        self._title = QLabel()
        self._title.setObjectName("section")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._title)
        column.addWidget(self.table, 1)
        self.hide()

    @property
    def text(self) -> str:
        """The problems shown, one a line."""
        rows = [self.table_model.record(row) for row in range(self.table_model.rowCount())]
        return "\n".join(f"{_path(row)}{', ' + _place(row) if _place(row) else ''}: {row.reason}" for row in rows)

    def show_problems(
        self, skipped: Sequence[Skipped], problems: Sequence[QuestionProblem], counts: Mapping[str, int]
    ) -> None:
        """Show what was left out, and what is wrong with the questions; a left-out record is said once."""
        told = {(problem.path, problem.reason) for problem in problems}
        files = [
            item for item in skipped if not any((item.item, reason) in told for reason in (item.reason, _tail(item)))
        ]
        self.table_model.show([*problems, *files])
        total = sum(counts.values()) + len(files)
        kinds = [f"{count:,} {kind_named(kind)}" for kind, count in counts.items()]
        self._title.setText(plainly_joined([self.tr("Problems of the last import: {0}").format(f"{total:,}"), *kinds]))
        self.setVisible(bool(total))


def kind_named(kind: str) -> str:
    """Return a kind of problem as a person reads it."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("ProblemList", text)

    names = {
        "unreadable": tr("unreadable"),
        "empty": tr("empty"),
        "too long": tr("too long"),
        "duplicate": tr("duplicate"),
        "other answers": tr("same question, other answers"),
        "answer not in context": tr("answer not in its context"),
        "no evidence": tr("no evidence in the documents"),
        "unknown document": tr("unknown document"),
        "in training too": tr("test question also in training"),
        "split": tr("unknown split"),
    }
    return names.get(kind, kind)


def _path(row: QuestionProblem | Skipped) -> str:
    return row.path if isinstance(row, QuestionProblem) else row.item


def _place(row: QuestionProblem | Skipped) -> str:
    return row.place if isinstance(row, QuestionProblem) else ""


def _line(row: QuestionProblem | Skipped) -> int:
    return row.line if isinstance(row, QuestionProblem) else 0


def _kind(row: QuestionProblem | Skipped) -> str:
    if isinstance(row, QuestionProblem):
        return kind_named(row.kind)
    return QCoreApplication.translate("ProblemList", "left out")


def _tail(item: Skipped) -> str:
    """The reason without the place an import puts before it."""
    return item.reason.partition(": ")[2]
