"""A spreadsheet as text: what cells show, a line a row, in sections that name their rows, so that a citation does."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from typing import Any

from engine.documents.content import ContentBuilder
from engine.documents.tables import table_lines

_SECTION_CHARACTERS = 900  # of rows that share a section: about what a passage holds
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.')  # signs of a number's format that stand for themselves


def shown(cell: Any) -> str:
    """Return what a workbook's cell shows: a date without midnight, a share as a percentage, a formula's result."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float) and _is_share(cell):
        return f"{value * 100:.15g}%"
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ").removesuffix(" 00:00:00")
    return str(value)


def _is_share(cell: Any) -> bool:
    try:
        number_format = str(cell.number_format)
    except IndexError:  # the workbook has lost its styles
        return False
    return "%" in _LITERAL.sub("", number_format).split(";")[0]


def add_rows(builder: ContentBuilder, rows: Iterable[Sequence[str]], *, level: int) -> None:
    """Add the rows of a sheet, numbered as a spreadsheet program does: from 1, empty rows counted."""
    waiting: list[str] = []
    numbers: list[int] = []
    size = 0
    for index, line in table_lines(rows, columns_min=2):
        if waiting and size + len(line) > _SECTION_CHARACTERS:
            _add(builder, waiting, numbers, level=level)
            waiting, numbers, size = [], [], 0
        waiting.append(line)
        numbers.append(index + 1)
        size += len(line)
    if waiting:
        _add(builder, waiting, numbers, level=level)


def _add(builder: ContentBuilder, lines: list[str], numbers: list[int], *, level: int) -> None:
    first, last = numbers[0], numbers[-1]
    builder.mark_section(f"row {first}" if first == last else f"rows {first}–{last}", level=level)
    builder.add("\n".join(lines))
