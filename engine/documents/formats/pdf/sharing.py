"""All pages of a PDF laid out: those of a long one by two processes, which begin at its two ends and meet.

Pages cost very different times, so neither is given a half. And neither takes every other page, as neighbours share
fonts and more, which a process reads once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from engine.documents.assistant import Asked, Assistant, Untouched
from engine.documents.formats.pdf.opening import fields_of, open_document
from engine.documents.formats.pdf.page import PageLayout, layout
from engine.documents.reading import Reading

_MANY = 8  # pages, from which two processes are faster than one
_AT_ONCE = 16  # pages in an answer

Answer = list[tuple[int, PageLayout | None]]  # None for what only the process that has the models can read


@dataclass(slots=True)
class Sharing:
    """The child's side. The assistant has begun as soon as there is one of these."""

    document: pdfium.PdfDocument
    reading: Reading
    _untouched: Untouched
    _assistant: Assistant | None
    _pages: list[PageLayout | None]
    _done: int = 0

    @classmethod
    def begin(cls, document: pdfium.PdfDocument, data: bytes, reading: Reading) -> Sharing:
        """Ask the assistant for help, where there is one and it is worth it."""
        count = len(document)
        assistant = reading.assistant if count >= _MANY and reading.path and not reading.opened else None
        if assistant is not None:
            asked = Asked(reading.path or "", hashlib.sha256(data).hexdigest())
            assistant = assistant if assistant.ask(asked, count=count) else None
        untouched = assistant.untouched if assistant is not None else Untouched.create(count)
        return cls(document, reading, untouched, assistant, [None] * count)

    def pages(self) -> list[PageLayout]:
        """Lay out every page."""
        while (number := self._untouched.take_first()) is not None:
            self._lay_out(number)
            while self._assistant is not None and self._assistant.has_answer() and self._collect(self._assistant):
                pass
        while self._assistant is not None and self._collect(self._assistant):
            pass
        for number, page in enumerate(self._pages):
            if page is None:  # only this process can read it, or the other is gone
                self._lay_out(number)
        return [page for page in self._pages if page is not None]

    def _collect(self, assistant: Assistant) -> bool:
        """Take an answer. Returns whether it was one."""
        answer = assistant.answer()
        for number, page in msgspec.msgpack.decode(answer, type=Answer) if answer else []:
            if page is not None and self._pages[number] is None:
                self._take(number, page)
        return bool(answer)

    def _lay_out(self, number: int) -> None:
        self._take(number, page_layout(self.document, number))

    def _take(self, number: int, page: PageLayout) -> None:
        self._pages[number] = page
        self._done += 1
        report = self.reading.report if page.confidence is None else self.reading.report_recognised
        report(self._done, len(self._pages))


def answers(asked: Asked, untouched: Untouched) -> Iterator[bytes]:
    """Lay out pages as the assistant, from the last on, until none is left; yield some at a time, encoded."""
    data = Path(asked.path).read_bytes()
    if hashlib.sha256(data).hexdigest() != asked.digest:
        return
    document = open_document(data, Reading())
    try:
        if document.get_formtype() != raw.FORMTYPE_NONE:
            document.init_forms()
        found: Answer = []
        while (number := untouched.take_last()) is not None:
            page = page_layout(document, number, recognises=False)
            found.append((number, None if page.scanned else page))
            if len(found) == _AT_ONCE:
                yield msgspec.msgpack.encode(found)
                found = []
        if found:
            yield msgspec.msgpack.encode(found)
    finally:
        document.close()


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
