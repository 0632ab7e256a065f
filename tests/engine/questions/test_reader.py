"""Question files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import EngineError, QuestionError
from engine.questions.raw import RawQuestion
from engine.questions.reader import Problem, read_questions


def _read(tmp_path: Path, name: str, text: str | bytes) -> list[RawQuestion | Problem]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_questions(path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.csv", "question,answer\nWhy?,Because\n"),
        ("q.csv", "\ufeffQuestion;Answer\r\n\r\nWhy?;Because\r\n"),
        ("q.tsv", "question\tanswer\nWhy?\tBecause\n"),
        ("q.json", '[{"question": "Why?", "answer": "Because"}]'),
        ("q.jsonl", '{"question": "Why?", "answer": "Because"}\n'),
        ("q.json", '{"data": [{"paragraphs": [{"qas": [{"question": "Why?", "answers": [{"text": "Because"}]}]}]}]}'),
    ],
)
def test_every_form_gives_the_same_question(tmp_path: Path, name: str, text: str) -> None:
    (raw,) = _read(tmp_path, name, text)
    assert isinstance(raw, RawQuestion)
    assert (raw.question, raw.answers) == ("Why?", ("Because",))


def test_a_broken_line_is_a_problem_with_its_number(tmp_path: Path) -> None:
    good, broken = _read(tmp_path, "q.jsonl", '{"question": "Why?", "answer": "Because"}\n{"question": "Wh')
    assert isinstance(good, RawQuestion)
    assert isinstance(broken, Problem)
    assert broken.place == "line 2"


def test_a_table_without_a_question_column_names_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match=r"no question column \(columns found: drug, dose\)") as caught:
        _read(tmp_path, "q.csv", "drug,dose\na,1\n")
    assert "`question`" in caught.value.hint


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match="'answer' twice"):
        _read(tmp_path, "q.csv", "question,answer,answer\na,1,2\n")


def test_cells_hold_line_ends_lists_and_any_encoding(tmp_path: Path) -> None:
    (raw,) = _read(
        tmp_path, "q.csv", 'question;answers;context\n"Wie\nhoch?";"[""5 mg"", ""fünf""]";Übel\n'.encode("cp1252")
    )
    assert isinstance(raw, RawQuestion)
    assert (raw.question, raw.answers, raw.context) == ("Wie\nhoch?", ("5 mg", "fünf"), "Übel")


def test_rows_with_problems_are_numbered(tmp_path: Path) -> None:
    items = _read(tmp_path, "q.csv", "question,answer\n,lost\nWhy?,\n")
    assert [item.place for item in items if isinstance(item, Problem)] == ["row 2", "row 3"]


def test_json_that_stops_half_way_gives_no_question(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="stops half-way"):
        _read(tmp_path, "q.json", '[{"question": "Why?", "answer": "Because"}, {"quest')
