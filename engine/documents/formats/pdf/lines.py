"""The text of a PDF page as lines with boxes, asking pdfium for as few boxes as can tell.

A box costs a call across ctypes, so only the ends of each line are asked for, of all lines at a time. Where that can't
tell (a line much too wide for its letters, or made of pieces far apart), the line is looked at word by word and cut at
its gaps.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pypdfium2.raw as pdfium

from engine.documents.formats.pdf.asking import character_boxes, code_points, font_sizes, rectangles
from engine.documents.page_layout import Line

_AROUND = " \t\xa0\x00"  # what is no part of a line at its ends
_LINE = re.compile(f"[^\r\n\ufffe{_AROUND}](?:[^\r\n\ufffe]*[^\r\n\ufffe{_AROUND}])?")
_BROKEN_WORD = "\ufffe"  # what pdfium puts in place of a hyphen at a line's end; the word goes on in the next line
_SPACE = re.compile(r"\s+")
_WIDE = 0.62  # of a line's average letter, in letter sizes: wider ones have gaps in them
_GAP = 0.9  # letter sizes of white that part two pieces of a line
_POSTSCRIPT_UNIT = 4.0  # a smaller font size is a unit, scaled by the text's matrix

Number = TypeVar("Number", float, np.ndarray)


class Edges(NamedTuple):
    """Boxes of several characters, as of one: float64 of shape (characters,) each."""

    left: np.ndarray
    top: np.ndarray
    right: np.ndarray
    bottom: np.ndarray


@dataclass(slots=True)
class Boxes:
    """Asks one text page for boxes, in points from the upper left of the page as it is shown; y grows downwards."""

    text_page: Any
    rotation: int  # quarter turns
    page_left: float
    page_bottom: float
    page_right: float
    page_top: float

    @classmethod
    def of(cls, page: Any, text_page: Any) -> Boxes:
        """Make one for a page of pdfium's."""
        shown = pdfium.FS_RECTF()
        pdfium.FPDF_GetPageBoundingBox(page, shown)
        edges = (shown.left, min(shown.bottom, shown.top), shown.right, max(shown.bottom, shown.top))
        return cls(text_page, int(pdfium.FPDFPage_GetRotation(page)), *edges)

    def of_character(self, index: int) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of a character."""
        left, right, bottom, top = character_boxes(self.text_page, (index,))[0].tolist()
        return self.shown(left, top, right, bottom)

    def of_characters(self, indexes: Sequence[int]) -> Edges:
        """Return left, top, right and bottom of several characters."""
        left, right, bottom, top = character_boxes(self.text_page, indexes).T
        return Edges(*self.shown(left, top, right, bottom))

    def shown(self, left: Number, top: Number, right: Number, bottom: Number) -> tuple[Number, Number, Number, Number]:
        """Turn a box of the page's own space, where y grows upwards, into one of the page as it is shown."""
        match self.rotation:
            case 1:
                return bottom - self.page_bottom, left - self.page_left, top - self.page_bottom, right - self.page_left
            case 2:
                return (
                    self.page_right - right,
                    bottom - self.page_bottom,
                    self.page_right - left,
                    top - self.page_bottom,
                )
            case 3:
                return self.page_top - top, self.page_right - right, self.page_top - bottom, self.page_right - left
            case _:
                return left - self.page_left, self.page_top - top, right - self.page_left, self.page_top - bottom

    def size(self, index: int) -> float:
        """Return the size of a character's letters in points."""
        return self.sizes((index,))[0]

    def sizes(self, indexes: Sequence[int]) -> list[float]:
        """Return the sizes of several characters' letters in points."""
        sizes = font_sizes(self.text_page, indexes)
        if sizes and min(sizes) < _POSTSCRIPT_UNIT:
            sizes = [
                self._scaled(size, index) if size < _POSTSCRIPT_UNIT else size
                for size, index in zip(sizes, indexes, strict=True)
            ]
        return sizes

    def _scaled(self, size: float, index: int) -> float:
        matrix = pdfium.FS_MATRIX()
        if pdfium.FPDFText_GetMatrix(self.text_page, index, matrix):
            size *= math.hypot(matrix.c, matrix.d)
        return size if size > 0.5 else 1.0


