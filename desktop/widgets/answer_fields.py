"""A question's known answers, each in a field of its own: an answer may have several lines."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from desktop.theme import SPACING, icon

_HEIGHT = 150  # of all fields: more of them scroll
_FIELD_HEIGHT = 54
_LINE_ENDS = re.compile("[\u2028\u2029]")  # as Qt keeps them


class KeptText(QPlainTextEdit):
    """Edits a text; what nobody changed comes back as it was, not as Qt would write it."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        self._given = text
        self._shown = self._raw()

    @property
    def text(self) -> str:
        """The text as it is now."""
        raw = self._raw()
        return self._given if raw == self._shown else _LINE_ENDS.sub("\n", raw).strip()

    def _raw(self) -> str:
        return self.document().toRawText()  # toPlainText makes plain spaces of those that don't break


class AnswerFields(QWidget):
    """Shows `answers` and lets a person change them, add others, and empty those that are to go."""

    changed = Signal()

    def __init__(self, answers: tuple[str, ...]) -> None:
        super().__init__()
        self.fields: list[KeptText] = []
        inner = QWidget()
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._scroll = QScrollArea()
        self._scroll.setWidget(inner)
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setFixedHeight(_HEIGHT)
        self._scroll.verticalScrollBar().rangeChanged.connect(self._show_focused)  # a new field has its place then
        for behind in (self._scroll.viewport(), inner):
            behind.setAutoFillBackground(False)  # the dialog's own colour
        another = QPushButton(icon("add"), self.tr("Another accepted answer"))
        another.setAccessibleName(self.tr("Another accepted answer"))
        another.clicked.connect(self._add_empty)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING)
        column.addWidget(self._scroll)
        column.addWidget(another, 0, Qt.AlignmentFlag.AlignLeft)
        for answer in answers or ("",):
            self._add(answer)
        self.setFocusProxy(self.fields[0])  # what the label's key leads to

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers as they are now, without empty ones."""
        return tuple(field.text for field in self.fields if field.text.strip())

    def _add(self, answer: str) -> KeptText:
        field = KeptText(self.tr("Accepted answer {0}").format(len(self.fields) + 1), answer)
        field.setMinimumHeight(_FIELD_HEIGHT)
        field.textChanged.connect(self.changed)
        self.fields.append(field)
        self._column.addWidget(field)
        return field

    def _add_empty(self) -> None:
        self._add("").setFocus()

    def _show_focused(self) -> None:
        for field in self.fields:
            if field.hasFocus():
                self._scroll.ensureWidgetVisible(field)
