"""How answers are given: how sure they must be, in whose words, and when a conversation begins anew."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QPushButton, QWidget

from desktop.theme import icon
from desktop.widgets.wrapping_row import WrappingRow
from engine.records import Asking


class AnswerManner(QWidget):
    """A row of choices under the conversation."""

    started_over = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.sureness = QComboBox()
        self.sureness.setAccessibleName(self.tr("How sure an answer must be"))
        self.sureness.setToolTip(
            self.tr(
                "The confidence is how likely the documents answer the question at all, learnt from validation "
                "questions. Below the limit, Vademecum says that they don't, and shows what came closest."
            )
        )
        for text, risk in (
            (self.tr("as the model was tuned"), None),
            (self.tr("very sure (at most 10 % risk)"), 0.1),
            (self.tr("rather sure (at most 30 % risk)"), 0.3),
            (self.tr("always answer"), 1.0),
        ):
            self.sureness.addItem(text, risk)
        label = QLabel(self.tr("Answer &when:"))
        label.setBuddy(self.sureness)
        self.extractive = QCheckBox(self.tr("In the documents' &words"))
        self.extractive.setAccessibleName(self.tr("Answer in the documents' own words"))
        self.extractive.setToolTip(self.tr("The answer is replaced by the span of a passage that says it."))
        again = QPushButton(icon("chat"), self.tr("&New conversation"))
        again.setAccessibleName(self.tr("New conversation"))
        again.setToolTip(self.tr("Questions that point back (\u201cand for children?\u201d) look back to here only."))
        again.clicked.connect(self.started_over)
        self.setLayout(WrappingRow(label, self.sureness, self.extractive, trailing=(again,)))

    def asking(self, earlier: tuple[str, ...]) -> Asking:
        """What is chosen, with the questions asked before."""
        return Asking(risk=self.sureness.currentData(), extractive=self.extractive.isChecked(), earlier=earlier)
