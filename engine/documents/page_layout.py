"""The reading order of a page: its lines, wherever they stand, as columns, tables and paragraphs.

Works on lines with boxes, whether a PDF says where they stand or a scan was recognised. Most pages are one column
already in order: those are left as they are. The others are cut along gutters (recursive XY-cut; Nagy and Seth 1984),
after tables were taken out as rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import attrgetter
from statistics import median
from typing import Literal

import numpy as np

Separator = Literal["", " ", " | ", "\n", "\n\n"]

_SAME_ROW = 0.45  # of a line's size: how far apart the middles of two pieces of one row may lie
_UPWARD = 1.2  # lines: how far a line may stand above the one before it without the order being wrong
_PARAGRAPH_GAP = 0.55  # lines of white between paragraphs, where lines stand as close as they usually do
_WIDE_SPACING = 0.42  # lines of white between lines that stand farther apart than usually, as in briefs
_EXTRA_GAP = 0.35  # lines of white more than that between paragraphs then
_SPACING_MAX, _SPACING_LINES = 2.5, 4  # lines of white between two of one paragraph; such lines that tell a page's
_PROSE_CHARACTERS = 18  # of a column's average line; shorter ones are cells or labels
_FEW_CHARACTERS = 12  # of cells that are cells however wide they are
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
    upright: list[Line] = []
    sideways: list[Line] = []
    for line in lines:
        is_upright = line.y1 - line.y0 <= 2.5 * max(line.size, 1.0) or len(line.text) <= 2
        (upright if is_upright else sideways).append(line)
    if not upright:
        upright, sideways = sideways, []
    rows = _rows(upright)
    blocks = _blocks(rows)
    ordered = _ordered(blocks, right_to_left=right_to_left, depth=0)
    found = [row for block in ordered for row in block.rows]
    return _separated([*found, *([line] for line in sideways)], right_to_left=right_to_left)


def _is_one_column(lines: Sequence[Line]) -> bool:
    """Whether the lines stand one under the other as they come: then no geometry can improve on it."""
    before_middle, before_size = lines[0].middle, lines[0].size
    for line in lines[1:]:
        middle, size = (line.y0 + line.y1) / 2, line.size  # not `line.middle`: this runs for every line there is
        if middle < before_middle - 0.2 * before_size:
            return False
        if middle < before_middle + _SAME_ROW * (size if size < before_size else before_size) and not line.joined:
            return False  # two pieces of one row: perhaps columns, perhaps cells
        before_middle, before_size = middle, size
    return True


def _rows(lines: Sequence[Line]) -> list[list[Line]]:
    """Group the lines by height, each row from left to right."""
    rows: list[list[Line]] = []
    row_middle = row_size = 0.0
    for middle, _, number in sorted([((line.y0 + line.y1) / 2, line.x0, at) for at, line in enumerate(lines)]):
        line = lines[number]
        size = line.size
        smaller, larger = (size, row_size) if size < row_size else (row_size, size)
        if rows and middle - row_middle <= _SAME_ROW * (smaller if smaller > 0.5 * larger else 0.5 * larger):
            rows[-1].append(line)
        else:
            rows.append([line])
            row_middle, row_size = middle, size
    for row in rows:
        if len(row) > 1:
            row.sort(key=attrgetter("x0"))
    return rows


def _blocks(rows: list[list[Line]]) -> list[_Block]:
    """Take runs of rows that make a table together; every other line stands for itself."""
    blocks: list[_Block] = []
    start = 0
    while start < len(rows):
        end = _run_end(rows, start)
        first = end if end == start + 1 else start + _table_start(rows[start:end])
        blocks.extend(
            [_Block([[line]], line.x0, line.y0, line.x1, line.y1) for row in rows[start:first] for line in row]
        )
        if first < end:
            table = rows[first:end]
            for row in table:
                for line in row:
                    line.is_cell = True
            blocks.append(_block(table))
        start = end
    return blocks


def _block(rows: list[list[Line]]) -> _Block:
    lines = rows[0] if len(rows) == 1 else [line for row in rows for line in row]
    if len(lines) == 1:
        return _Block(rows, lines[0].x0, lines[0].y0, lines[0].x1, lines[0].y1)
    return _Block(
        rows,
        min([line.x0 for line in lines]),
        min([line.y0 for line in lines]),
        max([line.x1 for line in lines]),
        max([line.y1 for line in lines]),
    )


def _run_end(rows: list[list[Line]], start: int) -> int:
    """Return where the rows end that begin with row `start` and stand in line: one row on, where it has no cells.

    The rows of such a run all have it end there, so none of them is to be asked again.
    """
    end = start + 1
    last = rows[start]
    if len(last) < 2 or not _are_apart(last):
        return end
    while end < len(rows):
        row = rows[end]
        if row[0].y0 - max([line.y1 for line in rows[end - 1]]) > 4 * max(last[0].size, row[0].size):
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
    return end


def _table_start(run: list[list[Line]]) -> int:
    """Return at which row of a run a table begins that goes on to its end; the run's length when none does."""
    rows = [(number, row) for number, row in enumerate(run) if len(row) > 1]
    characters = _sums_to_end([sum([len(line.text.strip()) for line in row]) for _, row in rows])
    cells = _sums_to_end([len(row) for _, row in rows])
    marked = [len(row) <= 2 and len(row[0].text.strip()) <= _MARK_CHARACTERS for _, row in rows]
    for at, (number, _) in enumerate(rows):
        enough = 2 if min([len(row) for _, row in rows[at:]]) >= 4 else _TABLE_ROWS
        if len(rows) - at < enough:
            continue
        if all(marked[at:]):
            break  # the marks of a list
        average = characters[at] / cells[at]
        if average < _FEW_CHARACTERS or (average < _CELL_CHARACTERS and _filled(rows[at:]) < _CELL_FILL):
            return number
    return len(run)


