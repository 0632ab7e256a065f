"""Word documents: body in order, headings as sections, list items and table rows as lines, changes as accepted."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator

import docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree

from engine.documents.content import Content, ContentBuilder, one_line
from engine.errors import DocumentError

_UNPACKED_BYTES_MAX = 1 << 30  # a page of text is a few kilobytes: more than this is a bomb
_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_TEXT = {qn("w:t"), qn("m:t")}
_BREAKS = {qn("w:br"), qn("w:cr")}
_TAB, _HYPHEN = qn("w:tab"), qn("w:noBreakHyphen")
# Deleted and moved-away text is gone once changes are accepted; a fallback repeats what stands before it.
_LEFT_OUT = {
    qn("w:del"),
    qn("w:moveFrom"),
    qn("w:pPr"),
    qn("w:rPr"),
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
}


def read(data: bytes) -> Content:
    """Return the text of a Word document; its title is its property, else its title paragraph."""
    document = _open(data)
    levels = _heading_levels(document)
    builder = ContentBuilder()
    title = document.core_properties.title or ""
    previous_list = False
    for block in _blocks(document.element.body):
        if block.tag == _TABLE:
            for index, row in enumerate(_rows(block)):
                builder.add(row, separator="\n" if index else "\n\n")
            previous_list = False
            continue
        text = _paragraph_text(block)
        style, in_list = _properties(block)
        level = levels.get(style)
        if level is not None and one_line(text):
            title = title or (one_line(text) if level == 0 else "")
            builder.add_heading(text, level=max(level, 1))
            previous_list = False
        elif text.strip():
            builder.add(
                f"• {text.strip()}" if in_list else text, separator="\n" if in_list and previous_list else "\n\n"
            )
            previous_list = in_list
    return builder.build(kind="docx", title=title)


def _open(data: bytes) -> WordDocument:
    damaged = DocumentError(
        "{name} is damaged: it can't be opened as a Word document.",
        hint="Open it in Word or LibreOffice, save it again as DOCX and import that.",
    )
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > _UNPACKED_BYTES_MAX:
            raise DocumentError(
                f"{{name}} unpacks to {unpacked >> 20:,} MiB, more than a document can be.",
                hint="It may be an attack. Save its text as a new document and import that.",
            )
        return docx.Document(io.BytesIO(data))
    except (zipfile.BadZipFile, PackageNotFoundError, etree.XMLSyntaxError, KeyError, ValueError, EOFError) as error:
        raise damaged from error


def _heading_levels(document: WordDocument) -> dict[str, int]:
    """Style id → heading level; 0 is the title. Word names its styles in English in the file, whatever it shows."""
    levels: dict[str, int] = {}
    for style in document.styles.element.iterchildren(qn("w:style")):
        name = style.find(qn("w:name"))
        label = (name.get(qn("w:val")) if name is not None else "") or ""
        outline = style.find(f"{qn('w:pPr')}/{qn('w:outlineLvl')}")
        identifier = style.get(qn("w:styleId")) or ""
        if matched := _HEADING_STYLE.fullmatch(label):
            levels[identifier] = int(matched.group(1))
        elif label.lower() == "title":
            levels[identifier] = 0
        elif outline is not None and int(outline.get(qn("w:val"), "9")) < 9:
            levels[identifier] = int(outline.get(qn("w:val"))) + 1
    return levels


def _blocks(parent: etree._Element) -> Iterator[etree._Element]:
    """Yield paragraphs and tables in order, looking into content controls and the like."""
    for child in parent:
        if child.tag in (_PARAGRAPH, _TABLE):
            yield child
        elif child.tag not in _LEFT_OUT and child.tag != qn("w:sectPr"):
            yield from _blocks(child)


def _properties(paragraph: etree._Element) -> tuple[str, bool]:
    """Return the paragraph's style id, and whether it is an item of a list."""
    properties = paragraph.find(qn("w:pPr"))
    if properties is None:
        return "", False
    style = properties.find(qn("w:pStyle"))
    name = (style.get(qn("w:val")) or "") if style is not None else ""
    return name, properties.find(qn("w:numPr")) is not None or name.startswith("List")


def _paragraph_text(paragraph: etree._Element) -> str:
    """The text as it reads with all changes accepted. Without recursion: equations nest deep."""
    parts: list[str] = []
    stack = list(reversed(paragraph))
    while stack:
        node = stack.pop()
        if node.tag in _LEFT_OUT:
            continue
        if node.tag in _TEXT:
            parts.append(node.text or "")
        elif node.tag in _BREAKS:
            parts.append("\n")
        elif node.tag == _TAB:
            parts.append("\t")
        elif node.tag == _HYPHEN:
            parts.append("-")
        elif node.tag == _PARAGRAPH:  # a text box inside the paragraph
            parts.append("\n" + _paragraph_text(node))
        else:
            stack.extend(reversed(node))
    return "".join(parts)


def _rows(table: etree._Element) -> Iterator[str]:
    """Yield the rows of a table as lines, cells parted by bars; a nested table reads as part of its cell."""
    for row in table.iter(_ROW):
        if next(row.iterancestors(_TABLE), None) is not table:
            continue
        cells = [
            one_line(" ".join(_paragraph_text(paragraph) for paragraph in cell.iter(_PARAGRAPH)))
            for cell in _cells(row)
        ]
        if any(cells):
            yield " | ".join(cell for cell in cells if cell)


def _cells(row: etree._Element) -> Iterator[etree._Element]:
    for cell in row.iter(_CELL):
        if next(cell.iterancestors(_ROW), None) is row:
            yield cell
