"""The reading order of a page: its lines, wherever they stand, as columns, tables and paragraphs.

Works on lines with boxes, whether a PDF says where they stand or a scan was recognised. Most pages are one column
already in order: those are left as they are. The others are cut along gutters (recursive XY-cut; Nagy and Seth 1984),
after tables were taken out as rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal

import numpy as np

Separator = Literal["", " ", " | ", "\n", "\n\n"]

_SAME_ROW = 0.45  # of a line's size: how far apart the middles of two pieces of one row may lie
_UPWARD = 1.2  # lines: how far a line may stand above the one before it without the order being wrong
_PARAGRAPH_GAP = 0.55  # lines of white between paragraphs
_PROSE_CHARACTERS = 18  # of a column's average line; shorter ones are cells or labels
_CELL_CHARACTERS = 28  # of a table's average cell at most
_CELL_FILL = 0.8  # how much of its column's width a table's average cell fills at most; prose fills nearly all
_TABLE_ROWS = 3
_MARK_CHARACTERS = 4  # of a list: "•", "12."
_GUTTER_CROSSED = 0.3  # lines that may cross a gutter, for each beside it: titles and figures over all columns
_MAX_DEPTH = 8


@dataclass(frozen=True, slots=True)
class Word:
    """A recognised word: its place in the line's text and its box on the page as it is shown."""

    start: int
    end: int
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(slots=True)
class Line:
    """A line of one column, or a cell. y grows downwards; the unit is a point."""

    text: str
    first: int  # index of its first character on the page, in the order the page was written
    x0: float
    y0: float
    x1: float
    y1: float
    size: float  # of the letters
    joined: bool = False  # goes on with the word the line before it broke
    is_cell: bool = False
    words: tuple[Word, ...] = ()  # of a scan; elsewhere the page knows where its characters stand

    @property
    def middle(self) -> float:
        return (self.y0 + self.y1) / 2


@dataclass(slots=True)
class _Block:
    """What keeps together: one line, or the rows of a table."""

    rows: list[list[Line]]
    x0: float
    y0: float
    x1: float
    y1: float


Placed = tuple[Separator, Line]


def arrange(lines: Sequence[Line], *, right_to_left: bool = False) -> list[Placed]:
    """Return the lines in reading order, each with what stands between it and the one before."""
    if not lines:
        return []
    if _is_one_column(lines):
        return _separated([[line] for line in lines], right_to_left=right_to_left)
    upright = [line for line in lines if line.y1 - line.y0 <= 2.5 * max(line.size, 1.0) or len(line.text) <= 2]
    sideways = [line for line in lines if not (line.y1 - line.y0 <= 2.5 * max(line.size, 1.0) or len(line.text) <= 2)]
    if not upright:
        upright, sideways = sideways, []
    rows = _rows(upright)
    blocks = _blocks(rows)
    ordered = _ordered(blocks, right_to_left=right_to_left, depth=0)
    found = [row for block in ordered for row in block.rows]
    return _separated([*found, *([line] for line in sideways)], right_to_left=right_to_left)


def _is_one_column(lines: Sequence[Line]) -> bool:
    """Whether the lines stand one under the other as they come: then no geometry can improve on it."""
    before = lines[0]
    for line in lines[1:]:
        if line.middle < before.middle - 0.2 * before.size:
            return False
        if line.middle < before.middle + _SAME_ROW * min(line.size, before.size) and not line.joined:
            return False  # two pieces of one row: perhaps columns, perhaps cells
        before = line
    return True


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Group the lines by height, each row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: (line.middle, line.x0)):
        row = rows[-1] if rows else None
        if row is not None and abs(line.middle - row[0].middle) <= _SAME_ROW * max(
            min(line.size, row[0].size), 0.5 * max(line.size, row[0].size)
        ):
            row.append(line)
        else:
            rows.append([line])
    for row in rows:
        row.sort(key=lambda line: line.x0)
    return rows


def _blocks(rows: list[list[Line]]) -> list[_Block]:
    """Take runs of rows that make a table together; every other line stands for itself."""
    blocks: list[_Block] = []
    start = 0
    while start < len(rows):
        end = _table_end(rows, start)
        if end > start:
            table = rows[start:end]
            for row in table:
                for line in row:
                    line.is_cell = True
            blocks.append(_block(table))
            start = end
        else:
            blocks.extend(_block([[line]]) for line in rows[start])
            start += 1
    return blocks


