"""What stands at the top of every page: its name, and a sentence that says what it is for."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from desktop.theme import MARGIN, SPACING


class Heading(QWidget):
    """Title and subtitle, with room for buttons at the right."""

    def __init__(self, title: str, subtitle: str) -> None:
        super().__init__()
        name = QLabel(title)
        name.setObjectName("page_title")
        self._subtitle = QLabel(subtitle)
        self._subtitle.setObjectName("page_subtitle")
        self._subtitle.setWordWrap(True)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(name)
        texts.addWidget(self._subtitle)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(SPACING)
        self._row.addLayout(texts, 1)

    def add(self, widget: QWidget) -> None:
        """Put `widget` at the right."""
        self._row.addWidget(widget)

    def show_subtitle(self, text: str) -> None:
        """Show `text` under the title."""
        self._subtitle.setText(text)


class _Column(QVBoxLayout):
    """Scrolls where the page has no room for what it can't do without: Qt's own asks for all that it would like."""

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        return False


def page_layout(page: QWidget) -> QVBoxLayout:
    """Give `page` the margins that all pages have; on a small screen it scrolls."""
    content = QWidget()
    scroll = QScrollArea()
    scroll.setWidget(content)
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    for behind in (scroll.viewport(), content):
        behind.setAutoFillBackground(False)  # the window's own colour
    whole = QVBoxLayout(page)
    whole.setContentsMargins(0, 0, 0, 0)
    whole.addWidget(scroll)
    column = _Column(content)
    column.setContentsMargins(MARGIN, MARGIN - 4, MARGIN, SPACING)
    column.setSpacing(SPACING)
    return column