def page_characters(text_page: Any) -> str:
    """Return the page's text, one code point for each of pdfium's characters."""
    count = int(pdfium.FPDFText_CountChars(text_page))
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    units = int(pdfium.FPDFText_GetText(text_page, 0, count, buffer)) - 1
    text = bytes(buffer)[: 2 * max(units, 0)].decode("utf-16-le", errors="surrogatepass")
    if units == count == len(text):
        return text
    # Where characters without a printable form are left out of the text, its offsets are not pdfium's.
    return "".join([chr(code) if 0 < code < 0x110000 else "\x00" for code in code_points(text_page, count)])


def page_lines(text: str, boxes: Boxes) -> list[Line]:
    """Return the lines of a page whose characters are `text`, in the order they were written."""
    breaks = _BROKEN_WORD in text
    found = [(match.group(), match.start()) for match in _LINE.finditer(text)]
    if not found:
        return []
    lines = _measured(found, boxes)
    if breaks:
        for line in lines:
            line.joined = text[: line.first].rstrip(_AROUND).endswith(_BROKEN_WORD)
    wide = [
        number
        for number, line in enumerate(lines)
        if line.x1 - line.x0 > _WIDE * line.size * len(line.text) and len(line.text) > 3
    ]
    cut = _cut(lines, wide, boxes)
    whole = {id(lines[number]) for number in wide if number not in cut}
    return _cut_at_pieces(_spliced(lines, cut), boxes, whole=whole)


def turns_of_text(lines: list[Line], boxes: Boxes) -> int:
    """Return by how many quarter turns a page must be turned for most of its lines to run from left to right."""
    sideways = [line for line in lines if line.y1 - line.y0 > 2 * (line.x1 - line.x0) and len(line.text) > 3]
    if not sideways or len(sideways) <= sum(len(line.text) > 3 for line in lines) / 2:
        return 0
    first = boxes.of_characters([line.first for line in sideways])
    last = boxes.of_characters([line.first + len(line.text) - 1 for line in sideways])
    downwards = int((first.top < last.top).sum())
    return 3 if downwards > len(sideways) / 2 else 1


def _measured(found: Sequence[tuple[str, int]], boxes: Boxes) -> list[Line]:
    """Return the lines with these texts and first characters."""
    texts = [text for text, _ in found]
    firsts = [first for _, first in found]
    count = len(found)
    ends = boxes.of_characters(firsts + [first + len(text) - 1 for text, first in found])
    sizes = boxes.sizes([first + min(2, len(text) - 1) for text, first in found])  # past a raised number or an initial
    left = np.minimum(ends.left[count:], ends.left[:count])
    right = np.maximum(ends.right[count:], ends.right[:count])
    top = np.minimum(ends.top[count:], ends.top[:count])
    bottom = np.maximum(ends.bottom[count:], ends.bottom[:count])
    # Letters differ in height; lines of one size should not.
    size = np.array(sizes)
    level = bottom - top < 1.6 * size
    middle, half = (top + bottom) / 2, size / 2
    top = np.where(level, middle - half, top)
    bottom = np.where(level, middle + half, bottom)
    return list(map(Line, texts, firsts, left.tolist(), top.tolist(), right.tolist(), bottom.tolist(), sizes))


