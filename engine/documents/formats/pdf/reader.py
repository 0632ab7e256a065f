"""PDF: the text of every page in reading order, recognised where the page is a scan."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pypdfium2.raw as raw

from engine.documents.content import Content, clean, one_line
from engine.documents.formats.pdf.headings import bookmarks, from_bookmarks, from_sizes
from engine.documents.formats.pdf.joining import joined, recognition_note
from engine.documents.formats.pdf.opening import attachment_note, open_document
from engine.documents.formats.pdf.page import PageLayout
from engine.documents.formats.pdf.sharing import Sharing
from engine.documents.reading import Reading
from engine.errors import DocumentError

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
        sharing = Sharing.begin(document, data, reading)
        notes = [attachment_note(document)]
        outline = list(bookmarks(document))
        title = one_line(clean(str(document.get_metadata_dict().get("Title", ""))))
        pages = sharing.pages()
    finally:
        document.close()
    content, lines = joined("pdf", pages)
    _require_text(content.text, pages)
    headings = tuple(from_bookmarks(content, outline)) if outline else tuple(from_sizes(lines))
    title = "" if _NO_TITLE.fullmatch(title) else title
    notes.append(recognition_note(content, pages))
    return replace(content, title=title, headings=headings, notes=tuple(note for note in notes if note))


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
