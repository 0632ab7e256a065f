"""Asks which column of a question file is what, with its first rows in sight."""

from __future__ import annotations

from pathlib import PurePath

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop.theme import SPACING
from engine.questions.columns import ColumnMap, Preview, Role

_SIZE = (860, 560)
_TIP_CHARACTERS = 300


class ColumnDialog(QDialog):
    """Shows a preview, and gives the map the person chose."""

    header_changed = Signal(str)  # "yes" or "no": the preview is to be read anew

    def __init__(self, parent: QWidget | None, preview: Preview) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Which column is what?"))
        self.resize(*_SIZE)
        told = QLabel(
            self.tr(
                "{0} has columns this program doesn't know. Say once which one is what: it is remembered for files "
                "with the same columns."
            ).format(PurePath(preview.path).name)
        )
        told.setTextFormat(Qt.TextFormat.PlainText)  # the name of a file is data
        told.setWordWrap(True)
        self.table = QTableWidget()
        self.table.setAccessibleName(self.tr("The first rows of the file"))
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.table.setWordWrap(False)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.header = QCheckBox(self.tr("The &first row names the columns"))
        self.header.setAccessibleName(self.tr("The first row names the columns"))
        self.choices: dict[Role, QComboBox] = {}
        form = QFormLayout()
        form.setVerticalSpacing(SPACING)
        for role, name in self._roles():
            choice = QComboBox()
            choice.setAccessibleName(name.replace("&", ""))
            choice.currentIndexChanged.connect(self._check)
            form.addRow(name, choice)
            self.choices[role] = choice
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setText(self.tr("Import"))
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        self._problem = QLabel()
        self._problem.setObjectName("faint")
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addWidget(told)
        column.addWidget(self.table, 1)
        column.addWidget(self.header)
        column.addLayout(form)
        column.addWidget(self._problem)
        column.addWidget(self._buttons)
        self.show_preview(preview)
        self.header.toggled.connect(lambda named: self.header_changed.emit("yes" if named else "no"))

    @property
    def chosen(self) -> ColumnMap:
        """What the person said."""
        columns = {role: str(choice.currentData()) for role, choice in self.choices.items() if choice.currentData()}
        return ColumnMap(columns, "auto" if self._preview.guess.header == "auto" else self._preview.guess.header)

    def show_preview(self, preview: Preview) -> None:
        """Show the columns and rows, and propose what each column is."""
        self._preview = preview
        self.table.setColumnCount(len(preview.columns))
        self.table.setRowCount(len(preview.rows))
        self.table.setHorizontalHeaderLabels(list(preview.columns))
        for row, cells in enumerate(preview.rows):
            for place, cell in enumerate(cells):
                item = QTableWidgetItem(cell)
                item.setToolTip(cell[:_TIP_CHARACTERS])
                self.table.setItem(row, place, item)
        for role, choice in self.choices.items():
            choice.blockSignals(True)
            choice.clear()
            choice.addItem(self.tr("(none)"), "")
            for name in preview.columns:
                choice.addItem(name, name)
            choice.setCurrentIndex(max(0, choice.findData(preview.guess.columns.get(role, ""))))
            choice.blockSignals(False)
        unnamed = all(name == f"column {number}" for number, name in enumerate(preview.columns, start=1))
        self.header.blockSignals(True)
        self.header.setChecked(not unnamed)
        self.header.blockSignals(False)
        self.header.setVisible(PurePath(preview.path).suffix.lower() in {".csv", ".tsv", ".xlsx"})
        self._check()

    def _roles(self) -> tuple[tuple[Role, str], ...]:
        return (
            ("question", self.tr("&Question")),
            ("answer", self.tr("&Answer")),
            ("context", self.tr("&Context: the text with the answer")),
            ("document", self.tr("&Document: the file it is in")),
            ("group", self.tr("&Group: kept on one side of the split")),
            ("split", self.tr("&Split: train, validation or test")),
        )

    def _check(self) -> None:
        columns = self.chosen.columns
        problem = ""
        if "question" not in columns:
            problem = self.tr("Choose the column of the question.")
        elif not columns.keys() & {"answer", "context", "document"}:
            problem = self.tr("Choose the column of the answer, or of the context.")
        elif len(set(columns.values())) < len(columns):
            problem = self.tr("One column is chosen twice.")
        self._problem.setText(problem)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(not problem)
