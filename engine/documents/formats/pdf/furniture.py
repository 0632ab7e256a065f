"""Running headers and footers: lines at the edge of a page that stand at the same height on others too."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from engine.documents.formats.pdf.page import PageLayout
from engine.documents.page_layout import Line

_PAGES = 3  # on so many pages a line must stand to be one
_NUMBER = re.compile(r"\d+|\b[ivxlcIVXLC]+\b")  # not IGNORECASE: that takes twice the time
_HEIGHT_STEP = 8.0  # points: how exactly a running line keeps its height
_NEAR_EDGE = 0.2  # of the page's height
_LONG = 160  # characters: a longer line is text

Key = tuple[str, bool, int]


class Furniture:
    """Knows the running lines of a document."""

    def __init__(self, pages: Sequence[PageLayout]) -> None:
        counted: Counter[Key] = Counter()
        self._edges: list[list[tuple[Line, bool, list[Key]]]] = []
        for page in pages:
            edges = [(line, top, _keys(line, top=top, page=page)) for line, top in page.edges()]
            counted.update({key for _, _, keys in edges for key in keys})
            self._edges.append(edges)
        self._running = {key for key, count in counted.items() if count >= _PAGES}

    def lines(self, index: int) -> Iterator[tuple[Line, bool]]:
        """Yield the running headers (True) and footers (False) of the page with this index."""
        for line, top, keys in self._edges[index]:
            if any(key in self._running for key in keys):
                yield line, top


def _keys(line: Line, *, top: bool, page: PageLayout) -> list[Key]:
    """What a line shares with the others of its kind: its words without numbers, and about its height."""
    if len(line.text) > _LONG:
        return []
    from_edge = line.y0 if top else page.height - line.y1
    if not -page.height * 0.1 <= from_edge <= page.height * _NEAR_EDGE:
        return []
    words = " ".join(_NUMBER.sub("#", line.text).split())
    step = int(from_edge // _HEIGHT_STEP)
    return [(words, top, step), (words, top, step + 1)]
