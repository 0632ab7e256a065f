"""Tables as text: each row a line, each cell named by its column's header where the table has one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from engine.documents.content import one_line

BAR = " | "  # between the cells of a line
REPEATED_MAX = 80  # characters that other rows say again; longer than this is text, not the name of a row or column

_LABEL_CHARACTERS_MAX = 80  # longer than this is text, not the name of a column
_LOOKED_AT_ROWS = 20
_NUMBER = re.compile(r"[-+(]?[$€£]?\s*\d[\d.,:/\s\-]*\s*[%)]?")


def table_lines(
    rows: Iterable[Sequence[str]], *, header: bool | None = None, columns_min: int = 3
) -> Iterator[tuple[int, str]]:
    """Yield (row index, line) of each row that has something in it.

    The line of a header is its cells; below it each cell is preceded by its column's name, so that a row says what it
    says wherever the table is cut: "Drug: aspirin | Dose: 100 mg". `header` tells whether the first row is one; None:
    it is judged by what is in it, and needs `columns_min` columns unless a column turns to numbers below it.
    """
    waiting = iter(rows)
    start = [_cleaned(row) for row in islice(waiting, _LOOKED_AT_ROWS)]
    first = next((index for index, row in enumerate(start) if any(row)), None)
    if first is None and header is None:
        header = False
    labels: Sequence[str] = ()
    if first is not None and (header or (header is None and is_header(start[first:], columns_min=columns_min))):
        labels = start[first]
    for index, row in enumerate(chain(start, (_cleaned(row) for row in waiting))):
        if labels and index != first:
            line = BAR.join(_labelled(labels, column, cell) for column, cell in enumerate(row) if cell)
        else:
            line = BAR.join(cell for cell in row if cell)
        if line:
            yield index, line


def is_header(rows: Sequence[Sequence[str]], *, columns_min: int = 3) -> bool:
    """Whether the first of `rows` looks like the names of columns: short, different, no numbers, above other rows."""
    head, body = rows[0], [row for row in rows[1:] if any(row)]
    while head and not head[-1]:
        head = head[:-1]
    # The first column often has no name: it names the rows.
    if len(head) < 2 or not body or not all(head[1:]) or len(set(head)) < len(head):
        return False
    if any(len(cell) > _LABEL_CHARACTERS_MAX or _NUMBER.fullmatch(cell) for cell in head):
        return False
    if max(len(row) for row in body) > len(head) and any(any(row[len(head) :]) for row in body):
        return False
    return len(head) >= columns_min or any(_is_numeric(body, column) for column in range(len(head)))


def _is_numeric(body: Sequence[Sequence[str]], column: int) -> bool:
    cells = [row[column] for row in body if column < len(row) and row[column]]
    return bool(cells) and all(_NUMBER.fullmatch(cell) for cell in cells)


def _labelled(labels: Sequence[str], column: int, cell: str) -> str:
    label = labels[column] if column < len(labels) else ""
    return f"{label.rstrip(':')}: {cell}" if label and label != cell else cell


def _cleaned(row: Sequence[str]) -> list[str]:
    return [one_line(cell) for cell in row]
