"""All pages of a PDF laid out: those of a long one by two processes, which begin at its two ends and meet.

Pages cost very different times, so neither gets a half. The assistant is asked for a few pages from the end at a time,
fewer as fewer are left, and has the next few waiting before it has done these.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from engine.documents.assistant import Assistant, Pages
from engine.documents.formats.pdf.opening import fields_of, open_document
from engine.documents.formats.pdf.page import PageLayout, layout
from engine.documents.reading import Reading

_MANY = 8  # pages, from which two processes are faster than one
_SHARE = 8  # of the pages left, one in so many is asked for at a time
_AT_ONCE_MAX = 32  # pages
_FEW_LEFT = 12  # pages, from which no request waits for another: at the end neither process should wait long


@dataclass(slots=True)
class Sharing:
    """The child's side. The assistant has its first pages as soon as there is one of these."""

    document: pdfium.PdfDocument
    reading: Reading
    digest: str = ""  # SHA-256 (hex) of the file, where an assistant is to help
    _front: int = 0  # from here
    _back: int = 0  # to here, pages are given to nobody yet
    _asked: deque[tuple[int, int]] = field(default_factory=deque)  # first and last of each request not answered
    _pages: list[PageLayout | None] = field(default_factory=list)
    _done: int = 0

    @classmethod
    def begin(cls, document: pdfium.PdfDocument, data: bytes, reading: Reading) -> Sharing:
        """Hand the first pages over."""
        count = len(document)
        helps = count >= _MANY and reading.assistant and reading.path and not reading.opened
        sharing = cls(document, reading, hashlib.sha256(data).hexdigest() if helps else "", _back=count)
        sharing._pages = [None] * count
        sharing._ask()
        return sharing

    def pages(self) -> list[PageLayout]:
        """Lay out every page."""
        while self._front < self._back:
            self._take(self._front, page_layout(self.document, self._front))
            self._front += 1
            while self._asked and self.reading.assistant and self.reading.assistant.has_answer():
                self._collect(self.reading.assistant)
            self._ask()
        while self._asked and self.reading.assistant:
            self._collect(self.reading.assistant)
        if self.digest and self.reading.assistant:
            self.reading.assistant.dismiss()
        for number, page in enumerate(self._pages):
            if page is None:  # only this process can read it, or the other is gone
                self._take(number, page_layout(self.document, number))
        return [page for page in self._pages if page is not None]

    def _ask(self) -> None:
        """See to it that the assistant has something to do."""
        while self.digest and self.reading.assistant and self._back - self._front > 1:
            left = self._back - self._front
            if len(self._asked) >= (2 if left > _FEW_LEFT else 1):
                return
            first = self._back - max(1, min(left // _SHARE, _AT_ONCE_MAX))
            opens = self._back == len(self._pages)
            pages = Pages(self.reading.path or "", self.digest, first=first, last=self._back, opens=opens)
            if not self.reading.assistant.ask(pages):
                self.digest = ""
                return
            self._asked.append((first, self._back))
            self._back = first

    def _collect(self, assistant: Assistant) -> None:
        first, last = self._asked.popleft()
        answer = assistant.answer()
        if answer is None:
            self.digest = ""
            self._asked.clear()
            return
        found = msgspec.msgpack.decode(answer, type=list[PageLayout | None])
        for number, page in zip(range(first, last), found, strict=False):  # none of a file that has changed meanwhile
            if page is not None:
                self._take(number, page)

    def _take(self, number: int, page: PageLayout) -> None:
        self._pages[number] = page
        self._done += 1
        report = self.reading.report if page.confidence is None else self.reading.report_recognised
        report(self._done, len(self._pages))


@dataclass(slots=True)
class Helper:
    """The assistant's side: the file stays open from one request to the next."""

    _document: pdfium.PdfDocument | None = None

    def answer(self, asked: Pages) -> bytes | None:
        """Lay out pages, encoded: null for what only the process that has the models can read. None when dismissed."""
        if asked.opens or asked.first == asked.last:
            self._close()
        if asked.first == asked.last:
            return None
        if asked.opens:
            self._open(asked)
        if self._document is None:  # it is not that file any more
            return msgspec.msgpack.encode([])
        found = [page_layout(self._document, number, recognises=False) for number in range(asked.first, asked.last)]
        return msgspec.msgpack.encode([None if page.scanned else page for page in found])

    def _open(self, asked: Pages) -> None:
        data = Path(asked.path).read_bytes()
        if hashlib.sha256(data).hexdigest() == asked.digest:
            self._document = open_document(data, Reading())
            if self._document.get_formtype() != raw.FORMTYPE_NONE:
                self._document.init_forms()

    def _close(self) -> None:
        if self._document is not None:
            self._document.close()
            self._document = None


def page_layout(document: pdfium.PdfDocument, number: int, *, recognises: bool = True) -> PageLayout:
    """Lay out a page. One that can't be loaded leaves its number empty; the others are still worth having."""
    try:
        page = document[number]
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return PageLayout([], 1.0)
    try:
        found = layout(page, text_page, recognises=recognises)
        found.fields = list(fields_of(document, page))
    finally:
        text_page.close()
        page.close()
    return found
