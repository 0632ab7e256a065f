"""A line at the top of a page: what just happened, or what went wrong and what to do next."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleEvent, QColor
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QToolButton

from desktop.job_thread import sentence
from desktop.theme import BLUE, VERMILLION, icon, pixmap
from engine.errors import EngineError


class Notice(QFrame):
    """Hidden until there is something to say. Never a colour alone: a drawing and a sentence say it too."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setAccessibleName(self.tr("Notice"))
        self._picture = QLabel()
        self._text = QLabel()
        self._text.setTextFormat(Qt.TextFormat.PlainText)  # names of files are data
        self._text.setWordWrap(True)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = QToolButton()
        close.setIcon(icon("close"))
        close.setAutoRaise(True)
        close.setAccessibleName(self.tr("Close this notice"))
        close.setToolTip(self.tr("Close this notice"))
        close.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 8, 8, 8)
        row.addWidget(self._picture)
        row.addWidget(self._text, 1)
        row.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()

    @property
    def text(self) -> str:
        """What it says."""
        return self._text.text()

    def tell(self, text: str) -> None:
        """Say what happened."""
        self._show("info", BLUE, text)

    def warn(self, error: EngineError) -> None:
        """Say what went wrong, and what to do next."""
        self._show("warning", VERMILLION, sentence(error))

    def _show(self, drawing: str, colour: str, text: str) -> None:
        self._picture.setPixmap(pixmap(drawing, 20, QColor(colour)))
        self._text.setText(text)
        self.setAccessibleDescription(text)
        self.show()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))
