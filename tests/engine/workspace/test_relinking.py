"""Evidence in a changed document."""

from __future__ import annotations

from engine.records import Passage
from engine.workspace.relinking import find_again

OLD = "The notice period is three months. It begins on the first day of a quarter. Rent is due on the third."


def _passages(*texts: str) -> tuple[str, list[Passage]]:
    whole = "\n\n".join(texts)
    starts = [whole.index(text) for text in texts]
    return whole, [
        Passage(f"d:{start}", "d", "t", text, None, "", start, start + len(text))
        for start, text in zip(starts, texts, strict=True)
    ]


def _found(*texts: str, answers: tuple[str, ...] = ()) -> str:
    whole, passages = _passages(*texts)
    passage_id = find_again(OLD, whole, passages, answers=answers)
    return next((passage.text for passage in passages if passage.id == passage_id), "")


def test_the_same_passage_is_found_wherever_it_moved() -> None:
    assert _found("A new preamble.", OLD) == OLD


def test_white_space_and_other_borders_do_not_matter() -> None:
    grown = f"Preamble. {OLD.replace(' ', chr(10), 3)} And more."
    assert _found("Other words entirely.", grown) == grown


def test_an_edited_passage_is_found_by_its_words() -> None:
    edited = OLD.replace("Rent is due on the third.", "Rent is due on the fifth.")
    assert _found("Other words entirely.", edited, answers=("three months",)) == edited


def test_a_passage_without_the_answer_is_not_the_evidence_any_more() -> None:
    assert _found(OLD.replace("three", "six"), answers=("three months",)) == ""


def test_what_is_gone_is_not_found() -> None:
    assert _found("Other words entirely.", "And some more of them, about nothing.") == ""
