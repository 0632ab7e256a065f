"""PDF: the text of every page in reading order, recognised where the page is a scan."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from engine.documents.assistant import Pages
from engine.documents.content import Content, clean, one_line
from engine.documents.formats.pdf.headings import bookmarks, from_bookmarks, from_sizes
from engine.documents.formats.pdf.joining import joined, recognition_note
from engine.documents.formats.pdf.opening import attachment_note, fields_of, open_document
from engine.documents.formats.pdf.page import PageLayout, layout
from engine.documents.reading import Reading
from engine.errors import DocumentError

_MANY = 8  # pages, from which two processes are faster than one
# What writing programs put into the title when nobody gives one.
_NO_TITLE = re.compile(
    r"untitled.*|microsoft (word|powerpoint|excel) - .*|.*\.(docx?|pptx?|indd|qxd|tex|dvi|pdf|html?|wpd|odt)|[\W\d_]*",
    re.IGNORECASE,
)


def read(data: bytes, reading: Reading) -> Content:
    """Return the text of a PDF, one page after the other. Raises DocumentError with the reason when there is none."""
    document = open_document(data, reading)
    try:
        if document.get_formtype() != raw.FORMTYPE_NONE:
            document.init_forms()
        pages = _all_pages(document, data, reading)
        notes = [attachment_note(document)]
        outline = list(bookmarks(document))
        title = one_line(clean(str(document.get_metadata_dict().get("Title", ""))))
    finally:
        document.close()
    content, lines = joined("pdf", pages)
    _require_text(content.text, pages)
    headings = tuple(from_bookmarks(content, outline)) if outline else tuple(from_sizes(lines))
    title = "" if _NO_TITLE.fullmatch(title) else title
    notes.append(recognition_note(content, pages))
    return replace(content, title=title, headings=headings, notes=tuple(note for note in notes if note))


def _all_pages(document: pdfium.PdfDocument, data: bytes, reading: Reading) -> list[PageLayout]:
    """Lay out every page, the second half of many by the assistant, where there is one."""
    count = len(document)
    assistant = reading.assistant if count >= _MANY and reading.path and not reading.opened else None
    own = count
    if assistant is not None:
        digest = hashlib.sha256(data).hexdigest()
        if assistant.ask(Pages(reading.path or "", digest, first=count // 2, last=count)):
            own = count // 2
    pages: list[PageLayout] = []
    for number in range(own):
        pages.append(page_layout(document, number))
        _report(reading, pages[-1], number + 1 + min(number, count - own), count)
    if assistant is None or own == count:
        return pages
    answer = assistant.answer()
    rest = msgspec.json.decode(answer, type=list[PageLayout | None]) if answer else []
    for number in range(own, count):
        page = rest[number - own] if number - own < len(rest) else None
        pages.append(page or page_layout(document, number))
        _report(reading, pages[-1], number + 1, count)
    return pages


def _report(reading: Reading, page: PageLayout, done: int, total: int) -> None:
    if page.confidence is None:
        reading.report(done, total)
    else:
        reading.report_recognised(done, total)


def laid_out(asked: Pages) -> bytes:
    """Lay out pages as the assistant, encoded: null for what only the one process that has the models can read."""
    data = Path(asked.path).read_bytes()
    if hashlib.sha256(data).hexdigest() != asked.digest:
        return b"[]"
    document = open_document(data, Reading())
    try:
        if document.get_formtype() != raw.FORMTYPE_NONE:
            document.init_forms()
        found = [page_layout(document, number, recognises=False) for number in range(asked.first, asked.last)]
    finally:
        document.close()
    return msgspec.json.encode([None if page.scanned else page for page in found])


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


def _require_text(text: str, pages: Sequence[PageLayout]) -> None:
    if text.strip():
        return
    if any(page.confidence is not None for page in pages):
        raise DocumentError(
            "{name} contains no text, and none could be recognised in its pictures.",
            hint="If it is a scan, scan it again at 200 dpi or more, dark on white, and import that.",
        )
    raise DocumentError(
        "{name} contains no text.", hint="Its pages are empty. Check the file in its own program, then import it again."
    )
