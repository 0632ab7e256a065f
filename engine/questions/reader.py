"""Question files to records: JSON, JSONL, SQuAD's nested form, CSV and TSV."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.documents.decoding import decode
from engine.documents.json_values import read_values
from engine.errors import QuestionError
from engine.questions.raw import RawQuestion, from_record, from_squad, has_question

_TABLE_BYTES_MAX = 1 << 30
_CELL_CHARACTERS_MAX = 16 << 20
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Problem:
    """A record that can't be used: where it is, and why."""

    place: str  # "line 7", "record 7", "article 2"
    reason: str


def read_questions(path: Path) -> Iterator[RawQuestion | Problem]:
    """Yield the questions of the file at `path`, and the problems of the records that hold none.

    Raises QuestionError or another EngineError when the file as a whole is not a question file.
    """
    if path.suffix.lower() in {".csv", ".tsv"}:
        yield from _table(path)
    else:
        yield from _json(path)


def table_columns(path: Path) -> list[str]:
    """Return the column names of a CSV or TSV file."""
    return next(_rows(path), [])


def columns_hold_questions(columns: list[str]) -> bool:
    """Whether one of the columns is a question column."""
    return has_question(dict.fromkeys(columns))


def _json(path: Path) -> Iterator[RawQuestion | Problem]:
    is_lines = path.suffix.lower() in {".jsonl", ".ndjson"}
    for value in read_values(path):
        place = f"{'line' if is_lines else 'record'} {value.number}"
        if value.record is None:
            yield Problem(place, value.problem)
        elif isinstance(value.record.get("paragraphs"), list):
            questions, problems = from_squad(value.record, number=value.number, stem=path.stem)
            yield from questions
            yield from (Problem(*problem.split(": ", 1)) for problem in problems)
        else:
            yield _read(value.record, place=place, line=value.number)


def _table(path: Path) -> Iterator[RawQuestion | Problem]:
    rows = _rows(path)
    columns = next(rows, [])
    if not columns_hold_questions(columns):
        raise no_question_column(path, columns)
    repeated = [name for name, count in Counter(columns).items() if count > 1 and name.strip()]
    if repeated:
        raise QuestionError(
            f"{path.name} has the column {repeated[0]!r} twice.", hint="Rename one of them and import it again."
        )
    for line, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        record = {name: _cell(cell) for name, cell in zip(columns, row, strict=False) if name.strip() and cell.strip()}
        yield _read(record, place=f"row {line}", line=line)


def no_question_column(path: Path, columns: list[str]) -> QuestionError:
    """The sentence for a table without a question column: what was found, and what is needed."""
    found = ", ".join(name.strip()[:40] or "(no name)" for name in columns[:12]) or "none"
    return QuestionError(
        f"{path.name} has no question column (columns found: {found}).",
        hint="Name one column `question`, `query` or `prompt`, and another `answer` or `context`.",
    )


def _read(record: Mapping[str, object], *, place: str, line: int) -> RawQuestion | Problem:
    try:
        return from_record(record, line=line)
    except QuestionError as error:
        return Problem(place, f"{error.message}. {error.hint}")


def _rows(path: Path) -> Iterator[list[str]]:
    with path.open("rb") as file:
        data = file.read(_TABLE_BYTES_MAX + 1)
    if len(data) > _TABLE_BYTES_MAX:
        raise QuestionError(f"{path.name} is larger than 1 GiB.", hint="Split it into smaller files and import those.")
    text = decode(data).replace("\x00", "")
    header = text.split("\n", 1)[0]
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(_DELIMITERS, key=header.count)
    limit = csv.field_size_limit(_CELL_CHARACTERS_MAX)  # process-wide: put back below
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error as error:
        raise QuestionError(
            f"{path.name} is not a table that can be read ({error}).",
            hint="Save it again as CSV in UTF-8 and import that.",
        ) from error
    finally:
        csv.field_size_limit(limit)


def _cell(cell: str) -> object:
    """A cell that holds a JSON list is one: that is how several answers fit into a table."""
    text = cell.strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text