def _block(rows: list[list[Line]]) -> _Block:
    lines = [line for row in rows for line in row]
    return _Block(
        rows,
        min(line.x0 for line in lines),
        min(line.y0 for line in lines),
        max(line.x1 for line in lines),
        max(line.y1 for line in lines),
    )


def _table_end(rows: list[list[Line]], start: int) -> int:
    """Return where the table that begins with row `start` ends; `start` itself when none does."""
    if len(rows[start]) < 2 or not _are_apart(rows[start]):
        return start
    end = start + 1
    last = rows[start]
    while end < len(rows):
        row = rows[end]
        if row[0].y0 - max(line.y1 for line in rows[end - 1]) > 4 * max(last[0].size, row[0].size):
            break
        if len(row) == 1:
            # a cell's second line, between rows
            if end + 1 < len(rows) and len(rows[end + 1]) > 1 and _in_a_column(row[0], last):
                end += 1
                continue
            break
        if not _are_apart(row) or not _line_up(last, row):
            break
        last = row
        end += 1
    table = [row for row in rows[start:end] if len(row) > 1]
    enough = 2 if min(len(row) for row in table) >= 4 else _TABLE_ROWS
    return end if len(table) >= enough and _holds_cells(table) else start


def _are_apart(row: list[Line]) -> bool:
    return all(after.x0 >= before.x1 - 1 for before, after in pairwise(row))


def _in_a_column(line: Line, row: list[Line]) -> bool:
    return any(abs(line.x0 - cell.x0) < 4 or abs(line.x1 - cell.x1) < 4 for cell in row)


def _line_up(above: list[Line], below: list[Line]) -> bool:
    """Whether most cells of the shorter row stand under a cell of the other, by an edge or the middle."""
    fewer, more = sorted((above, below), key=len)
    matching = sum(
        any(
            abs(cell.x0 - other.x0) < 4
            or abs(cell.x1 - other.x1) < 4
            or abs(cell.x0 + cell.x1 - other.x0 - other.x1) < 10
            for other in more
        )
        for cell in fewer
    )
    return matching >= max(2, 0.6 * len(fewer))


def _holds_cells(table: list[list[Line]]) -> bool:
    cells = [line for row in table for line in row]
    if all(len(row) <= 2 and len(row[0].text.strip()) <= _MARK_CHARACTERS for row in table):
        return False  # the marks of a list
    characters = sum(len(line.text.strip()) for line in cells) / len(cells)
    if characters < 12:
        return True
    fills = [
        (before.x1 - before.x0) / max(after.x0 - before.x0, 1.0) for row in table for before, after in pairwise(row)
    ]
    return characters < _CELL_CHARACTERS and sum(fills) / len(fills) < _CELL_FILL


def _ordered(blocks: list[_Block], *, right_to_left: bool, depth: int) -> list[_Block]:
    if len(blocks) < 2 or depth > _MAX_DEPTH:
        return blocks
    gutter = _gutter(blocks)
    if gutter is None:
        return _single_column(blocks)
    ordered: list[_Block] = []
    band: list[_Block] = []

    def close_band() -> None:
        left = [block for block in band if block.x1 <= gutter + 1]
        right = [block for block in band if block.x1 > gutter + 1]
        for side in (right, left) if right_to_left else (left, right):
            ordered.extend(_ordered(side, right_to_left=right_to_left, depth=depth + 1))
        band.clear()

    for block in sorted(blocks, key=lambda block: (block.y0 + block.y1) / 2 if len(block.rows) == 1 else block.y0):
        if block.x0 < gutter - 1 and block.x1 > gutter + 1:  # over both columns: it parts what is above from below
            close_band()
            ordered.append(block)
        else:
            band.append(block)
    close_band()
    return ordered


