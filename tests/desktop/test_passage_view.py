"""The passage view: the right page, and exactly the quoted span highlighted."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from desktop.widgets.passage_view import PART_CHARACTERS, PassageView, parts_of
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
