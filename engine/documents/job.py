"""The job that draws a page of an imported document, for the window to show a citation where it stands."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from engine.errors import DocumentError
from engine.jobs import Monitor

if TYPE_CHECKING:
    from engine.documents.page_drawing import Box
    from engine.records import Document, ScannedPage
    from engine.session import Session

_ATTACHED = re.compile(r"#((?:\d+-)+)[^#]*$")  # what DocumentImport puts behind a mail's path: "#2-1-scan.pdf"
_READER = "page reader"
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page of a document as it looks, and where the span asked for stands on it."""

    document_id: str
    page: int  # 1-based
    picture: bytes  # PNG
    width: float  # of the page, in the unit of the boxes
    height: float
    boxes: tuple[tuple[float, float, float, float], ...]  # left, top, right, bottom from the upper left


@dataclass(frozen=True, slots=True)
class ReadPage:
    """Draw one page of a PDF or a picture; `start` and `end` are a span of the document's text to find on it."""

    document_id: str
    page: int
    start: int = 0
    end: int = 0
    width_pixels: int = 1200

    def run(self, session: Session, monitor: Monitor) -> PageImage:
        """Return the page. Raises DocumentError for a document without pages that can be drawn."""
        from engine.documents.page_drawing import Draw
        from engine.documents.reader import Reader

        documents = session.workspace.documents
        document = documents.get(self.document_id)
        original = documents.original(self.document_id)
        if document.kind not in ("pdf", "image") or not original or not 1 <= self.page <= len(document.page_starts):
            raise DocumentError(
                f"{document.title} has no such page to show.", hint="Its text can be read all the same."
            )
        scanned = documents.scanned_page(self.document_id, self.page)
        begin, stop = _page_span(document, self.page)
        header, footer = _furniture(document, begin, stop)
        recognised = scanned is not None
        attached = _ATTACHED.search(document.path)
        way = tuple(int(step) - 1 for step in attached.group(1).split("-")[:-1]) if attached else ()
        request = Draw(
            name=f"{original}{way or ''}",  # of a mail and each of its files
            kind="image" if document.kind == "image" else "pdf",
            page=self.page,
            width_pixels=self.width_pixels,
            text="" if recognised else document.text[begin:stop],
            header=header,
            footer=footer,
            start=0 if recognised else max(self.start - begin, 0),
            end=0 if recognised else min(max(self.end - begin, 0), stop - begin),
            mail=PurePath(document.path[: attached.start()]).name if attached else "",
            attachment=way,
        )
        with session.guard(_READER):
            reader = session.loaded(_READER, session.workspace.id, Reader)
            drawn = reader.draw(request, lambda: session.workspace.objects.read(original), check=monitor.check)
        boxes = drawn.boxes if scanned is None else word_boxes(scanned, self.start, self.end)
        return PageImage(self.document_id, self.page, drawn.picture, drawn.width, drawn.height, tuple(boxes))


def word_boxes(page: ScannedPage, start: int, end: int) -> list[Box]:
    """Return the boxes of a span's recognised words, those of one line as one."""
    boxes: list[Box] = []
    before: int | None = None
    for first, last, *edges in page.words:
        if first >= end or last <= start:
            continue
        left, top, right, bottom = (edge / _TENTHS for edge in edges)
        if boxes and before is not None and first - before <= 1 and _on_one_line(boxes[-1], (left, top, right, bottom)):
            one = boxes[-1]
            boxes[-1] = (min(one[0], left), min(one[1], top), max(one[2], right), max(one[3], bottom))
        else:
            boxes.append((left, top, right, bottom))
        before = last
    return boxes


def _on_one_line(one: Box, other: Box) -> bool:
    overlap = min(one[3], other[3]) - max(one[1], other[1])
    return overlap > 0.5 * min(one[3] - one[1], other[3] - other[1]) and other[0] >= one[0]


def _page_span(document: Document, page: int) -> tuple[int, int]:
    """Where the page's text begins and ends; the white between two pages belongs to neither."""
    starts = document.page_starts
    if page == len(starts):
        return starts[page - 1], len(document.text)
    return starts[page - 1], max(starts[page] - 2, starts[page - 1])


def _furniture(document: Document, begin: int, stop: int) -> tuple[str, str]:
    """The page's running header and footer, "" for none. A header stands at the beginning of the page's text."""
    spans = document.furniture[bisect_left(document.furniture, (begin, 0)) : bisect_left(document.furniture, (stop, 0))]
    header = next((document.text[start:end] for start, end in spans if start == begin), "")
    footer = next((document.text[start:end] for start, end in reversed(spans) if start != begin or not header), "")
    return header, footer
