"""The text of a PDF page as lines with boxes, asking pdfium for as few boxes as can tell.

A box costs a call across ctypes, so only the ends of each line are asked for. Where that can't tell (a line much too
wide for its letters, or made of pieces far apart), the line is looked at word by word and cut at its gaps.
"""

from __future__ import annotations

import ctypes
import math
import re
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

from engine.documents.page_layout import Line

_LINE = re.compile("[^\r\n\ufffe]+")
_BROKEN_WORD = "\ufffe"  # what pdfium puts in place of a hyphen at a line's end; the word goes on in the next line
_SPACE = re.compile(r"\s+")
_WIDE = 0.62  # of a line's average letter, in letter sizes: wider ones have gaps in them
_GAP = 0.9  # letter sizes of white that part two pieces of a line
_POSTSCRIPT_UNIT = 4.0  # a smaller font size is a unit, scaled by the text's matrix
_character_box = pdfium.FPDFText_GetCharBox
_font_size = pdfium.FPDFText_GetFontSize


@dataclass(slots=True)
class Boxes:
    """Asks one text page for boxes, in points from the upper left of the page as it is shown; y grows downwards."""

    text_page: Any
    rotation: int  # quarter turns
    page_left: float
    page_bottom: float
    page_right: float
    page_top: float
    _left: ctypes.c_double
    _right: ctypes.c_double
    _bottom: ctypes.c_double
    _top: ctypes.c_double
    _matrix: Any

    @classmethod
    def of(cls, page: Any, text_page: Any) -> Boxes:
        """Make one for a page of pdfium's."""
        rotation = int(pdfium.FPDFPage_GetRotation(page))
        shown = pdfium.FS_RECTF()
        pdfium.FPDF_GetPageBoundingBox(page, shown)
        edges = (shown.left, min(shown.bottom, shown.top), shown.right, max(shown.bottom, shown.top))
        numbers = [ctypes.c_double() for _ in range(4)]
        return cls(text_page, rotation, *edges, *numbers, pdfium.FS_MATRIX())

    def of_character(self, index: int) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of a character."""
        left, right, bottom, top = self._left, self._right, self._bottom, self._top
        _character_box(self.text_page, index, left, right, bottom, top)
        if not self.rotation:
            page_top = self.page_top
            return (
                left.value - self.page_left,
                page_top - top.value,
                right.value - self.page_left,
                page_top - bottom.value,
            )
        return self.shown(left.value, top.value, right.value, bottom.value)

    def shown(self, left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
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
        size = float(_font_size(self.text_page, index))
        if size < _POSTSCRIPT_UNIT and pdfium.FPDFText_GetMatrix(self.text_page, index, self._matrix):
            size *= math.hypot(self._matrix.c, self._matrix.d)
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
    codes = (int(pdfium.FPDFText_GetUnicode(text_page, index)) for index in range(count))
    return "".join(chr(code) if 0 < code < 0x110000 else "\x00" for code in codes)


def page_lines(text: str, boxes: Boxes) -> list[Line]:
    """Return the lines of a page whose characters are `text`, in the order they were written."""
    lines: list[Line] = []
    for match in _LINE.finditer(text):
        found = match.group()
        stripped = found.strip(" \t\xa0\x00")
        if not stripped:
            continue
        first = match.start() + found.index(stripped[0])
        joined = match.start() > 0 and text[match.start() - 1] == _BROKEN_WORD
        line = _line(stripped, first, boxes, joined=joined)
        if len(stripped) > 3 and line.x1 - line.x0 > _WIDE * line.size * len(stripped):
            lines.extend(_cut(line, boxes))
        else:
            lines.append(line)
    return _cut_at_pieces(lines, boxes)


def turns_of_text(lines: list[Line], boxes: Boxes) -> int:
    """Return by how many quarter turns a page must be turned for most of its lines to run from left to right."""
    long = [line for line in lines if len(line.text) > 3]
    sideways = [line for line in long if line.y1 - line.y0 > 2 * (line.x1 - line.x0)]
    if len(sideways) <= len(long) / 2 or not sideways:
        return 0
    downwards = sum(
        boxes.of_character(line.first)[1] < boxes.of_character(line.first + len(line.text) - 1)[1] for line in sideways
    )
    return 3 if downwards > len(sideways) / 2 else 1


def _line(text: str, first: int, boxes: Boxes, *, joined: bool) -> Line:
    x0, top, x1, bottom = boxes.of_character(first)
    size = boxes.size(first + min(2, len(text) - 1))  # past a raised number or an initial
    if len(text) > 1:
        left, upper, right, lower = boxes.of_character(first + len(text) - 1)
        # Conditions and not min and max: this runs for every line there is.
        x0 = left if left < x0 else x0
        top = upper if upper < top else top
        x1 = right if right > x1 else x1
        bottom = lower if lower > bottom else bottom
    if bottom - top < 1.6 * size:
        # Letters differ in height; lines of one size should not.
        middle = (top + bottom) / 2
        top, bottom = middle - size / 2, middle + size / 2
    return Line(text, first, x0, top, x1, bottom, size, joined)


def _cut(line: Line, boxes: Boxes) -> list[Line]:
    """Cut a line at its wide gaps."""
    pieces: list[Line] = []
    start = 0
    for space in _SPACE.finditer(line.text):
        before = boxes.of_character(line.first + space.start() - 1)
        after = boxes.of_character(line.first + space.end())
        if max(after[0] - before[2], before[0] - after[2]) > _GAP * line.size:
            pieces.append(_line(line.text[start : space.start()], line.first + start, boxes, joined=line.joined))
            start = space.end()
    if not pieces:
        return [line]
    pieces.append(_line(line.text[start:], line.first + start, boxes, joined=False))
    for piece in pieces[1:]:
        piece.joined = False
    return pieces


def _cut_at_pieces(lines: list[Line], boxes: Boxes) -> list[Line]:
    """Cut the lines in which pdfium put pieces together that were written far apart.

    It gives the boxes of what was written in one go nearly for free.
    """
    gaps = _gaps(boxes)
    if not gaps:
        return lines
    cut: list[Line] = []
    for line in lines:
        apart = any(line.y0 <= y <= line.y1 and line.x0 - 1 <= left and right <= line.x1 + 1 for left, right, y in gaps)
        cut.extend(_cut(line, boxes) if apart and " " in line.text else [line])
    return cut


def _gaps(boxes: Boxes) -> list[tuple[float, float, float]]:
    """Return (left, right, y) of the white between pieces that follow one another on one height."""
    if boxes.rotation:
        return []
    count = int(pdfium.FPDFText_CountRects(boxes.text_page, 0, -1))
    left, top, right, bottom = (ctypes.c_double() for _ in range(4))
    rectangle, text_page = pdfium.FPDFText_GetRect, boxes.text_page
    page_left, page_top = boxes.page_left, boxes.page_top
    gaps: list[tuple[float, float, float]] = []
    before: tuple[float, float, float, float] | None = None
    for number in range(count):
        rectangle(text_page, number, left, top, right, bottom)
        rect = (left.value, page_top - top.value, right.value, page_top - bottom.value)
        if before is not None and rect[0] - before[2] > 4.0:
            height = max(min(before[3] - before[1], rect[3] - rect[1]), 4.0)
            overlap = min(before[3], rect[3]) - max(before[1], rect[1])
            if overlap > 0.3 * height and rect[0] - before[2] > height:
                gaps.append(
                    (
                        before[2] - page_left,
                        rect[0] - page_left,
                        (max(before[1], rect[1]) + min(before[3], rect[3])) / 2,
                    )
                )
        before = rect
    return gaps
