"""The conversation: text is text, citations open, nothing is loaded."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextCharFormat, QTextDocument
from pytestqt.qtbot import QtBot

from desktop.widgets.conversation import Conversation
from engine.errors import RunError
from engine.records import Answer, Citation, Hit, Passage, Sentence

CITATION = Citation("d:0", "d", "Handbook", 3, 10, 19, "give 5 mg")
HIT = Hit(Passage("d:0", "d", "Handbook", "Then give 5 mg.", 3, "", 0, 15), 0.9)


def answer(text: str, *, citations: tuple[Citation, ...] = (CITATION,), abstained: bool = False) -> Answer:
    return Answer("?", text, abstained, 0.8, citations, (HIT,), "run-1", False, {"retrieve": 12.0, "total": 1300.0})


def conversation(qtbot: QtBot) -> Conversation:
    view = Conversation()
    qtbot.addWidget(view)
    return view


def test_tokens_become_the_answer_once(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    view.ask("How much?")
    for token in ("5", " mg"):
        view.add_token(token)
    view.finish(answer("5 mg"))
    text = view.toPlainText()
    assert text.count("5 mg") == 2  # the answer and the quotation
    assert "Handbook · page 3" in text
    assert "searched in 12 ms · whole answer in 1.3 s · confidence 80 % · by run-1" in text


def test_a_withheld_answer_replaces_what_streamed(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    view.ask("How much?")
    view.add_token("50 mg, surely")
    view.finish(answer("The documents do not answer this question.", citations=(), abstained=True))
    assert "50 mg" not in view.toPlainText()
    assert "The documents do not answer this question." in view.toPlainText()


def test_markup_is_shown_as_text(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    view.ask('<img src="http://tracker/x.png"> & <b>bold</b>')
    view.add_token('<a href="http://elsewhere">here</a>')
    assert '<img src="http://tracker/x.png"> & <b>bold</b>' in view.toPlainText()
    assert '<a href="http://elsewhere">here</a>' in view.toPlainText()


def test_nothing_is_loaded(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    for name in ("http://tracker/x.png", "file:///etc/hostname"):
        assert view.loadResource(QTextDocument.ResourceType.ImageResource.value, QUrl(name)) is None


def test_a_citation_link_opens_its_citation(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    view.ask("How much?")
    view.finish(answer("5 mg"))
    with qtbot.waitSignal(view.citation_opened) as opened:
        view.anchorClicked.emit(QUrl("citation:0"))
    assert opened.args == [CITATION]


def test_a_foreign_link_opens_nothing(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    with qtbot.assertNotEmitted(view.citation_opened):
        view.anchorClicked.emit(QUrl("http://elsewhere/"))


def test_an_answer_without_support_says_so_and_shows_what_was_read(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    view.ask("How much?")
    view.finish(answer("500 mg", citations=()))
    assert "No passage says this in these words" in view.toPlainText()
    assert view.citations == (Citation("d:0", "d", "Handbook", 3, 0, 15, "Then give 5 mg."),)


def test_a_sentence_that_no_passage_says_is_underlined_and_what_differs_is_named(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    view.ask("How much?")
    told = replace(
        answer("Give 5 mg. Repeat after 9 days."),
        sentences=(Sentence(0, 10, 0), Sentence(11, 31, None, ("9 days",))),
        searched="dose: How much?",
    )
    view.add_token(told.answer)
    view.finish(told)
    text = view.toPlainText()
    assert text.count("Repeat after 9 days.") == 1
    assert "The nearest passage differs in: 9 days" in text and "Searched for: dose: How much?" in text
    cursor = view.document().find("Repeat")
    assert cursor.charFormat().underlineStyle() == QTextCharFormat.UnderlineStyle.DashUnderline
    assert view.document().find("Give 5").charFormat().underlineStyle() == QTextCharFormat.UnderlineStyle.NoUnderline


def test_an_error_is_said_with_its_hint(qtbot: QtBot) -> None:
    view = conversation(qtbot)
    view.ask("How much?")
    view.fail(RunError("There is no run x.", hint="Choose another."))
    assert "There is no run x. Choose another." in view.toPlainText()
    assert not view.streams
