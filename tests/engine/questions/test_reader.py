"""Question files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import EngineError, QuestionError
from engine.questions.columns import ColumnMap, UnmappedError
from engine.questions.problems import QuestionProblem
from engine.questions.raw import RawQuestion
from engine.questions.reader import QuestionReader
from engine.questions.row_reader import RowReader


def _read(
    tmp_path: Path, name: str, text: str | bytes, chosen: ColumnMap | None = None
) -> list[RawQuestion | QuestionProblem]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(QuestionReader(RowReader(), chosen=chosen).read(path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.csv", "question,answer\nWhy?,Because\n"),
        ("q.csv", "\ufeffQuestion;Answer\r\n\r\nWhy?;Because\r\n"),
        ("q.tsv", "question\tanswer\nWhy?\tBecause\n"),
        ("q.json", '[{"question": "Why?", "answer": "Because"}]'),
        ("q.jsonl", '{"question": "Why?", "answer": "Because"}\n'),
        ("q.jsonl", '{"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because"}]}'),
        ("q.json", '[{"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because"}]}]'),
        ("q.json", '{"data": [{"paragraphs": [{"qas": [{"question": "Why?", "answers": [{"text": "Because"}]}]}]}]}'),
    ],
)
def test_every_form_gives_the_same_question(tmp_path: Path, name: str, text: str) -> None:
    (raw,) = _read(tmp_path, name, text)
    assert isinstance(raw, RawQuestion)
    assert (raw.question, raw.answers) == ("Why?", ("Because",))


def test_the_first_question_of_a_conversation_counts_and_one_without_any_is_a_problem(tmp_path: Path) -> None:
    said = [
        ("system", "Be brief."),
        ("user", [{"type": "text", "text": "Why?"}]),
        ("assistant", "Because"),
        ("user", "And how?"),
    ]
    chats = [[{"role": role, "content": content} for role, content in turns] for turns in (said, said[:1], said[:2])]
    raw, nobody, unanswered = _read(tmp_path, "q.json", json.dumps([{"id": "7", "messages": chat} for chat in chats]))
    assert isinstance(raw, RawQuestion) and (raw.id, raw.question, raw.answers) == ("7", "Why?", ("Because",))
    assert isinstance(nobody, QuestionProblem) and "no question" in nobody.reason
    assert isinstance(unanswered, QuestionProblem) and "neither an answer" in unanswered.reason


def test_records_under_other_names_are_asked_about(tmp_path: Path) -> None:
    with pytest.raises(UnmappedError) as caught:
        _read(tmp_path, "q.json", '[{"instruction": "Why?", "input": "", "output": "Because"}]')
    assert caught.value.preview.guess.columns == {"question": "instruction", "answer": "output", "context": "input"}


def test_a_broken_line_is_a_problem_with_its_number(tmp_path: Path) -> None:
    good, broken = _read(tmp_path, "q.jsonl", '{"question": "Why?", "answer": "Because"}\n{"question": "Wh')
    assert isinstance(good, RawQuestion)
    assert isinstance(broken, QuestionProblem)
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
    assert [item.place for item in items if isinstance(item, QuestionProblem)] == ["line 2", "line 3"]


def test_json_that_stops_half_way_gives_no_question(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="stops half-way"):
        _read(tmp_path, "q.json", '[{"question": "Why?", "answer": "Because"}, {"quest')


def test_a_workbook_gives_the_questions_of_all_its_sheets_below_their_titles(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    for row in (["Questions of the ward"], [], ["Question", "Answer"], ["How much?", 5.0], ["How many?", 2.5]):
        sheet.append(row)
    other = book.create_sheet("More")
    for row in (["query", "output"], ["Why?", "Because"]):
        other.append(row)
    book.save(tmp_path / "q.xlsx")
    found = list(QuestionReader(RowReader()).read(tmp_path / "q.xlsx"))
    assert [(raw.question, raw.answers, raw.line) for raw in found if isinstance(raw, RawQuestion)] == [
        ("How much?", ("5",), 4),
        ("How many?", ("2.5",), 5),
        ("Why?", ("Because",), 2),
    ]
    assert isinstance(found[2], RawQuestion) and found[2].place == "sheet More, row 2"


def test_a_workbook_cell_answers_as_it_shows(tmp_path: Path) -> None:
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    for row in (
        ["question", "answer"],
        ["When?", datetime.datetime(2020, 1, 31)],
        ["What share?", 0.07],
        ["Sum?", "#N/A"],
    ):
        book.active.append(row)
    book.active["B3"].number_format = "0%"
    book.save(tmp_path / "q.xlsx")
    found = list(QuestionReader(RowReader()).read(tmp_path / "q.xlsx"))
    assert [raw.answers for raw in found if isinstance(raw, RawQuestion)] == [("2020-01-31",), ("7%",)]
    assert [item.line for item in found if not isinstance(item, RawQuestion)] == [4]


def test_parquet_without_a_number_has_no_answer(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"question": ["a", "b"], "answer": [1.5, float("nan")]})
    pyarrow.parquet.write_table(table, tmp_path / "q.parquet")
    found = list(QuestionReader(RowReader()).read(tmp_path / "q.parquet"))
    assert [raw.answers for raw in found if isinstance(raw, RawQuestion)] == [("1.5",)]
    assert len(found) == 2


def test_parquet_keeps_lists_and_its_own_line_column(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"question": ["a", "b"], "answers": [["x"], ["y", "z"]], "line": [7, 8]})
    pyarrow.parquet.write_table(table, tmp_path / "q.parquet")
    found = list(QuestionReader(RowReader()).read(tmp_path / "q.parquet"))
    assert [(raw.answers, raw.line) for raw in found if isinstance(raw, RawQuestion)] == [(("x",), 1), (("y", "z"), 2)]


@pytest.mark.parametrize(
    ("name", "data"), [("q.parquet", b"PAR1 and nothing more PAR1"), ("q.xlsx", b"PK\x03\x04 and nothing more")]
)
def test_a_damaged_table_is_a_sentence(tmp_path: Path, name: str, data: bytes) -> None:
    with pytest.raises(QuestionError, match="is damaged"):
        _read(tmp_path, name, data)


def test_unknown_columns_are_shown_with_a_guess(tmp_path: Path) -> None:
    with pytest.raises(UnmappedError, match=r"columns found: Frage, Antwort") as caught:
        _read(tmp_path, "q.csv", "Frage;Antwort\nWie hoch?;5 mg\n")
    assert caught.value.preview.rows == (("Wie hoch?", "5 mg"),)
    assert caught.value.preview.guess.columns == {"question": "Frage", "answer": "Antwort"}
    assert "--map question=Frage,answer=Antwort" in caught.value.hint


@pytest.mark.parametrize("columns", [{"question": "Frage", "answer": "Antwort"}, {"question": "1", "answer": "2"}])
def test_a_map_names_columns_or_numbers_them(tmp_path: Path, columns: dict[str, str]) -> None:
    (raw,) = _read(tmp_path, "q.csv", "Frage;Antwort\nWie hoch?;5 mg\n", ColumnMap(columns))
    assert isinstance(raw, RawQuestion)
    assert (raw.question, raw.answers, raw.line) == ("Wie hoch?", ("5 mg",), 2)


def test_a_mapped_column_goes_before_one_of_the_known_name(tmp_path: Path) -> None:
    (raw,) = _read(
        tmp_path, "q.jsonl", '{"query": "SELECT 1", "meta": {"asked": "Why?"}, "gold": "Because", "split": "test"}\n',
        ColumnMap({"question": "meta.asked", "answer": "gold"}),
    )  # fmt: skip
    assert isinstance(raw, RawQuestion)
    assert (raw.question, raw.answers, raw.split) == ("Why?", ("Because",), "test")


def test_a_table_without_a_header_loses_no_row(tmp_path: Path) -> None:
    with pytest.raises(UnmappedError) as caught:
        _read(tmp_path, "q.csv", "How much?,5 mg\nWhy?,Because\n")
    assert caught.value.preview.columns == ("column 1", "column 2")
    chosen = caught.value.preview.guess
    found = _read(tmp_path, "q.csv", "How much?,5 mg\nWhy?,Because\n", chosen)
    assert [raw.question for raw in found if isinstance(raw, RawQuestion)] == ["How much?", "Why?"]


def test_rows_that_lost_their_shape_are_problems(tmp_path: Path) -> None:
    found = _read(tmp_path, "q.csv", "question,answer\nWhy, really?,Because\nHow?,So\n")
    assert [(one.line, one.kind) for one in found if isinstance(one, QuestionProblem)] == [(2, "unreadable")]
    (lost,) = _read(tmp_path, "q.csv", 'question,answer\nWhy?,"Because\n' + "How?,So\n" * 9)
    assert isinstance(lost, QuestionProblem) and "never closed" in lost.reason


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_table_in_any_encoding_with_excels_first_line(tmp_path: Path, encoding: str) -> None:
    (raw,) = _read(tmp_path, "q.csv", "sep=|\r\nquestion|answer\r\nWie groß?|fünf, höchstens\r\n".encode(encoding))
    assert isinstance(raw, RawQuestion)
    assert (raw.question, raw.answers, raw.line) == ("Wie groß?", ("fünf, höchstens",), 3)
