"""A question file as rows, whatever its form: JSON, JSONL, SQuAD's, CSV, TSV, XLSX, Parquet. Runs in the row child."""

from __future__ import annotations

import ast
import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from engine.documents.decoding import decode
from engine.documents.formats.delimited import said_delimiter
from engine.documents.json_values import read_values
from engine.documents.sheets import shown
from engine.errors import QuestionError
from engine.questions.columns import Header

_TABLE_BYTES_MAX = 1 << 30
_CELL_CHARACTERS_MAX = 16 << 20
_DELIMITERS = ",;\t|"
_SNIFFED_ROWS = 20
_ABBREVIATED = re.compile(r"\w{1,4}\.( ?\w{1,4}\.)?")  # "Nr.", "Lfd. Nr."
_HEADER_ROWS_MAX = 10  # of a sheet: how far down its header may stand, below a title
_NAME_CHARACTERS_MAX = 80  # longer is no column's name
_PARQUET_ROWS = 500
_LOST_LINES = 5  # a row of so many lines up to the end of the file lacks its closing quotation mark
# What a spreadsheet program or pandas writes where there is no value.
_NO_VALUE = {"#N/A", "#VALUE!", "#REF!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!", "NaN", "nan"}
_ARRAY = re.compile(r"array\((\[.*?\])(?:,\s*dtype=[\w.<>'\"]+)?\)", re.DOTALL)


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One record of a question file: where it stands, and either what it holds or why it can't be read."""

    line: int  # 1-based: the line of a text file, the row of a sheet, the position in an array
    place: str  # the same as a person calls it: "line 7", "record 7", "sheet Doses, row 7"
    record: dict[str, Any] | None = None
    problem: str = ""


def read_rows(path: Path, header: Header = "auto") -> Iterator[Row]:
    """Yield the rows of the file at `path`. Raises QuestionError or DocumentError when it is none of the known forms.

    They are streamed, except a JSON array and the text of a CSV file, which are parsed as a whole.
    """
    return _FORMS.get(path.suffix.lower(), _json)(path, header)


def _parquet(path: Path, header: Header) -> Iterator[Row]:
    del header  # the file names its columns
    import pyarrow.parquet

    line = 0
    with pyarrow.parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
        for batch in file.iter_batches(batch_size=_PARQUET_ROWS, use_threads=False):
            for record in batch.to_pylist():
                line += 1
                kept = {name: value for name, value in record.items() if not _is_nan(value)}
                yield Row(line, f"row {line}", kept)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _json(path: Path, header: Header) -> Iterator[Row]:
    del header  # records name their fields
    is_lines = path.suffix.lower() in {".jsonl", ".ndjson"}
    for value in read_values(path):
        place = f"{'line' if is_lines else 'record'} {value.number}"
        yield Row(value.number, place, value.record, value.problem)


def _table(path: Path, header: Header) -> Iterator[Row]:
    with path.open("rb") as file:
        data = file.read(_TABLE_BYTES_MAX + 1)
    if len(data) > _TABLE_BYTES_MAX:
        raise QuestionError(f"{path.name} is larger than 1 GiB.", hint="Split it into smaller files and import those.")
    text = decode(data)
    del data
    start, delimiter = _dialect(text, prefers_tabs=path.suffix.lower() == ".tsv")
    csv.field_size_limit(_CELL_CHARACTERS_MAX)
    try:
        yield from _table_rows(path, text[start:], delimiter, header, skipped_lines=int(start > 0))
    except csv.Error as error:
        raise QuestionError(
            f"{path.name} is not a table that can be read ({error}).",
            hint="Save it again as CSV in UTF-8 and import that.",
        ) from error


