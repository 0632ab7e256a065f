"""What a page shows while it has nothing: what belongs here, and what to do next."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop.theme import SPACING, pixmap

_WIDTH = 520


class EmptyState(QWidget):
    """A drawing, a title, a sentence, and the buttons that lead on."""

    def __init__(self, drawing: str, title: str, text: str, *buttons: QPushButton) -> None:
        super().__init__()
        picture = QLabel()
        picture.setPixmap(pixmap(drawing, 56, self.palette().color(QPalette.ColorRole.Mid)))
        name = QLabel(title)
        name.setObjectName("empty_title")
        self._text = QLabel(text)
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setMaximumWidth(_WIDTH)
        self._text.setObjectName("page_subtitle")
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addStretch(2)
        column.addWidget(picture, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(name, 0, Qt.AlignmentFlag.AlignHCenter)
        middle = QHBoxLayout()  # an alignment would keep the label from growing with its lines
        middle.addStretch(1)
        middle.addWidget(self._text, _WIDTH)  # all there is, up to its own width
        middle.addStretch(1)
        column.addLayout(middle)
        for button in buttons:
            column.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(3)

    def show_text(self, text: str) -> None:
        """Say `text` in place of the sentence."""
        self._text.setText(text)
