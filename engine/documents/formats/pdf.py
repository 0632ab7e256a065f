"""PDF: the text layer page by page, with the outline as section headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pypdfium2 as pdfium

from engine.documents.content import Content, ContentBuilder, clean, one_line
from engine.documents.reading import Reading
from engine.errors import DocumentError
from engine.records import Heading

# pdfium marks a word broken over two lines with U+FFFE.
_HYPHEN_AT_LINE_END = re.compile("\ufffe(?:\r?\n)?|\u00ad\r?\n")
_OUTLINE_DEPTH = 6
# What writing programs put into the title when nobody gives one.
_NO_TITLE = re.compile(
    r"untitled.*|microsoft (word|powerpoint|excel) - .*|.*\.(docx?|pptx?|indd|qxd|tex|dvi|pdf|html?|wpd|odt)|[\W\d_]*",
    re.IGNORECASE,
)
_UNMAPPED = re.compile("[\ufffd\ue000-\uf8ff]")  # what a font without a Unicode map gives


def read(data: bytes, reading: Reading) -> Content:
    """Return the text of a PDF, one page after the other. Raises DocumentError with the reason when there is none."""
    document = _open(data)
    builder = ContentBuilder()
    try:
        for number in range(len(document)):
            builder.add_page(_page_text(document, number))
        outline = list(_outline(document))
        title = str(document.get_metadata_dict().get("Title", ""))
    finally:
        document.close()
    content = builder.build(kind="pdf", title=title)
    _require_text(content.text, pages=len(content.page_starts))
    title = "" if _NO_TITLE.fullmatch(content.title) else content.title
    return Content(content.kind, title, content.text, content.page_starts, tuple(_headings(content, outline)))


def _open(data: bytes) -> pdfium.PdfDocument:
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise DocumentError(
                "{name} is protected with a password.",
                hint="Open it with the password, save it without one (print to PDF) and import that.",
            ) from error
        raise DocumentError(
            "{name} is damaged: no PDF reader could open it.",
            hint="Get the file again from where it came from, or print it to a new PDF, and import that.",
        ) from error


def _page_text(document: pdfium.PdfDocument, number: int) -> str:
    """A page that can't be loaded leaves its number empty; the other pages are still worth having."""
    try:
        page = document[number]
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return ""
    try:
        text = text_page.get_text_range()
    finally:
        text_page.close()
        page.close()
    return _HYPHEN_AT_LINE_END.sub("", text)


def _require_text(text: str, *, pages: int) -> None:
    if not text.strip():
        raise DocumentError(
            "{name} contains no text.",
            hint=f"Its {pages} pages may be scans: add a text layer with an OCR program and import it again."
            if pages != 1
            else "Its page may be a scan: add a text layer with an OCR program and import it again.",
        )
    sample = "".join(text.split())[:20_000]
    unreadable = len(_UNMAPPED.findall(sample)) > len(sample) * 0.3
    wordless = (
        len(sample) < 1000 and not re.search(r"[^\W\d_]{2}", sample) and not re.fullmatch(r"[\d.,:;/()%+-]+", sample)
    )
    if unreadable or wordless:
        raise DocumentError(
            "{name} has text that can't be read: its fonts don't say which letters they draw.",
            hint="Print it to a new PDF, or add a text layer with an OCR program, and import that.",
        )


def _outline(document: pdfium.PdfDocument) -> Iterator[tuple[int, str, int]]:
    """Yield (page index, title, level) of each bookmark that leads to a page."""
    for bookmark in document.get_toc(max_depth=_OUTLINE_DEPTH):
        target = bookmark.get_dest()
        page = target.get_index() if target else None
        title = one_line(clean(bookmark.get_title()))
        if page is not None and title:
            yield page, title, bookmark.level + 1


def _headings(content: Content, outline: list[tuple[int, str, int]]) -> Iterator[Heading]:
    """Find each bookmark's title on its page; one that isn't there in words opens its section at the page's start.

    Sections are kept in the order of the text: a bookmark that leads backwards is left out.
    """
    last = -1
    for page, title, level in outline:
        if page >= len(content.page_starts):
            continue
        start = content.page_starts[page]
        end = content.page_starts[page + 1] if page + 1 < len(content.page_starts) else len(content.text)
        words = [re.escape(word) for word in title.split()]
        found = re.compile(r"\s*".join(words), re.IGNORECASE).search(content.text, max(start, last + 1), end)
        position = found.start() if found else start
        if position > last:
            last = position
            yield Heading(start=position, level=level, title=title)
