"""Pages put one after the other: the document's text, and what is known about places in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.documents.content import Content
from engine.documents.formats.pdf.furniture import Furniture
from engine.documents.formats.pdf.page import PageLayout, PageText, compose
from engine.documents.ocr import LOW_CONFIDENCE
from engine.documents.page_layout import Line
from engine.records import ScannedPage

_TENTHS = 10


def composed(pages: Sequence[PageLayout]) -> Iterator[PageText]:
    """Yield each page's text, knowing the running lines of all."""
    furniture = Furniture(pages)
    for index, page in enumerate(pages):
        yield compose(page, furniture.lines(index))


def joined(kind: str, pages: Sequence[PageLayout]) -> tuple[Content, list[tuple[int, Line]]]:
    """Return the content of the pages, and the body's lines with where each starts."""
    parts: list[str] = []
    starts: list[int] = []
    furniture: list[tuple[int, int]] = []
    lines: list[tuple[int, Line]] = []
    scanned: list[ScannedPage] = []
    length = 0
    for number, text in enumerate(composed(pages), 1):
        if parts:
            parts.append("\n\n")
            length += 2
        starts.append(length)
        furniture.extend((length + start, length + end) for start, end in text.furniture)
        lines.extend([(length + start, line) for start, line in text.lines])
        if pages[number - 1].confidence is not None:
            scanned.append(ScannedPage(number, tuple(_words(text, length))))
        parts.append(text.text)
        length += len(text.text)
    content = Content(
        kind,
        "",
        "".join(parts),
        tuple(starts),
        furniture=tuple(furniture),
        confidence=_confidence(pages),
        scanned=tuple(scanned),
    )
    return content, lines


def recognition_note(content: Content, pages: Sequence[PageLayout]) -> str:
    """Return a sentence on how well the words of scans were recognised; "" where there was nothing to recognise."""
    if content.confidence is None:
        return ""
    count = sum(page.confidence is not None for page in pages)
    of = f"{count} of {len(pages)} pages" if len(pages) > 1 else "its page"
    sure = f"Recognised from a scan ({of}), {content.confidence:.0%} sure"
    empty = sum(page.confidence is not None and not page.placed for page in pages)
    unread = f" No words were found on {empty} of them." if empty and count > 1 else ""
    if content.confidence >= LOW_CONFIDENCE:
        return f"{sure}.{unread}"
    return f"{sure}: read it with care, or scan it again at 300 dpi.{unread}"


def _words(text: PageText, start: int) -> Iterator[tuple[int, int, int, int, int, int]]:
    for line_start, word in text.words:
        x0, y0, x1, y1 = (round(edge * _TENTHS) for edge in (word.x0, word.y0, word.x1, word.y1))
        yield start + line_start + word.start, start + line_start + word.end, x0, y0, x1, y1


def _confidence(pages: Sequence[PageLayout]) -> float | None:
    """The mean over recognised pages, each weighed by its letters."""
    weighed = [
        (page.confidence, sum(len(line.text) for _, line in page.placed))
        for page in pages
        if page.confidence is not None
    ]
    if not weighed:
        return None
    letters = sum(count for _, count in weighed)
    return sum(confidence * count for confidence, count in weighed) / letters if letters else 0.0
