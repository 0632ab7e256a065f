"""Dialogs over questions: one to add or edit a question, one to divide them anew."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from desktop.theme import SPACING
from desktop.widgets.answer_fields import AnswerFields, KeptText
from engine.questions.shares import Shares
from engine.records import SPLITS, Question, Split

_WIDTH = 620
_LINES_HEIGHT = 76


class QuestionDialog(QDialog):
    """Adds a question, or changes `question`."""

    def __init__(self, parent: QWidget | None, question: Question | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Add a question") if question is None else self.tr("Edit the question"))
        self.setMinimumWidth(_WIDTH)
        self.question = _lines(self.tr("Question"), question.question if question else "")
        self.answers = AnswerFields(question.answers if question else ())
        self.unanswerable = QCheckBox(self.tr("The documents do &not answer this"))
        self.unanswerable.setAccessibleName(self.tr("The documents do not answer this"))
        self.unanswerable.setToolTip(self.tr("The models learn, and are tested, to say so instead of answering."))
        self.unanswerable.setChecked(question is not None and question.unanswerable)
        # A file may give a question and where its answer stands, and no answer: it counts for the search.
        self._needs_answer = question is None or bool(question.answers) or question.unanswerable
        self.split = QComboBox()
        self.split.setAccessibleName(self.tr("Split"))
        names = {"train": self.tr("training"), "validation": self.tr("validation"), "test": self.tr("test")}
        self.split.addItem(self.tr("as its document's") if question is None else self.tr("unchanged"), "")
        for split in SPLITS:
            self.split.addItem(names[split], split)
        form = QFormLayout()
        form.setVerticalSpacing(SPACING)
        form.addRow(self.tr("&Question"), self.question)
        form.addRow(self.tr("&Answers"), self.answers)
        form.addRow("", self.unanswerable)
        self.document = QLineEdit()
        self.document.setAccessibleName(self.tr("Document"))
        self.document.setPlaceholderText(self.tr("File name or title of the document with the answer; may be empty"))
        self.context = _lines(self.tr("Context"), "")
        if question is None:
            form.addRow(self.tr("&Document"), self.document)
            form.addRow(self.tr("&Context, word for word"), self.context)
        form.addRow(self.tr("&Split"), self.split)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        note = QLabel(self.tr("The change is recorded; importing the file again leaves it alone."))
        note.setObjectName("faint")
        note.setWordWrap(True)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addLayout(form)
        column.addWidget(note)
        column.addWidget(self._buttons)
        self.question.textChanged.connect(self._check)
        self.answers.changed.connect(self._check)
        self.unanswerable.toggled.connect(self._check)
        self._check()

    @property
    def chosen_answers(self) -> tuple[str, ...]:
        """The accepted answers; none where the documents do not answer."""
        return () if self.unanswerable.isChecked() else self.answers.answers

    @property
    def chosen_split(self) -> Split | None:
        """The split; None for no wish."""
        return self.split.currentData() or None

    def _check(self) -> None:
        unanswerable = self.unanswerable.isChecked()
        self.answers.setEnabled(not unanswerable)
        named = bool(self.question.text.strip())
        answered = bool(self.chosen_answers) or unanswerable or not self._needs_answer
        self._buttons.button(QDialogButtonBox.StandardButton.Save).setEnabled(named and answered)


class SplitDialog(QDialog):
    """Asks how the questions are to be divided."""

    def __init__(self, parent: QWidget | None, shares: Shares) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Divide the questions"))
        self.setMinimumWidth(_WIDTH)
        told = QLabel(
            self.tr(
                "Questions about one document or of one group stay together, and so do questions that ask the same in "
                "nearly the same words. The sizes are met as well as that allows."
            )
        )
        told.setWordWrap(True)
        form = QFormLayout()
        form.setVerticalSpacing(SPACING)
        self.parts = [
            _part(self.tr("Training"), shares.train),
            _part(self.tr("Validation"), shares.validation),
            _part(self.tr("Test"), shares.test),
        ]
        for name, part in zip(
            (self.tr("&Training"), self.tr("&Validation"), self.tr("T&est")), self.parts, strict=True
        ):
            form.addRow(name, part)
            part.valueChanged.connect(self._check)
        self.also_given = QCheckBox(self.tr("Draw those &too whose file says their split"))
        self.also_given.setAccessibleName(self.tr("Draw those too whose file says their split"))
        self._problem = QLabel()
        self._problem.setObjectName("faint")
        self._problem.setWordWrap(True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setText(self.tr("Divide"))
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addWidget(told)
        column.addLayout(form)
        column.addWidget(self.also_given)
        column.addWidget(self._problem)
        column.addWidget(self._buttons)
        self._check()

    @property
    def shares(self) -> Shares:
        """The parts chosen."""
        return Shares(*(part.value() for part in self.parts))

    def _check(self) -> None:
        total = sum(part.value() for part in self.parts)
        problem = "" if self.parts[0].value() > 0 else self.tr("Without training questions nothing can be learnt.")
        if not problem and total != 100:
            problem = self.tr("The parts make {0:g} together; they are taken as shares of it.").format(total)
        self._problem.setText(problem)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(self.parts[0].value() > 0)


def _lines(name: str, text: str) -> KeptText:
    edit = KeptText(name, text)
    edit.setFixedHeight(_LINES_HEIGHT)
    return edit


def _part(name: str, value: float) -> QDoubleSpinBox:
    part = QDoubleSpinBox()
    part.setAccessibleName(name)
    part.setRange(0, 100)
    part.setDecimals(0)
    part.setSuffix(" %")
    part.setValue(value)
    return part