def _sums_to_end(numbers: list[int]) -> list[int]:
    return [*accumulate(reversed(numbers))][::-1]


def _filled(rows: list[tuple[int, list[Line]]]) -> float:
    """How much of its column's width a cell fills on average; each row's last is not known."""
    fills = [
        (before.x1 - before.x0) / max(after.x0 - before.x0, 1.0) for _, row in rows for before, after in pairwise(row)
    ]
    return sum(fills) / len(fills)


def _are_apart(row: list[Line]) -> bool:
    return all(after.x0 >= before.x1 - 1 for before, after in pairwise(row))


def _in_a_column(line: Line, row: list[Line]) -> bool:
    return any(abs(line.x0 - cell.x0) < 4 or abs(line.x1 - cell.x1) < 4 for cell in row)


def _line_up(above: list[Line], below: list[Line]) -> bool:
    """Whether most cells of the shorter row stand under a cell of the other, by an edge or the middle."""
    fewer, more = (below, above) if len(below) < len(above) else (above, below)
    edges = [(other.x0, other.x1) for other in more]
    matching = 0
    for cell in fewer:
        x0, x1 = cell.x0, cell.x1
        for left, right in edges:
            if -4 < x0 - left < 4 or -4 < x1 - right < 4 or -10 < x0 + x1 - left - right < 10:
                matching += 1
                break
    return matching >= max(2, 0.6 * len(fewer))


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
    candidates = np.array(sorted(set(np.round(x0 - 0.5, 1).tolist())))  # a gutter ends where lines begin
    on_left = np.searchsorted(np.sort(x1), candidates + 1, side="right")
    on_right = len(blocks) - np.searchsorted(np.sort(x0), candidates - 1, side="left")
    inside = (candidates > low + 0.1 * (high - low)) & (candidates < high - 0.1 * (high - low))
    candidates = candidates[inside & (on_left >= 3) & (on_right >= 3)]
    if not candidates.size:
        return None
    y0 = np.array([block.y0 for block in blocks])
    y1 = np.array([block.y1 for block in blocks])
    middle = (y0 + y1) / 2
    is_left = x1 <= candidates[:, None] + 1  # (candidates, blocks), as what follows
    is_right = x0 >= candidates[:, None] - 1
    top = np.maximum(_lowest(y0, is_left), _lowest(y0, is_right))
    bottom = np.minimum(_highest(y1, is_left), _highest(y1, is_right))
    level = (middle >= top[:, None]) & (middle <= bottom[:, None])
    beside = (is_left & level).sum(axis=1)
    crossed = (level & ~is_left & ~is_right).sum(axis=1) / np.maximum(beside, 1)
    chosen = (crossed <= _GUTTER_CROSSED).nonzero()[0]
    if chosen.size:
        chosen = chosen[_are_columns(blocks, is_left[chosen], is_right[chosen], top=top[chosen], bottom=bottom[chosen])]
    if not chosen.size:
        return None
    # The one crossed least, then the one with most beside it.
    return float(candidates[chosen[np.lexsort((-beside[chosen], crossed[chosen]))[0]]])