def _cut(lines: Sequence[Line], numbers: Sequence[int], boxes: Boxes) -> dict[int, list[Line]]:
    """Cut the lines of these numbers at their wide gaps; return the pieces of those that have such gaps."""
    spaces: list[tuple[int, int, int]] = []  # line's number, start and end
    before: list[int] = []  # the characters at their sides
    after: list[int] = []
    sizes: list[float] = []
    for number in numbers:
        line = lines[number]
        first = line.first
        for space in _SPACE.finditer(line.text.rstrip()):
            start, end = space.span()
            if start:
                spaces.append((number, start, end))
                before.append(first + start - 1)
                after.append(first + end)
                sizes.append(line.size)
    if not spaces:
        return {}
    left, right = boxes.of_characters(before), boxes.of_characters(after)
    wide = np.maximum(right.left - left.right, left.left - right.right) > _GAP * np.array(sizes)
    cuts: dict[int, list[int]] = {}  # where a line's pieces end and start, in turn
    for (number, start, end), is_wide in zip(spaces, wide.tolist(), strict=True):
        if is_wide:
            cuts.setdefault(number, [0]).extend((start, end))
    if not cuts:
        return {}
    owners: list[int] = []
    pieces: list[tuple[str, int]] = []
    for number, places in cuts.items():
        text, first = lines[number].text, lines[number].first
        places.append(len(text))
        for start, end in zip(places[::2], places[1::2], strict=True):
            owners.append(number)
            pieces.append((text[start:end], first + start))
    cut: dict[int, list[Line]] = {}
    for number, piece in zip(owners, _measured(pieces, boxes), strict=True):
        if number not in cut:
            piece.joined = lines[number].joined
        cut.setdefault(number, []).append(piece)
    return cut


def _spliced(lines: list[Line], cut: dict[int, list[Line]]) -> list[Line]:
    """Return the lines with those that were cut as their pieces."""
    if not cut:
        return lines
    spliced: list[Line] = []
    last = 0
    for number in sorted(cut):
        spliced.extend(lines[last:number])
        spliced.extend(cut[number])
        last = number + 1
    return spliced + lines[last:]


def _cut_at_pieces(lines: list[Line], boxes: Boxes, *, whole: set[int]) -> list[Line]:
    """Cut the lines in which pdfium put pieces together that were written far apart; not those known to be `whole`.

    It gives the boxes of what was written in one go nearly for free.
    """
    gaps = _gaps(boxes)
    if gaps is None:
        return lines
    left, right, y = gaps
    x0, x1, y0, y1 = (
        np.array([edge]).T
        for edge in (
            [line.x0 - 1 for line in lines],
            [line.x1 + 1 for line in lines],
            [line.y0 for line in lines],
            [line.y1 for line in lines],
        )
    )
    has_gap: np.ndarray = (y0 <= y) & (y <= y1) & (x0 <= left) & (right <= x1)  # (lines, gaps)
    numbers = [
        number
        for number in np.flatnonzero(has_gap.any(axis=1)).tolist()
        if " " in lines[number].text and id(lines[number]) not in whole
    ]
    return _spliced(lines, _cut(lines, numbers, boxes))


def _gaps(boxes: Boxes) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return left, right and y of the white between pieces that follow one another on one height; None without any."""
    if boxes.rotation:
        return None
    asked = rectangles(boxes.text_page)
    follow = (asked[1:, 0] - asked[:-1, 2] > 4.0).nonzero()[0]
    if not follow.size:
        return None
    before, after = asked[follow], asked[follow + 1]
    white = after[:, 0] - before[:, 2]
    before_top, before_bottom = boxes.page_top - before[:, 1], boxes.page_top - before[:, 3]
    after_top, after_bottom = boxes.page_top - after[:, 1], boxes.page_top - after[:, 3]
    height = np.maximum(np.minimum(before_bottom - before_top, after_bottom - after_top), 4.0)
    upper, lower = np.maximum(before_top, after_top), np.minimum(before_bottom, after_bottom)
    chosen = (lower - upper > 0.3 * height) & (white > height)
    if not chosen.any():
        return None
    left, right, y = before[:, 2] - boxes.page_left, after[:, 0] - boxes.page_left, (upper + lower) / 2
    return left[chosen], right[chosen], y[chosen]
