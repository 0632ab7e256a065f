"""Rich text (RTF): paragraphs and table rows, without formatting."""

from __future__ import annotations

import re

from striprtf.striprtf import rtf_to_text

from engine.documents.content import Content, ContentBuilder, one_line
from engine.documents.tables import table_lines
from engine.errors import DocumentError

_TITLE = re.compile(r"\{\\info\b.{0,2000}?\{\\title ([^{}]*)\}", re.DOTALL)
_PICTURES = re.compile(rb"(?:[0-9a-fA-F]{64,}[\r\n]*){4,}")  # hex dumps: most of a file's bytes, and no text
_ROW = re.compile(r"[^\n]*\|[ \t]*")


def read(data: bytes) -> Content:
    """Return the text of an RTF document."""
    source = _PICTURES.sub(b"", data).decode("cp1252", errors="replace")
    if not source.rstrip("\x00\r\n\t ").endswith("}"):
        raise DocumentError(
            "{name} is damaged: the rich text stops half-way.",
            hint="Get the file again from where it came from, then import it again.",
        )
    text = rtf_to_text(source, errors="replace")
    builder = ContentBuilder()
    table: list[list[str]] = []
    for line in text.split("\n"):
        if _ROW.fullmatch(line) and line.count("|") > 1:
            table.append(line.strip().removesuffix("|").split("|"))
            continue
        _add_table(builder, table)
        table = []
        builder.add(line)
    _add_table(builder, table)
    title = _TITLE.search(source)
    return builder.build(kind="rtf", title=one_line(rtf_to_text("{\\rtf1 " + title.group(1) + "}")) if title else "")


def _add_table(builder: ContentBuilder, table: list[list[str]]) -> None:
    for place, (_, line) in enumerate(table_lines(table)):
        builder.add(line, separator="\n" if place else "\n\n")
