"""The text of one PDF page, and the characters of the page that each stretch of it comes from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium

from engine.documents.formats.pdf.lines import Boxes, page_characters, page_lines, turns_of_text
from engine.documents.formats.pdf.scans import is_unreadable, needs_recognition, recognised_page
from engine.documents.ocr import Recognised
from engine.documents.page_layout import Line, Placed, Word, arrange

_ODD = re.compile(
    "[\x00-\x1f\x7f\ufeff\ufffe\uffff\u00ad\u200b\u2060\ud800-\udfff]+|[\ufb00-\ufdff\ufe70-\ufefc]"
)  # left out of the text, or written otherwise
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_BROKEN = re.compile(r"[^\W\d_]{2}[-\u2010]$")
_EDGE = 3  # lines from a page's top and bottom that may be a running header or footer


class Piece(NamedTuple):
    """A stretch of a page's text and the characters it comes from."""

    start: int  # in the page's text
    end: int
    first: int  # character of the page
    characters: int  # as many as the stretch is long, unless one letter stands for several


@dataclass(slots=True)
class PageLayout:
    """A page whose lines are in order; which of them are furniture is decided over all pages."""

    placed: list[Placed]
    height: float
    confidence: float | None = None  # of a scan that was recognised
    scanned: bool = False  # whether its words are, or have to be, recognised
    fields: list[tuple[str, tuple[float, float, float, float]]] = field(default_factory=list)

    def edges(self) -> Iterator[tuple[Line, bool]]:
        """Yield the lines that may be a running header (True) or footer (False)."""
        lines = [line for _, line in self.placed if not line.is_cell]
        lines.sort(key=attrgetter("y0"))
        for line in lines[:_EDGE]:
            if line.middle < self.height / 2:
                yield line, True
        for line in lines[-_EDGE:]:
            if line.middle >= self.height / 2:
                yield line, False


@dataclass(frozen=True, slots=True)
class PageText:
    """What stands in the document of a page: headers first, footers last."""

    text: str
    furniture: tuple[tuple[int, int], ...]
    lines: Sequence[tuple[int, Line]]  # the body's, with where each starts
    running: tuple[tuple[int, Line], ...] = ()  # headers and footers, likewise
    words: tuple[tuple[int, Word], ...] = ()  # of a scan, each with where its line starts
    fields: tuple[tuple[int, int, tuple[float, float, float, float]], ...] = ()  # start, end and box of a form's


def layout(page: Any, text_page: Any, *, recognises: bool = True) -> PageLayout:
    """Return the lines of a page of pdfium's in reading order; those of a scan are recognised."""
    text = page_characters(text_page)
    height = float(pdfium.FPDF_GetPageHeightF(page))
    scanned = needs_recognition(page, text)
    if recognises and scanned:
        found = recognised_page(page)
        if found.lines or not text.strip() or is_unreadable(text):
            return scan_layout(found, height)  # else a picture without words, and a few words beside it
    boxes = Boxes.of(page, text_page)
    lines = page_lines(text, boxes)
    turns = turns_of_text(lines, boxes)
    if turns:
        boxes.rotation = (boxes.rotation + turns) % 4
        lines = page_lines(text, boxes)
        height = float(pdfium.FPDF_GetPageWidthF(page)) if turns % 2 else height
    placed = arrange(lines, right_to_left=is_right_to_left(text))
    return PageLayout(placed, height, scanned=scanned and not recognises)


def scan_layout(found: Recognised, height: float) -> PageLayout:
    """Return the recognised lines of a page in reading order."""
    text = "".join(line.text for line in found.lines)
    placed = arrange(found.lines, right_to_left=is_right_to_left(text))
    return PageLayout(list(_whole_words(placed)), height, found.confidence)


def is_right_to_left(text: str) -> bool:
    """Whether a page's columns are read from the right."""
    if text.isascii():
        return False
    sample = text[:2000]
    return len(_RIGHT_TO_LEFT.findall(sample)) > 0.3 * len(sample)


def _whole_words(placed: list[Placed]) -> Iterator[Placed]:
    """Put the two halves of a word that a line's end broke together, without the hyphen."""
    before: Line | None = None
    for separator, line in placed:
        if before is not None and separator == "\n" and _BROKEN.search(before.text) and line.text[:1].islower():
            before.text = before.text[:-1]
            yield "", line
        else:
            yield separator, line
        before = line


def compose(page: PageLayout, running: Iterable[tuple[Line, bool]]) -> PageText:
    """Return the text of a page, its running headers (True) and footers (False) apart from its body."""
    headers: list[Placed] = []
    footers: list[Placed] = []
    body = page.placed
    if tops := {id(line): top for line, top in running}:
        body = []
        for separator, line in page.placed:
            top = tops.get(id(line))
            (body if top is None else headers if top else footers).append((separator, line))
    return _written(headers, body, footers, page.fields)


def _written(
    headers: Sequence[Placed],
    body: Sequence[Placed],
    footers: Sequence[Placed],
    fields: Sequence[tuple[str, tuple[float, float, float, float]]],
) -> PageText:
    parts: list[str] = []
    length = 0
    furniture: list[tuple[int, int]] = []
    lines: list[tuple[int, Line]] = []
    running: list[tuple[int, Line]] = []
    words: list[tuple[int, Word]] = []
    placed_fields: list[tuple[int, int, tuple[float, float, float, float]]] = []
    for group in (headers, body, footers):
        between = "\n\n" if length else ""
        group_start = length + len(between)
        placed = lines if group is body else running
        for number, (separator, line) in enumerate(group):
            if number == 0:
                separator = between  # whatever stood before it on the page
            text = line.text
            if not (text.isascii() and text.isprintable()) and _ODD.search(text):
                text = line_text(line)
            parts.append(separator)
            parts.append(text)
            length += len(separator)
            placed.append((length, line))
            if line.words:
                words.extend([(length, word) for word in line.words])
            length += len(text)
        if group is body:
            for text, box in fields:
                parts.append(("\n" if length else "") + text)
                length += len(parts[-1])
                placed_fields.append((length - len(text), length, box))
        elif length > group_start and group:
            furniture.append((group_start, length))
    return PageText("".join(parts), tuple(furniture), lines, tuple(running), tuple(words), tuple(placed_fields))


def pieces(page: PageText) -> Iterator[Piece]:
    """Yield the stretches of a page's text with the characters each comes from, in the order of the text."""
    for start, line in sorted((*page.lines, *page.running), key=itemgetter(0)):
        for text, first, characters in _clean_pieces(line):
            yield Piece(start, start + len(text), first, characters)
            start += len(text)


def line_text(line: Line) -> str:
    """Return the line as it is written in the document."""
    return "".join(text for text, _, _ in _clean_pieces(line))


def _clean_pieces(line: Line) -> Iterator[tuple[str, int, int]]:
    """Yield the line's text in stretches of one character a character, but for the odd ones."""
    text, first = line.text, line.first
    position = 0
    for odd in _ODD.finditer(text):
        if odd.start() > position:
            yield text[position : odd.start()], first + position, odd.start() - position
        readable = unicodedata.normalize("NFKC", odd.group()) if odd.group() >= "\ufb00" else ""
        if readable and readable.isprintable():
            yield readable, first + odd.start(), len(odd.group())
        elif "\t" in odd.group():
            yield " ", first + odd.start(), len(odd.group())
        position = odd.end()
    if position < len(text):
        yield text[position:] if position else text, first + position, len(text) - position
