"""Rows of a spreadsheet as text: a line a row, in sections that name their rows, so that a citation says which."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.documents.content import ContentBuilder
from engine.documents.tables import table_lines

_SECTION_CHARACTERS = 900  # of rows that share a section: about what a passage holds


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
