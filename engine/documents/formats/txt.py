"""Plain text in any encoding."""

from __future__ import annotations

from engine.documents.content import Content, ContentBuilder
from engine.documents.decoding import decode


def read(data: bytes) -> Content:
    """Return the text of a plain text file. A form feed ends a paragraph: the format has no pages to cite."""
    builder = ContentBuilder()
    for block in decode(data, note=builder.note).split("\f"):
        builder.add(block)
    return builder.build(kind="txt", title="")
