"""The passage view: the right page, and exactly the quoted span highlighted."""

from __future__ import annotations

from PySide6.QtCore import QBuffer
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import QFrame, QLabel, QSplitter, QVBoxLayout
from pytestqt.qtbot import QtBot

from desktop.widgets.passage_view import PART_CHARACTERS, PassageView, parts_of
from engine.documents.job import PageImage, ReadPage
from engine.errors import EngineError
from engine.records import Document


def document(text: str, page_starts: tuple[int, ...] = ()) -> Document:
    return Document("d", "Handbook", "/d.pdf", "0", "pdf", text, page_starts)


def shown(qtbot: QtBot, text: str, quote: str, page_starts: tuple[int, ...] = ()) -> PassageView:
    view = PassageView()
    qtbot.addWidget(view)
    start = text.index(quote)
    view.show_document(document(text, page_starts), start, start + len(quote))
    return view


def test_a_citation_opens_its_page(qtbot: QtBot) -> None:
    view = shown(qtbot, "First page.\nSecond page: give 5 mg.", "give 5 mg", (0, 12))
    assert (view.place, view.marked_text) == ("Page 2 of 2", "give 5 mg")


def test_a_highlight_is_exact_after_characters_outside_the_basic_plane(qtbot: QtBot) -> None:
    assert shown(qtbot, "𝛼-blocker 💊💊: give 5 mg twice.", "give 5 mg").marked_text == "give 5 mg"


def test_a_highlight_is_exact_after_carriage_returns(qtbot: QtBot) -> None:
    assert shown(qtbot, "One.\r\nTwo.\r\nGive 5 mg.", "Give 5 mg").marked_text == "Give 5 mg"


def test_a_highlight_may_cross_lines(qtbot: QtBot) -> None:
    assert shown(qtbot, "One.\nGive\n5 mg.", "Give\n5 mg").marked_text == "Give\n5 mg"


def test_a_quote_over_two_pages_is_marked_on_each(qtbot: QtBot) -> None:
    view = shown(qtbot, "one two three four", "two three", (0, 8))
    assert view.marked_text == "two "
    view._show_next()
    assert view.marked_text == "three"


def test_a_long_document_without_pages_is_shown_in_parts(qtbot: QtBot) -> None:
    text = "A line of the handbook.\n" * 10_000
    parts = parts_of(document(text), page="{0}/{1}", part="{0}/{1}")
    assert "".join(text[part.start : part.end] for part in parts) == text
    assert max(part.end - part.start for part in parts) <= PART_CHARACTERS


def test_one_endless_line_is_shown_in_parts_too(qtbot: QtBot) -> None:
    parts = parts_of(document("x" * 50_000), page="", part="{0}/{1}")
    assert [part.end - part.start for part in parts] == [20_000, 20_000, 10_000]


def test_an_empty_document_can_be_opened(qtbot: QtBot) -> None:
    view = PassageView()
    qtbot.addWidget(view)
    view.show_document(document(""))
    assert view.marked_text == ""


def page_image(page: int, *boxes: tuple[float, float, float, float]) -> PageImage:
    picture = QPixmap(200, 300)
    picture.fill("white")
    written = QBuffer()
    picture.save(written, "PNG")
    return PageImage("d", page, bytes(written.data().data()), 200, 300, boxes)


def test_the_page_of_a_citation_is_shown_as_it_looks_with_the_quote_marked(qtbot: QtBot) -> None:
    view = PassageView()
    qtbot.addWidget(view)
    wishes: list[ReadPage] = []
    view.page_wanted.connect(wishes.append)
    view.show_document(document("First page.\n\nGive 5 mg.", (0, 13)), 13, 17)
    view.resize(400, 500)
    view.show()
    assert [(wish.page, wish.start, wish.end) for wish in wishes] == [(2, 13, 17)]
    view.show_picture(page_image(2, (20, 30, 60, 40)))
    assert view.picture.isVisible() and view.picture.marks == ((20, 30, 60, 40),)
    shown = view.picture.widget().grab().toImage()
    scale = shown.width() / 200
    assert shown.pixelColor(round(40 * scale), round(35 * scale)).name() == "#ffd54a"
    assert shown.pixelColor(round(100 * scale), round(35 * scale)).name() == "#ffffff"


def test_a_picture_that_comes_too_late_is_dropped(qtbot: QtBot) -> None:
    view = shown(qtbot, "First page.\n\nGive 5 mg.", "Give", (0, 13))
    view.show_picture(page_image(1))
    assert view.picture.marks == () and view.marked_text == "Give"


def test_the_text_is_shown_where_the_page_cannot_be_drawn(qtbot: QtBot) -> None:
    view = shown(qtbot, "First page.\n\nGive 5 mg.", "Give", (0, 13))
    view.show()
    view.show_text_only(EngineError("The page can't be drawn.", hint="Its text can be read."))
    assert not view.picture.isVisible() and view.marked_text == "Give"


def test_a_quote_stays_in_sight_when_a_scroll_bar_comes_late(qtbot: QtBot) -> None:
    halves, card, view = QSplitter(), QFrame(), PassageView()
    qtbot.addWidget(halves)
    QVBoxLayout(card).addWidget(view)
    halves.addWidget(QLabel())
    halves.addWidget(card)
    card.hide()
    halves.resize(1000, 700)
    with qtbot.waitExposed(halves):
        halves.show()
    text = "".join(f"Line {number} {'word ' * 60}\n\n" for number in range(60))
    start = text.index("Line 40 ")
    card.show()
    halves.setSizes([550, 450])
    view.show_document(document(text), start, start + 7)
    viewport = view._text.viewport()
    width = viewport.width()
    qtbot.waitUntil(lambda: viewport.width() < width)
    assert view.is_mark_in_sight
