"""Asks how a question and its known answers should be; the import stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QPlainTextEdit, QWidget

if TYPE_CHECKING:
    from engine.evaluation.report import QuestionResult
    from engine.records import Amendment


class AmendDialog(QDialog):
    """Says what to amend when it is accepted."""

    amended = Signal(object)  # Amend

    def __init__(self, result: QuestionResult, amendment: Amendment, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Correct a question"))
        self.setMinimumWidth(560)
        self._result = result
        self.question = QPlainTextEdit(result.question)
        self.question.setAccessibleName(self.tr("Question"))
        self.question.setFixedHeight(70)
        self.answers = QPlainTextEdit("\n".join(result.gold))
        self.answers.setAccessibleName(self.tr("Known answers, one a line"))
        self.answers.setFixedHeight(110)
        self.reason = QLineEdit(amendment.reason)
        self.reason.setAccessibleName(self.tr("Reason"))
        note = QLabel(
            self.tr("It counts from the next evaluation on, is recorded, and outlives another import of the same file.")
        )
        note.setObjectName("page_subtitle")
        note.setWordWrap(True)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok
            | QDialogButtonBox.StandardButton.Cancel
            | QDialogButtonBox.StandardButton.RestoreDefaults
        )
        restore = self.buttons.button(QDialogButtonBox.StandardButton.RestoreDefaults)
        restore.setText(self.tr("As &imported"))
        restore.clicked.connect(self._restore)
        self.buttons.accepted.connect(self._amend)
        self.buttons.rejected.connect(self.reject)
        self.answers.textChanged.connect(self._check)
        form = QFormLayout(self)
        form.addRow(self.tr("&Question"), self.question)
        form.addRow(self.tr("&Known answers,\none a line"), self.answers)
        form.addRow(self.tr("&Reason"), self.reason)
        form.addRow(note)
        form.addRow(self.buttons)

    def _chosen_answers(self) -> tuple[str, ...]:
        return tuple(line.strip() for line in self.answers.toPlainText().splitlines() if line.strip())

    def _check(self) -> None:
        """A question that had an answer keeps one: without, it would be taken for one the documents don't answer."""
        answered = bool(self._chosen_answers()) or not self._result.gold
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(answered)

    def _amend(self) -> None:
        from engine.evaluation.job import Amend

        wording = self.question.toPlainText().strip()
        answers = self._chosen_answers()
        self.amended.emit(
            Amend(
                self._result.id,
                question=wording if wording != self._result.question else None,
                answers=answers if answers != self._result.gold else None,
                reason=self.reason.text().strip(),
            )
        )
        self.accept()

    def _restore(self) -> None:
        from engine.evaluation.job import Amend

        self.amended.emit(Amend(self._result.id, as_imported=True, reason=self.reason.text().strip()))
        self.accept()
