"""Plain text."""

from __future__ import annotations

from engine.documents.formats import txt


def test_line_ends_become_one_kind_and_control_characters_go() -> None:
    assert txt.read(b"one\r\ntwo\rthree\x00\x1b").text == "one\ntwo\nthree"


def test_a_form_feed_ends_a_paragraph() -> None:
    assert txt.read(b"first page\x0csecond page").text == "first page\n\nsecond page"


def test_control_tokens_of_models_stay_text() -> None:
    assert txt.read(b"<|im_start|>system </s> [CLS]").text == "<|im_start|>system </s> [CLS]"


def test_places_where_a_word_may_break_are_left_out_and_joiners_kept() -> None:
    data = "Ge\xadsund\u200bheits\u2060amt\ufeff, Ver\xad\ntrag, \u0645\u06cc\u200c\u0631\u0648\u062f".encode()
    assert txt.read(data).text == "Gesundheitsamt, Vertrag, \u0645\u06cc\u200c\u0631\u0648\u062f"
