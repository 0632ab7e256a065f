"""What the columns of a question file probably are."""

from __future__ import annotations

import pytest

from engine.questions.columns import guessed, likely_questions


@pytest.mark.parametrize(
    ("columns", "guess"),
    [
        (("Frage", "Antwort", "Quelle"), {"question": "Frage", "answer": "Antwort", "context": "Quelle"}),
        (("instruction", "input", "output"), {"question": "instruction", "answer": "output", "context": "input"}),
        (
            ("user_input", "reference_contexts", "reference"),  # a whole name is surer than a word of one
            {"question": "user_input", "answer": "reference", "context": "reference_contexts"},
        ),
        (("id", "21.QUESTION", "21.LONG_ANSWER"), {"id": "id", "question": "21.QUESTION", "answer": "21.LONG_ANSWER"}),
    ],
)
def test_columns_are_guessed_by_name(columns: tuple[str, ...], guess: dict[str, str]) -> None:
    assert guessed(columns, [["a b"] * len(columns)]).columns == guess
    assert likely_questions(columns)


def test_a_column_that_asks_is_the_question() -> None:
    assert guessed(("A", "B"), [["Who?", "Me"], ["Why?", "So"]]).columns == {"question": "A", "answer": "B"}
