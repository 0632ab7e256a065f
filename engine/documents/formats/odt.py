"""OpenDocument texts: headings, lists, tables and footnotes, with tracked changes as accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lxml import etree

from engine.documents.archives import embedded_note, opened, parse_xml, read_part
from engine.documents.content import Content, ContentBuilder, check_length, one_line
from engine.documents.tables import BAR, table_lines
from engine.errors import DocumentError

_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_PARAGRAPH, _HEADING, _ITEM = f"{_TEXT}p", f"{_TEXT}h", f"{_TEXT}list-item"
_ROW, _CELLS = f"{_TABLE}table-row", (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell")
_NOTE, _NOTE_BODY, _CITATION = f"{_TEXT}note", f"{_TEXT}note-body", f"{_TEXT}note-citation"
# Deleted text is kept apart from the body; annotations are the reviewers' remarks, not the document.
_LEFT_OUT = {
    f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_OFFICE}forms", f"{_TEXT}sequence-decls",
    f"{_OFFICE}binary-data",
}  # fmt: skip
_REPEATED_MAX = 1000  # spaces that one element may stand for, and columns that a row's cells may be repeated over


def read(data: bytes) -> Content:
    """Return the text of an OpenDocument text; its title is its property."""
    with opened(data) as archive:
        names = set(archive.namelist())
        manifest = read_part(archive, "META-INF/manifest.xml") if "META-INF/manifest.xml" in names else b""
        if b"encryption-data" in manifest:
            raise DocumentError(
                "{name} is protected with a password.",
                hint="Open it in its own program, save it without the password and import it again.",
            )
        root = parse_xml(read_part(archive, "content.xml"))
        meta = parse_xml(read_part(archive, "meta.xml")) if "meta.xml" in names else None
    builder = ContentBuilder()
    body = root.find(f"{_OFFICE}body/{_OFFICE}text")
    if body is not None:
        _add_blocks(builder, body)
    objects = sorted({name.split("/")[0] for name in names if name.startswith("Object ")})
    if objects:
        builder.note(embedded_note(objects))
    title = next(meta.iter("{http://purl.org/dc/elements/1.1/}title"), None) if meta is not None else None
    return builder.build(kind="odt", title=(title.text or "") if title is not None else "")


def _add_blocks(builder: ContentBuilder, body: etree._Element) -> None:
    """Add everything under `body` in order. Without recursion: lists and sections nest as deep as they like."""
    waiting = list(reversed(body))
    previous_item: etree._Element | None = None
    while waiting:
        node = waiting.pop()
        if not isinstance(node.tag, str) or node.tag in _LEFT_OUT:
            continue
        if node.tag == f"{_TABLE}table":
            _add_table(builder, node)
            previous_item = None
        elif node.tag in (_PARAGRAPH, _HEADING):
            previous_item = _add_paragraph(builder, node, previous_item)
        else:
            waiting.extend(reversed(node))


def _add_paragraph(
    builder: ContentBuilder, node: etree._Element, previous_item: etree._Element | None
) -> etree._Element | None:
    """Add a paragraph with its footnotes after it; return the list item it is in."""
    text = _paragraph_text(node)
    item = next(node.iterancestors(_ITEM), None)
    if node.tag == _HEADING and one_line(text):
        builder.add_heading(text, level=_number(node.get(f"{_TEXT}outline-level"), default=1))
        item = None
    elif text.strip():
        first = item is not None and next(item.iter(_PARAGRAPH)) is node
        builder.add(
            f"• {text.strip()}" if first else text,
            separator="\n" if item is not None and previous_item is not None else "\n\n",
        )
    for note in _notes(node):
        builder.add(note, separator="\n")
    return item


def _paragraph_text(paragraph: etree._Element) -> str:
    """The paragraph as it reads; footnotes as their marks."""
    parts: list[str] = []
    spaces = 0
    waiting: list[etree._Element | str] = [paragraph]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            parts.append(node)
            continue
        if not isinstance(node.tag, str) or node.tag in _LEFT_OUT:
            continue
        if node.tag == _NOTE:
            parts.append(f"[{_note_mark(node)}]")
            continue
        if node.tag == f"{_TEXT}s":
            parts.append(" " * _number(node.get(f"{_TEXT}c"), default=1))
            spaces += len(parts[-1])
            check_length(spaces)  # few bytes stand for many of them
        elif node.tag == f"{_TEXT}tab":
            parts.append("\t")
        elif node.tag == f"{_TEXT}line-break" or (node.tag in (_PARAGRAPH, _HEADING) and node is not paragraph):
            parts.append("\n")
        parts.append(node.text or "")
        for child in reversed(node):
            waiting += [child.tail or "", child]
    return "".join(parts)


def _notes(paragraph: etree._Element) -> Iterator[str]:
    for note in paragraph.iter(_NOTE):
        body = note.find(_NOTE_BODY)
        if body is not None:
            text = " ".join(_paragraph_text(part) for part in body.iter(_PARAGRAPH))
            yield f"[{_note_mark(note)}] {one_line(text)}"


def _note_mark(note: etree._Element) -> str:
    mark = note.find(_CITATION)
    return (mark.text or "*") if mark is not None else "*"


def _add_table(builder: ContentBuilder, table: etree._Element) -> None:
    """Add the rows of a table; a table inside a cell reads as part of the cell."""
    rows = [row for row in table.iter(_ROW) if next(row.iterancestors(f"{_TABLE}table"), None) is table]
    parent = rows[0].getparent() if rows else None
    header = True if parent is not None and parent.tag == f"{_TABLE}table-header-rows" else None
    for place, (_, line) in enumerate(table_lines(_texts(rows), header=header)):
        builder.add(line, separator="\n" if place else "\n\n")
    for paragraph in table.iter(_PARAGRAPH):
        for note in _notes(paragraph):
            builder.add(note, separator="\n")


def _texts(rows: Iterable[etree._Element]) -> Iterator[list[str]]:
    """Yield the cells of each row, one row at a time: few bytes stand for many of them, and most are empty."""
    characters = 0
    for row in rows:
        cells = list(_cells(row))
        characters += sum(len(cell) + len(BAR) for cell in cells if cell)
        check_length(characters)
        yield cells


def _cells(row: etree._Element) -> Iterator[str]:
    column = 0
    for cell in row:
        if cell.tag in _CELLS:
            text = " ".join(one_line(_paragraph_text(paragraph)) for paragraph in cell.iter(_PARAGRAPH, _HEADING))
            repeated = _number(cell.get(f"{_TABLE}number-columns-repeated"), default=1)
            copies = max(1, min(repeated, _REPEATED_MAX - column))
            yield from [one_line(text)] * copies
            column += copies


def _number(value: str | None, *, default: int) -> int:
    return min(int(value), _REPEATED_MAX) if value and value.isdigit() else default
