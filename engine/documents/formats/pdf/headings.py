"""Section headings of a PDF: its bookmarks where it has any, else lines set larger than the body."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pypdfium2 as pdfium

from engine.documents.content import Content, clean, one_line
from engine.documents.page_layout import Line
from engine.records import Heading

_OUTLINE_DEPTH = 6
_LARGER = 1.15  # than the body's letters
_LEVELS = 4
_LONG = 140  # characters: a longer line is no heading
_LETTERS = re.compile(r"[^\W\d_]{2}")


def bookmarks(document: Any) -> Iterator[tuple[int, str, int]]:
    """Yield (page index, title, level) of each bookmark that leads to a page."""
    try:
        for bookmark in document.get_toc(max_depth=_OUTLINE_DEPTH):
            target = bookmark.get_dest()
            page = target.get_index() if target else None
            title = one_line(clean(bookmark.get_title()))
            if page is not None and title:
                yield page, title, bookmark.level + 1
    except (pdfium.PdfiumError, UnicodeDecodeError):  # a broken outline is not worth the document
        return


def from_bookmarks(content: Content, outline: Sequence[tuple[int, str, int]]) -> Iterator[Heading]:
    """Find each bookmark's title on its page; one that isn't there in words opens its section at the page's start.

    Sections are kept in the order of the text: a bookmark that leads backwards is left out.
    """
    last = -1
    for page, title, level in outline:
        if page >= len(content.page_starts):
            continue
        start = content.page_starts[page]
        end = content.page_starts[page + 1] if page + 1 < len(content.page_starts) else len(content.text)
        position = content.text.find(title, max(start, last + 1), end)
        if position < 0:
            words = [re.escape(word) for word in title.split()]
            found = re.compile(r"\s*".join(words), re.IGNORECASE).search(content.text, max(start, last + 1), end)
            position = found.start() if found else start
        if position > last:
            last = position
            yield Heading(start=position, level=level, title=title)


def from_sizes(lines: Sequence[tuple[int, Line]]) -> Iterator[Heading]:
    """Take lines in larger letters than most for headings, the largest outermost. `lines` are (start, line)."""
    letters_of: Counter[float] = Counter()
    for _, line in lines:
        letters_of[line.size] += len(line.text)
    if not letters_of:
        return
    letters: Counter[float] = Counter()
    for size, count in letters_of.items():
        letters[round(size * 2) / 2] += count
    body = letters.most_common(1)[0][0]
    candidates = [(start, line) for start, line in lines if _may_be_heading(line, body)]
    if sum(len(line.text) for _, line in candidates) > 0.2 * sum(letters.values()):
        return  # a poster or slides: size says nothing
    sizes = sorted({round(line.size * 2) / 2 for _, line in candidates}, reverse=True)
    level_of = {size: min(level, _LEVELS) for level, size in enumerate(sizes, 1)}
    before: tuple[int, Line, Heading] | None = None
    for start, line in candidates:
        size = round(line.size * 2) / 2
        if before is not None:
            before_end = before[0] + len(before[1].text)
            if abs(before[1].size - line.size) < 0.6 and start - before_end <= 2:
                joined = Heading(before[2].start, before[2].level, f"{before[2].title} {one_line(clean(line.text))}")
                before = (start, line, joined)
                continue
            yield before[2]
        before = (start, line, Heading(start, level_of[size], one_line(clean(line.text))))
    if before is not None:
        yield before[2]


def _may_be_heading(line: Line, body: float) -> bool:
    return (
        line.size >= _LARGER * body
        and not line.is_cell
        and len(line.text) <= _LONG
        and bool(_LETTERS.search(line.text))
    )