def _table_rows(path: Path, text: str, delimiter: str, header: Header, *, skipped_lines: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines = text.count("\n") + 1
    opened = text.count('"') % 2 == 1
    columns: list[str] | None = None
    ended = 0
    for cells in reader:
        line, ended = ended + 1 + skipped_lines, reader.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            named = header == "yes" or (header == "auto" and _names_columns(cells))
            columns = column_names(path, cells if named else None, len(cells))
            if named:
                continue
        if opened and ended >= lines - 1 and ended + skipped_lines - line >= _LOST_LINES:
            yield Row(line, f"line {line}", None, "a quotation mark is opened in it and never closed")
            continue
        yield _row(columns, [_cell(cell) for cell in cells], line=line, place=f"line {line}")


def _dialect(text: str, *, prefers_tabs: bool) -> tuple[int, str]:
    """Where the table begins and what parts its cells: the mark that gives most rows the same number of cells."""
    start, said = said_delimiter(text)
    if said:
        return start, said

    def fit(delimiter: str) -> tuple[float, int]:
        sample = io.StringIO(text[: 1 << 16], newline="")
        try:
            widths = [len(row) for row in islice(csv.reader(sample, delimiter=delimiter), _SNIFFED_ROWS) if row]
        except csv.Error:
            return 0.0, 0
        usual = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
        return (widths.count(usual) / len(widths), usual) if usual > 1 else (0.0, 0)

    if prefers_tabs and fit("\t")[1] > 1:
        return 0, "\t"
    first = text.lstrip("\ufeff\r\n").split("\n", 1)[0]
    return 0, max(_DELIMITERS, key=lambda delimiter: (*fit(delimiter), first.count(delimiter)))


def _names_columns(cells: Sequence[object]) -> bool:
    """Whether a table's first row names its columns: none of it is a question, a long text or a number."""
    texts = [str(cell).strip() for cell in cells if cell is not None and str(cell).strip()]
    ends = tuple("?.？؟")
    plain = all(
        len(text) <= _NAME_CHARACTERS_MAX and (not text.endswith(ends) or _ABBREVIATED.fullmatch(text))
        for text in texts
    )
    return bool(texts) and plain and not any(re.fullmatch(r"[-+]?[\d.,]+%?", text) for text in texts)


def column_names(path: Path, cells: Sequence[object] | None, width: int) -> list[str]:
    """Return a name for each column: what its header says, "column 3" for one that has none."""
    names = [f"column {number}" for number in range(1, width + 1)]
    for place, cell in enumerate(cells or ()):
        if cell is not None and str(cell).strip():
            names[place] = str(cell).strip().lstrip("\ufeff")
    repeated = next((name for name in names if names.count(name) > 1), "")
    if repeated:
        raise QuestionError(
            f"{path.name} has the column {repeated!r} twice.", hint="Rename one of them and import it again."
        )
    return names


def _row(columns: Sequence[str], cells: Sequence[object], *, line: int, place: str) -> Row:
    rest = [str(cell) for cell in cells[len(columns) :] if cell not in (None, "")]
    if rest:
        return Row(
            line,
            place,
            None,
            f"it has {len(cells)} cells where the header has {len(columns)}: a text that holds the mark between "
            "cells needs quotation marks",
        )
    return Row(line, place, {name: cell for name, cell in zip(columns, cells, strict=False) if cell not in (None, "")})


def _cell(cell: str) -> object:
    """A cell that holds a list is one: that is how several answers fit into a table, and how others export SQuAD's."""
    text = cell.strip()
    if text in _NO_VALUE:
        return ""
    if not (text.startswith(("[", "{")) and text.endswith(("]", "}"))):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        value = ast.literal_eval(_ARRAY.sub(r"\1", text))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text
    return value if isinstance(value, list | dict) else text


def _sheets(path: Path, header: Header) -> Iterator[Row]:
    """The rows of every sheet of a workbook, each sheet with its own header."""
    import openpyxl

    book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    many = len(book.worksheets) > 1
    for sheet in book.worksheets:
        sheet.reset_dimensions()  # what a workbook says of its own size may be wrong
        called = f"sheet {sheet.title}, row" if many else "row"
        rows = ([shown(cell) for cell in row] for row in sheet.iter_rows())
        yield from _sheet(path, enumerate(rows, start=1), header, called)


def _sheet(path: Path, rows: Iterable[tuple[int, Sequence[str]]], header: Header, called: str) -> Iterator[Row]:
    """Rows below the header: the first of the top rows that is as wide as any of them; above it stands a title."""
    numbered = iter(rows)
    top = [(line, cells) for line, cells in islice(numbered, _HEADER_ROWS_MAX) if any(map(_is_filled, cells))]
    if not top:
        return
    widest = max(sum(map(_is_filled, cells)) for _, cells in top)
    while len(top) > 1 and sum(map(_is_filled, top[0][1])) < min(2, widest):
        top.pop(0)
    first = top[0][1]
    named = header == "yes" or (header == "auto" and _names_columns(first))
    width = max(place for place, cell in enumerate(first, start=1) if _is_filled(cell))
    columns = column_names(path, first[:width] if named else None, width)
    for line, cells in (*top[named:], *numbered):
        if any(map(_is_filled, cells)):
            yield _row(columns, [_cell(cell) for cell in cells], line=line, place=f"{called} {line}")


def _is_filled(cell: str) -> bool:
    return bool(cell.strip())


def columns_of(records: Iterable[Mapping[str, object]]) -> list[str]:
    """Return the names of the fields of `records`, those inside an object as "outer.inner", in order of appearance."""
    names: dict[str, None] = {}
    for record in records:
        for name, value in record.items():
            if isinstance(value, Mapping) and not value.keys() & {"text", "answer_start"}:
                names.update(dict.fromkeys(f"{name}.{inner}" for inner in value))
            else:
                names[str(name)] = None
    return list(names)


_FORMS = {".csv": _table, ".tsv": _table, ".xlsx": _sheets, ".parquet": _parquet}
