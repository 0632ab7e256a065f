"""Where a stretch of a document's text stands on its PDF page: exactly, character by character.

Nothing about it is stored. A page is laid out again as at import, which gives the same text, and every character of it
comes from a character of the page that pdfium knows the box of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium

from engine.documents.formats.pdf.lines import Boxes
from engine.documents.formats.pdf.opening import fields_of
from engine.documents.formats.pdf.page import PageLayout, Piece, compose, layout, line_text, pieces
from engine.documents.page_layout import Line

Box = tuple[float, float, float, float]

_LINE_HEIGHT = 1.25  # of the letters' size: what a line takes


def span_boxes(
    page: pdfium.PdfPage,
    document: pdfium.PdfDocument,
    *,
    text: str,
    header: str,
    footer: str,
    start: int,
    end: int,
) -> list[Box]:
    """Return a box for each line of the span from `start` to `end` of the page's `text`, in points as it is shown.

    `header` and `footer` are its running lines. Empty where the page doesn't give that text (any more).
    """
    text_page = page.get_textpage()
    try:
        laid_out = layout(page, text_page, recognises=False)
        laid_out.fields = list(fields_of(document, page))
        composed = compose(laid_out, _running(laid_out, header, footer))
        if composed.text != text:
            return []
        boxes = Boxes.of(page, text_page)
        found = [box for piece in pieces(composed) for box in _runs(piece, start, end, boxes)]
        found += [boxes.shown(*box) for first, last, box in composed.fields if first < end and start < last]
    finally:
        text_page.close()
    return found


def _running(page: PageLayout, header: str, footer: str) -> Iterator[tuple[Line, bool]]:
    """Yield the lines that make up the page's running header (True) and footer (False)."""
    edges = {id(line): top for line, top in page.edges()}
    left = {True: header, False: footer}
    for _, line in page.placed:
        top = edges.get(id(line))
        words = line_text(line) if top is not None else ""
        if top is not None and words and left[top].startswith(words):
            left[top] = left[top][len(words) :].lstrip(" \n|")
            yield line, top


def _runs(piece: Piece, start: int, end: int, boxes: Boxes) -> Iterator[Box]:
    """Yield the boxes around those characters of a piece that are in the span: one, unless they stand apart.

    They do where the direction of writing changes, and where pdfium took two lines for one. A box that would reach into
    the lines above or below, for a tall sign's sake, is parted too.
    """
    if piece.end <= start or end <= piece.start:
        return
    run: Box | None = None
    last: Box | None = None
    tallest = _LINE_HEIGHT * boxes.size(piece.first)
    low, high = (1, 3) if _is_level(piece, boxes) else (0, 2)
    edges = boxes.of_characters(list(_characters(piece, start, end)))
    for box in zip(*(edge.tolist() for edge in edges), strict=True):
        if not _has_area(box):
            continue
        wider = box if run is None else _around(run, box)
        if run is None or last is None or not _adjoin(last, box) or wider[high] - wider[low] > tallest:
            if run is not None:
                yield run
            run = box
        else:
            run = wider
        last = box
    if run is not None:
        yield run


def _is_level(piece: Piece, boxes: Boxes) -> bool:
    """Whether the line runs from side to side of the page as it is shown."""
    first = boxes.of_character(piece.first)
    last = boxes.of_character(piece.first + max(piece.characters - 1, 0))
    return abs(last[0] - first[0]) >= abs(last[1] - first[1])


def _around(one: Box, other: Box) -> Box:
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])


def _adjoin(one: Box, other: Box) -> bool:
    height = max(one[3] - one[1], other[3] - other[1], 2.0)
    width = max(one[2] - one[0], other[2] - other[0], 2.0)
    beside = max(one[0], other[0]) - min(one[2], other[2]) <= 2 * width + 0.5 * height
    above = max(one[1], other[1]) - min(one[3], other[3]) <= 0.6 * height
    return beside and above


def _characters(piece: Piece, start: int, end: int) -> Iterator[int]:
    if piece.end - piece.start != piece.characters:  # one letter of the page stands for several, or several for one
        yield from range(piece.first, piece.first + piece.characters)
        return
    for position in range(max(start, piece.start), min(end, piece.end)):
        yield piece.first + position - piece.start


def _has_area(box: Any) -> bool:
    return box[2] - box[0] > 0.01 and box[3] - box[1] > 0.01
