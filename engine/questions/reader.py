"""Question files to questions: JSON, JSONL, SQuAD's nested form, CSV, TSV, XLSX and Parquet, any columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from engine.errors import QuestionError
from engine.questions.columns import (
    ColumnMap,
    ColumnMemory,
    Header,
    Preview,
    UnmappedError,
    at,
    guessed,
    likely_questions,
    needs_map,
    resolved,
)
from engine.questions.problems import ProblemKind, QuestionProblem, shown
from engine.questions.raw import RawQuestion, from_chat, from_record, from_squad, is_chat, plain_name
from engine.questions.row_reader import RowReader
from engine.questions.rows import Row, columns_of

QUESTION_SUFFIXES = frozenset({".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".xlsx", ".parquet"})
TELLING = frozenset({"question", "answer", "answers"})  # columns that only files of questions have
_PEEKED_ROWS = 100
_PREVIEW_ROWS = 8
_CELL_CHARACTERS = 300
_LONG_QUESTION = 2000  # characters: more than the models read of a question
_LONG_ANSWER = 4000


@dataclass(slots=True)
class QuestionReader:
    """Reads question files, each with the map a person gave, one remembered, or by the names of its columns."""

    rows: RowReader
    memory: ColumnMemory | None = None
    chosen: ColumnMap | None = None  # for these files, whatever is remembered; it is remembered from now on
    _known: dict[str, ColumnMap] = field(default_factory=dict)

    def read(self, path: Path) -> Iterator[RawQuestion | QuestionProblem]:
        """Yield the questions of the file at `path`, and what is wrong with the records that hold none.

        Raises UnmappedError when its columns are unknown, QuestionError or another EngineError when it can't be read.
        """
        header: Header = self.chosen.header if self.chosen else "auto"
        with closing(self.rows.rows(path, header)) as rows:
            first = list(islice(rows, _PEEKED_ROWS))
            columns = columns_of(row.record for row in first if row.record is not None)
            columns_map = self._map(path, columns, first)
            if columns_map is not None and columns_map.header != header:
                remembered = self.rows.rows(path, columns_map.header)
                with closing(remembered):
                    yield from self._questions(path, remembered, columns_map)
                return
            yield from self._questions(path, chain(first, rows), columns_map)

    def preview(self, path: Path, header: Header = "auto") -> Preview:
        """Return the first rows of the file at `path`, and what its columns probably are. Raises as `read` does."""
        with closing(self.rows.rows(path, header)) as rows:
            first = list(islice(rows, _PEEKED_ROWS))
        return _preview(path, columns_of(row.record for row in first if row.record is not None), first, header)

    def holds_questions(self, path: Path) -> bool:
        """Whether the columns of the file at `path` say that it holds questions, by their names or by a person's map.

        One column that can be nothing else is enough: what the others are is then asked. Raises as `read` does.
        """
        columns = self.preview(path).columns
        telling = not TELLING.isdisjoint(map(plain_name, columns))
        return telling or not needs_map(columns) or likely_questions(columns) or self._remembers(columns)

    def knows(self, record: Mapping[str, object]) -> bool:
        """Whether this is a question with its answer under other names, or a person has mapped such columns."""
        columns = columns_of([record])
        return is_chat(record) or likely_questions(columns) or self._remembers(columns)

    def _remembers(self, columns: Sequence[str]) -> bool:
        return self.memory is not None and self.memory.find(columns) is not None

    def _map(self, path: Path, columns: list[str], first: list[Row]) -> ColumnMap | None:
        if self.chosen is not None:
            chosen = resolved(self.chosen, columns, path.name)
            if self.memory is not None and columns:
                self.memory.remember(columns, chosen)
            return chosen
        remembered = self.memory.find(columns) if self.memory is not None else None
        if remembered is not None:
            return remembered
        if columns and needs_map(columns) and not any(row.record and is_chat(row.record) for row in first):
            raise unmapped(_preview(path, columns, first, "auto"))
        return None

    def _questions(
        self, path: Path, rows: Iterator[Row], columns_map: ColumnMap | None
    ) -> Iterator[RawQuestion | QuestionProblem]:
        for row in rows:
            record = row.record
            if record is None:
                yield _problem(path, row, "unreadable", row.problem)
            elif isinstance(record.get("paragraphs"), list):
                questions, problems = from_squad(record, number=row.line, stem=path.stem)
                for raw in questions:
                    yield raw
                    yield from _long(path, raw)
                for reason in problems:
                    yield _problem(path, Row(row.line, f"article {row.line}"), _kind(reason), reason)
            else:
                fields = columns_map.applied(record) if columns_map else record
                try:
                    raw = (from_chat if is_chat(fields) else from_record)(fields, line=row.line, place=row.place)
                except QuestionError as error:
                    yield _problem(path, row, _kind(error.message), f"{error.message}. {error.hint}")
                    continue
                yield raw
                yield from _long(path, raw)


def unmapped(preview: Preview) -> UnmappedError:
    """The sentence for a file whose columns are unknown: what was found, and how to say which is what."""
    name = Path(preview.path).name
    found = ", ".join(column[:40] for column in preview.columns[:12]) or "none"
    missing = "question" if "question" not in map(str.lower, preview.columns) else "answer or context"
    guess = ",".join(f"{role}={column}" for role, column in preview.guess.columns.items())
    if "question=" not in guess:
        guess = "question=COLUMN,answer=COLUMN"
    return UnmappedError(
        f"{name} has no {missing} column (columns found: {found}).",
        hint=f"Say which column is what: --map {guess}; the window asks for it. Or "
        "name one column `question`, another `answer` or `context`.",
        preview=preview,
    )


def _preview(path: Path, columns: list[str], rows: list[Row], header: Header) -> Preview:
    shown_rows = [
        tuple(_cell(at(row.record, column)) for column in columns) for row in rows[:_PREVIEW_ROWS] if row.record
    ]
    guess = ColumnMap(guessed(columns, shown_rows).columns, header)
    return Preview(str(path), tuple(columns), tuple(shown_rows), guess)


def _cell(value: object) -> str:
    return "" if value is None else " ".join(str(value).split())[:_CELL_CHARACTERS]


def _kind(reason: str) -> ProblemKind:
    if "no question" in reason or "neither" in reason:
        return "empty"
    return "too long" if "characters" in reason else "split" if "split" in reason else "unreadable"


def _problem(path: Path, row: Row, kind: ProblemKind, reason: str) -> QuestionProblem:
    question = next((shown(str(value)) for value in (row.record or {}).values() if isinstance(value, str)), "")
    return QuestionProblem(str(path), row.line, row.place, kind, _sentence(reason), left_out=True, question=question)


def _long(path: Path, raw: RawQuestion) -> Iterator[QuestionProblem]:
    """Warn of what is imported but not read whole by the models."""
    answer = max(map(len, raw.answers), default=0)
    for what, length, most in (("question", len(raw.question), _LONG_QUESTION), ("answer", answer, _LONG_ANSWER)):
        if length > most:
            yield QuestionProblem(
                str(path), raw.line, raw.place, "too long",
                f"Its {what} has {length:,} characters: the models read only the beginning.",
                left_out=False, question=shown(raw.question),
            )  # fmt: skip


def _sentence(reason: str) -> str:
    return f"{reason[:1].upper()}{reason[1:]}.".replace("..", ".")
