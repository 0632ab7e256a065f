"""A document, page by page, as it looks or as its text, with the quoted span highlighted."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QPalette, QResizeEvent, QTextCursor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QStackedWidget,
    QTextEdit,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from desktop.theme import icon, is_dark
from desktop.widgets.page_picture import PagePicture
from engine.documents.job import PageImage, ReadPage
from engine.errors import EngineError
from engine.records import Document

PART_CHARACTERS = 20_000  # a document without pages is shown in parts of about this size: more would stall the window
_PICTURED = ("pdf", "image")
_MARK_LIGHT, _MARK_DARK = "#FFE08A", "#7A5A00"


@dataclass(frozen=True, slots=True)
class Part:
    """One page, or one part of a document that has no pages: offsets into its text."""

    label: str
    start: int
    end: int


class _Text(QPlainTextEdit):
    """Keeps what is marked in sight when its lines get another length: a scroll bar comes late, a window is resized."""

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        if self.extraSelections():
            self.centerCursor()


class PassageView(QWidget):
    """Shows one part at a time, with the way to the ones before and after."""

    closed = Signal()
    page_wanted = Signal(object)  # ReadPage: the picture of the page shown, to be given to `show_picture`

    def __init__(self) -> None:
        super().__init__()
        self._document: Document | None = None
        self._parts: list[Part] = []
        self._shown = 0
        self._mark: tuple[int, int] | None = None
        self._pictured = False  # whether its pages can be shown as they look
        self._wish: ReadPage | None = None
        self._page: PageImage | None = None
        self._title = QLabel()
        self._title.setObjectName("section")
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._title.setWordWrap(True)
        self._place = QLabel()
        self._place.setObjectName("page_subtitle")
        self._previous = self._button("previous", self.tr("Previous page"))
        self._previous.clicked.connect(self._show_previous)
        self._next = self._button("next", self.tr("Next page"))
        self._next.clicked.connect(self._show_next)
        self._close = self._button("close", self.tr("Close the document"))
        self._close.clicked.connect(self.closed)
        self._text = _Text()
        self._text.setReadOnly(True)
        self._text.document().setDocumentMargin(10)
        self._text.setAccessibleName(self.tr("Text of the document"))
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.picture = PagePicture()
        self._stack = QStackedWidget()
        self._stack.addWidget(self._text)
        self._stack.addWidget(self.picture)
        self._as_text = self._button("text", self.tr("Show the text"))
        self._as_text.setCheckable(True)
        self._as_text.toggled.connect(self._choose_view)
        self._zoom_in = self._button("zoom_in", self.tr("Larger"))
        self._zoom_in.clicked.connect(self._show_larger)
        self._zoom_out = self._button("zoom_out", self.tr("Smaller"))
        self._zoom_out.clicked.connect(self.picture.zoom_out)
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        head.addWidget(self._close, 0, Qt.AlignmentFlag.AlignTop)
        pages = QHBoxLayout()
        pages.addWidget(self._previous)
        pages.addWidget(self._place)
        pages.addWidget(self._next)
        pages.addStretch(1)
        for control in (self._zoom_out, self._zoom_in, self._as_text):
            pages.addWidget(control)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addLayout(pages)
        column.addWidget(self._stack, 1)

    @property
    def marked_text(self) -> str:
        """The highlighted text; "" when it is not on the page that is shown."""
        marks = self._text.extraSelections()
        return marks[0].cursor.selectedText().replace("\u2029", "\n") if marks else ""  # type: ignore[attr-defined]  # missing from the stubs

    @property
    def is_mark_in_sight(self) -> bool:
        """Whether the text around the highlighted span is scrolled to."""
        return self._text.viewport().rect().intersects(self._text.cursorRect())

    @property
    def place(self) -> str:
        """Which page is shown."""
        return self._place.text()

    def hide_close_button(self) -> None:
        """For a window of its own, which has one already."""
        self._close.hide()

    def show_document(self, document: Document, start: int | None = None, end: int | None = None) -> None:
        """Show the page of `document` that holds the span from `start` to `end`, highlighted; or its first page."""
        self._document = document
        self._mark = (start, end) if start is not None and end is not None else None
        self._parts = parts_of(document, page=self.tr("Page {0} of {1}"), part=self.tr("Part {0} of {1}"))
        self._title.setText(document.title or document.path)
        self._pictured = document.kind in _PICTURED and bool(document.page_starts)
        starts = [part.start for part in self._parts]
        self._show(max(0, bisect_right(starts, start) - 1) if start is not None else 0)

    def _show(self, number: int) -> None:
        assert self._document is not None
        self._shown = number
        part = self._parts[number]
        self._place.setText(part.label)
        for control in (self._place, self._previous, self._next):
            control.setVisible(len(self._parts) > 1)
        self._previous.setEnabled(number > 0)
        self._next.setEnabled(number < len(self._parts) - 1)
        # Qt makes one character of "\r\n"; a space in place of "\r" keeps the offsets.
        shown = self._document.text[part.start : part.end].replace("\r", " ")
        self._text.setPlainText(shown)
        self._text.setExtraSelections([])
        if self._mark is not None and part.start < self._mark[1] and self._mark[0] < part.end:
            first, last = max(self._mark[0] - part.start, 0), min(self._mark[1], part.end) - part.start
            self._highlight(utf16_length(shown[:first]), utf16_length(shown[:last]))
        self._page = None
        self._choose_view()
        if self._pictured:
            self._ask_for_picture()

    def _ask_for_picture(self) -> None:
        assert self._document is not None
        start, end = self._mark or (0, 0)
        self._wish = ReadPage(self._document.id, self._shown + 1, start, end, self.picture.wanted_pixels)
        self.page_wanted.emit(self._wish)

    def show_picture(self, page: PageImage) -> None:
        """Show the picture of the page that is open; one that comes too late for another page is dropped."""
        wish = self._wish
        if wish is None or (page.document_id, page.page) != (wish.document_id, wish.page):
            return
        self._page = page
        self._choose_view()
        self.picture.show_page(page)

    def show_text_only(self, error: EngineError) -> None:
        """Keep to the text: the page can't be drawn."""
        self._page = None
        self._as_text.setToolTip(f"{error.message} {error.hint}".strip())
        self._choose_view()

    def _choose_view(self) -> None:
        pictured = self._page is not None and not self._as_text.isChecked()
        self._stack.setCurrentWidget(self.picture if pictured else self._text)
        self._as_text.setVisible(self._pictured)
        for control in (self._zoom_in, self._zoom_out):
            control.setVisible(pictured)

    def _show_larger(self) -> None:
        self.picture.zoom_in()
        if self._pictured and self._page is not None:
            self._ask_for_picture()  # drawn anew, so that its letters are sharp

    def _highlight(self, first: int, last: int) -> None:
        cursor = QTextCursor(self._text.document())
        cursor.setPosition(first)
        self._text.setTextCursor(cursor)
        cursor.setPosition(last, QTextCursor.MoveMode.KeepAnchor)
        mark = QTextEdit.ExtraSelection()
        mark.cursor = cursor  # type: ignore[attr-defined]  # missing from PySide6's stubs
        mark.format.setBackground(QColor(_MARK_DARK if is_dark() else _MARK_LIGHT))  # type: ignore[attr-defined]
        mark.format.setForeground(self.palette().color(QPalette.ColorRole.Text))  # type: ignore[attr-defined]
        self._text.setExtraSelections([mark])
        self._text.centerCursor()

    def _show_previous(self) -> None:
        self._show(self._shown - 1)

    def _show_next(self) -> None:
        self._show(self._shown + 1)

    def _button(self, drawing: str, name: str) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(drawing))
        button.setAutoRaise(True)
        button.setAccessibleName(name)
        button.setToolTip(name)
        return button


def parts_of(document: Document, *, page: str, part: str) -> list[Part]:
    """Return the pages of `document`, or parts of about PART_CHARACTERS where it has none.

    `page` and `part` are the patterns of their labels.
    """
    length = len(document.text)
    if document.page_starts:
        starts = list(document.page_starts)
        ends = [*starts[1:], length]
        return [
            Part(page.format(number, len(starts)), start, end)
            for number, (start, end) in enumerate(zip(starts, ends, strict=True), 1)
        ]
    cuts = [0]
    while length - cuts[-1] > PART_CHARACTERS:
        cut = document.text.rfind("\n", cuts[-1] + PART_CHARACTERS // 2, cuts[-1] + PART_CHARACTERS) + 1
        cuts.append(cut or cuts[-1] + PART_CHARACTERS)
    ends = [*cuts[1:], length]
    return [
        Part(part.format(number, len(cuts)) if len(cuts) > 1 else "", start, end)
        for number, (start, end) in enumerate(zip(cuts, ends, strict=True), 1)
    ]


def utf16_length(text: str) -> int:
    """Return the length of `text` as Qt counts: a character outside the basic plane is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