def _gutter(blocks: list[_Block]) -> float | None:
    """Return the x of a white strip between columns of prose, None when there is none."""
    if len(blocks) < 6:
        return None
    x0 = np.array([block.x0 for block in blocks])
    x1 = np.array([block.x1 for block in blocks])
    low, high = float(x0.min()), float(x1.max())
    candidates = np.unique(np.round(x0 - 0.5, 1))  # a gutter ends where lines begin
    best: tuple[float, int] | None = None
    found: float | None = None
    on_left = np.searchsorted(np.sort(x1), candidates + 1, side="right")
    on_right = len(blocks) - np.searchsorted(np.sort(x0), candidates - 1, side="left")
    inside = (candidates > low + 0.1 * (high - low)) & (candidates < high - 0.1 * (high - low))
    y0 = np.array([block.y0 for block in blocks])
    y1 = np.array([block.y1 for block in blocks])
    middle = (y0 + y1) / 2
    for x in candidates[inside & (on_left >= 3) & (on_right >= 3)].tolist():
        is_left, is_right = x1 <= x + 1, x0 >= x - 1
        top = max(y0[is_left].min(), y0[is_right].min())
        bottom = min(y1[is_left].max(), y1[is_right].max())
        level = (middle >= top) & (middle <= bottom)
        beside = int((is_left & level).sum())
        share = int((level & ~is_left & ~is_right).sum()) / max(beside, 1)
        if share > _GUTTER_CROSSED or (best is not None and (share, -beside) >= best):
            continue
        left = [block for block, chosen in zip(blocks, is_left.tolist(), strict=True) if chosen]
        right = [block for block, chosen in zip(blocks, is_right.tolist(), strict=True) if chosen]
        if _are_columns(left, right, top=float(top), bottom=float(bottom)):
            best, found = (share, -beside), x
    return found


def _are_columns(left: list[_Block], right: list[_Block], *, top: float, bottom: float) -> bool:
    """Whether two sides are columns to be read one after the other, and not labels beside what they label."""
    if bottom - top < 3 * median(block.rows[0][0].size for block in left):
        return False  # not side by side
    sides = [
        [line for block in side for row in block.rows for line in row if top <= line.middle <= bottom]
        for side in (left, right)
    ]
    if min(len(side) for side in sides) < 3:
        return False
    averages = [sum(len(line.text) for line in side) / len(side) for side in sides]
    counts = [len(side) for side in sides]
    if min(averages) >= _PROSE_CHARACTERS and min(counts) >= 0.15 * max(counts):
        return True
    # Written one after the other, they are meant so.
    return min(averages) >= 4 and min(line.first for line in sides[1]) > max(line.first for line in sides[0])


def _single_column(blocks: list[_Block]) -> list[_Block]:
    """Keep the order in which the page was written where it runs downwards; it knows more than geometry does."""
    written = sorted(blocks, key=lambda block: block.rows[0][0].first)
    lowest = written[0].y0
    for block in written:
        if (block.y0 + block.y1) / 2 < lowest - _UPWARD * block.rows[0][0].size:
            break
        lowest = max(lowest, block.y0)
    else:
        return written
    lines = [block for block in blocks if len(block.rows) == 1 and len(block.rows[0]) == 1]
    tables = [block for block in blocks if len(block.rows) > 1 or len(block.rows[0]) > 1]
    rows = _rows([block.rows[0][0] for block in lines])
    return sorted([*(_block([row]) for row in rows), *tables], key=lambda block: block.y0)


def _separated(rows: list[list[Line]], *, right_to_left: bool) -> list[Placed]:
    placed: list[Placed] = []
    before: Line | None = None
    for row in rows:
        cells = row[::-1] if right_to_left and len(row) > 1 else row
        for number, line in enumerate(cells):
            placed.append((_separator(before, line, within_row=number > 0), line))
            before = line
    return placed


def _separator(before: Line | None, line: Line, *, within_row: bool) -> Separator:
    if before is None:
        return ""
    if within_row:
        return " | " if line.is_cell else " "
    if line.joined and before.first + len(before.text) + 1 == line.first:
        return ""
    if line.is_cell != before.is_cell:
        return "\n\n"
    if line.is_cell:
        return "\n"
    size = max(min(line.size, before.size), 1.0)
    if abs(line.middle - before.middle) <= _SAME_ROW * size:
        return " "
    if line.y0 - before.y1 > _PARAGRAPH_GAP * size or max(line.size, before.size) > 1.25 * size:
        return "\n\n"
    return "\n"