def _lowest(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen, values, np.inf).min(axis=1)


def _highest(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return np.where(chosen, values, -np.inf).max(axis=1)


def _are_columns(
    blocks: list[_Block], is_left: np.ndarray, is_right: np.ndarray, *, top: np.ndarray, bottom: np.ndarray
) -> np.ndarray:
    """Whether two sides are columns to be read one after the other, and not labels beside what they label.

    `is_left` and `is_right` are of (candidates, blocks); `top` and `bottom` of (candidates,), as what is returned.
    """
    owned = [(number, line) for number, block in enumerate(blocks) for row in block.rows for line in row]
    owner = [number for number, _ in owned]
    middle = np.array([line.middle for _, line in owned])
    length = np.array([len(line.text) for _, line in owned])
    first = np.array([line.first for _, line in owned])
    level = (middle >= top[:, None]) & (middle <= bottom[:, None])
    left, right = is_left[:, owner] & level, is_right[:, owner] & level  # (candidates, lines)
    count, other = left.sum(axis=1), right.sum(axis=1)
    fewer = np.minimum(count, other)
    average = np.minimum(
        np.where(left, length, 0).sum(axis=1) / np.maximum(count, 1),
        np.where(right, length, 0).sum(axis=1) / np.maximum(other, 1),
    )
    is_prose = (average >= _PROSE_CHARACTERS) & (fewer >= 0.15 * np.maximum(count, other))
    in_turn = (average >= 4) & (_lowest(first, right) > _highest(first, left))  # so written, they are meant so
    found = (fewer >= 3) & (is_prose | in_turn)
    sizes = [block.rows[0][0].size for block in blocks]
    for number in found.nonzero()[0].tolist():
        size = median([sizes[block] for block in is_left[number].nonzero()[0].tolist()])
        found[number] = bottom[number] - top[number] >= 3 * size  # else not side by side
    return found


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
    gap = _paragraph_gap(rows)
    for row in rows:
        for place, line in enumerate(row[::-1] if right_to_left and len(row) > 1 else row):
            before = placed[-1][1] if placed else None
            separator = _separator(before, line, within_row=place > 0, paragraph_gap=gap) if before else ""
            placed.append((separator, line))
    return placed


def _paragraph_gap(rows: list[list[Line]]) -> float:
    """Lines of white between paragraphs: more than above lines that go on with a sentence (a small letter, no "a)")."""
    spacings = sorted(
        spacing
        for (before, *_), (line, *others) in pairwise(rows)
        if line.text[:1].islower() and line.text.split(maxsplit=1)[0][-1] not in ".)" and not (others or line.is_cell)
        if len(before.text) > _CELL_CHARACTERS
        and 0 < (spacing := (line.y0 - before.y1) / max(line.size, 1.0)) < _SPACING_MAX
    )
    usual = spacings[len(spacings) // 4] if len(spacings) >= _SPACING_LINES else 0.0
    return _PARAGRAPH_GAP if usual < _WIDE_SPACING else usual + _EXTRA_GAP


def _separator(before: Line, line: Line, *, within_row: bool, paragraph_gap: float) -> Separator:
    if within_row:
        return " | " if line.is_cell else " "
    if line.joined and before.first + len(before.text) + 1 == line.first:
        return ""
    if line.is_cell != before.is_cell:
        return "\n\n"
    if line.is_cell:
        return "\n"
    # Conditions and not min, max and `middle`: this runs for every line there is.
    smaller, larger = (line.size, before.size) if line.size < before.size else (before.size, line.size)
    size = smaller if smaller > 1.0 else 1.0
    y0, y1 = before.y0, before.y1
    if -_SAME_ROW * size <= (line.y0 + line.y1) / 2 - (y0 + y1) / 2 <= _SAME_ROW * size:
        return " "
    if line.y0 - y1 > paragraph_gap * size or larger > 1.25 * size:
        return "\n\n"
    return "\n"
