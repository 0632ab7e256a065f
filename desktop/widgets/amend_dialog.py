"""Asks how a question and its known answers should be; the import stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QLabel, QLineEdit, QWidget

from desktop.widgets.answer_fields import AnswerFields, KeptText
from engine.records import Question

if TYPE_CHECKING:
    from engine.records import Amendment


class AmendDialog(QDialog):
    """Says what to amend of the question, as it is now, when it is accepted."""

    amended = Signal(object)  # Amend

    def __init__(self, question: Question, amendment: Amendment, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(self.tr("Correct a question"))
        self.setMinimumWidth(560)
        self._stored = question
        self.question = KeptText(self.tr("Question"), question.question)
        self.question.setFixedHeight(70)
        self.answers = AnswerFields(question.answers)
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
        restore.setEnabled(amendment.corrected)
        restore.clicked.connect(self._restore)
        self.buttons.accepted.connect(self._amend)
        self.buttons.rejected.connect(self.reject)
        self.question.textChanged.connect(self._check)
        self.answers.changed.connect(self._check)
        form = QFormLayout(self)
        form.addRow(self.tr("&Question"), self.question)
        form.addRow(self.tr("&Known answers"), self.answers)
        form.addRow(self.tr("&Reason"), self.reason)
        form.addRow(note)
        form.addRow(self.buttons)
        self._check()

    def _check(self) -> None:
        """A question that had an answer keeps one: without, it would be taken for one the documents don't answer."""
        wording, answers = self.question.text, self.answers.answers
        sound = bool(wording.strip()) and (bool(answers) or not self._stored.answers)
        changed = (wording, answers) != (self._stored.question, self._stored.answers)
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(sound and changed)

    def _amend(self) -> None:
        from engine.evaluation.job import Amend

        wording, answers = self.question.text, self.answers.answers
        self.amended.emit(
            Amend(
                self._stored.id,
                question=wording if wording != self._stored.question else None,
                answers=answers if answers != self._stored.answers else None,
                reason=self.reason.text().strip(),
            )
        )
        self.accept()

    def _restore(self) -> None:
        from engine.evaluation.job import Amend

        self.amended.emit(Amend(self._stored.id, as_imported=True, reason=self.reason.text().strip()))
        self.accept()
