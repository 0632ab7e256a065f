"""Word documents: body in order, headings as sections, numbered lists, tables, footnotes, changes as accepted."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import docx
from docx.document import Document as WordDocument
from docx.opc.exceptions import PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree

from engine.documents.archives import (
    damaged,
    embedded_files,
    embedded_note,
    opened,
    parse_xml,
    refuse_entities,
)
from engine.documents.content import Content, ContentBuilder, one_line
from engine.documents.numbering import BULLET, Numbering
from engine.documents.symbols import UNKNOWN, character, raised
from engine.documents.tables import REPEATED_MAX, table_lines

_HEADING_STYLE = re.compile(r"heading (\d)", re.IGNORECASE)
_PARAGRAPH, _TABLE, _ROW, _CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
_RUN, _SYMBOL = qn("w:r"), qn("w:sym")
_TEXT = {qn("w:t"), qn("m:t")}
_BREAKS = {qn("w:br"), qn("w:cr")}
_TAB, _HYPHEN = qn("w:tab"), qn("w:noBreakHyphen")
_NOTE_MARKS = {qn("w:footnoteReference"): "footnotes", qn("w:endnoteReference"): "endnotes"}
_COLUMNS_MAX = 100  # that one cell may span
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
    with opened(data) as archive:
        note = embedded_note(list(embedded_files(archive, "word/embeddings/")))
    try:
        document = docx.Document(io.BytesIO(data))
    except (PackageNotFoundError, etree.XMLSyntaxError, KeyError, ValueError, EOFError) as error:
        raise damaged() from error
    refuse_entities(document.element)
    walk = _Walk(document)
    walk.visit()
    fonts = {symbol.get(qn("w:font"), "") for symbol in document.element.iter(_SYMBOL) if _sign(symbol) == UNKNOWN}
    if fonts:
        walk.builder.note(f"Signs of {', '.join(sorted(fonts))} stand for no character and read as {UNKNOWN}.")
    if note:
        walk.builder.note(note)
    return walk.builder.build(kind="docx", title=document.core_properties.title or walk.title)


class _Walk:
    """Collects the text while going through the body."""

    def __init__(self, document: WordDocument) -> None:
        self.builder = ContentBuilder()
        self.title = ""  # the title paragraph's
        self._body = document.element.body
        self._levels = _heading_levels(document)
        parts = _parts(document)
        self._numbering = Numbering.of(parts.get("numbering"), document.styles.element)
        self._notes = _notes(parts)
        self._in_list = False

    def visit(self) -> None:
        """Take in the whole body."""
        for together in _joined(_blocks(self._body)):
            if together[0].tag == _TABLE:
                self._add_table(together[0])
                self._in_list = False
            else:
                self._add_paragraph(together)
            for block in together:
                self._add_notes(block)

    def _add_paragraph(self, together: Sequence[etree._Element]) -> None:
        """Add paragraphs that read as one; it is formatted as the last of them, whose end is its own."""
        text = "".join(map(_paragraph_text, together))
        style, listed = _properties(together[-1])
        label = self._numbering.label(together[-1], style) if text.strip() else ""
        level = self._levels.get(style)
        if level is not None and one_line(text):
            self.title = self.title or (one_line(text) if level == 0 else "")
            self.builder.add_heading(text if label == BULLET else f"{label} {text}", level=max(level, 1))
            self._in_list = False
        elif text.strip():
            item = listed or bool(label)
            self.builder.add(
                f"{label or BULLET} {text.strip()}" if item else text,
                separator="\n" if item and self._in_list else "\n\n",
            )
            self._in_list = item

    def _add_table(self, table: etree._Element) -> None:
        rows = [
            row
            for row in table.iter(_ROW)
            if next(row.iterancestors(_TABLE), None) is table and not _is_deleted_row(row)
        ]
        marked = bool(rows) and rows[0].find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None
        cells = _filled_down(list(_cells(row)) for row in rows)
        for place, (_, line) in enumerate(table_lines(cells, header=True if marked and len(rows) > 1 else None)):
            self.builder.add(line, separator="\n" if place else "\n\n")

    def _add_notes(self, block: etree._Element) -> None:
        for reference in block.iter(*_NOTE_MARKS):
            if any(part.tag in _LEFT_OUT or _is_deleted_row(part) for part in reference.iterancestors()):
                continue
            mark = reference.get(qn("w:id"), "")
            text = self._notes.get((_NOTE_MARKS[reference.tag], mark), "")
            if text:
                self.builder.add(f"[{mark}] {text}", separator="\n")


def _parts(document: WordDocument) -> dict[str, etree._Element]:
    """The document's numbering, footnotes and endnotes."""
    found: dict[str, etree._Element] = {}
    for relation in document.part.rels.values():
        name = relation.reltype.rpartition("/")[2]
        if name in ("numbering", "footnotes", "endnotes") and not relation.is_external:
            found[name] = parse_xml(relation.target_part.blob)
    return found


def _notes(parts: Mapping[str, etree._Element]) -> dict[tuple[str, str], str]:
    return {
        (kind, note.get(qn("w:id"), "")): _inside(note)
        for kind, tag in (("footnotes", "w:footnote"), ("endnotes", "w:endnote"))
        if kind in parts
        for note in parts[kind].iter(qn(tag))
    }


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


def _joined(blocks: Iterable[etree._Element]) -> Iterator[list[etree._Element]]:
    """Yield the blocks, together those paragraphs that become one when the deletion of the end of one is accepted."""
    together: list[etree._Element] = []
    for block in blocks:
        if together and block.tag == _TABLE:
            yield together
            together = []
        together.append(block)
        mark = block.find(f"{qn('w:pPr')}/{qn('w:rPr')}/{qn('w:del')}")
        if mark is None:
            yield together
            together = []
    if together:
        yield together


def _is_deleted_row(element: etree._Element) -> bool:
    return element.tag == _ROW and element.find(f"{qn('w:trPr')}/{qn('w:del')}") is not None


def _is_hidden(run: etree._Element) -> bool:
    hidden = run.find(f"{qn('w:rPr')}/{qn('w:vanish')}")
    return hidden is not None and hidden.get(qn("w:val"), "1") not in ("0", "false", "off")


def _is_raised(run: etree._Element) -> bool:
    position = run.find(f"{qn('w:rPr')}/{qn('w:vertAlign')}")
    return position is not None and position.get(qn("w:val")) == "superscript"


def _sign(symbol: etree._Element) -> str:
    """The character that a symbol of some font stands for."""
    try:
        return character(symbol.get(qn("w:font"), ""), int(symbol.get(qn("w:char"), ""), 16))
    except ValueError:
        return UNKNOWN


def _paragraph_text(paragraph: etree._Element) -> str:
    """The text as it reads with all changes accepted. Without recursion: equations nest deep."""
    parts: list[str] = []
    stack = list(reversed(paragraph))
    while stack:
        node = stack.pop()
        if node.tag in _LEFT_OUT or (node.tag == _RUN and _is_hidden(node)):
            continue
        if node.tag in _TEXT:
            text = node.text or ""
            parts.append(raised(text) if _is_raised(node.getparent()) else text)
        elif node.tag == _SYMBOL:
            parts.append(_sign(node))
        elif node.tag in _BREAKS:
            parts.append("\n")
        elif node.tag == _TAB:
            parts.append("\t")
        elif node.tag == _HYPHEN:
            parts.append("-")
        elif node.tag in _NOTE_MARKS:
            parts.append(f"[{node.get(qn('w:id'), '')}]")
        elif node.tag == _PARAGRAPH:  # a text box inside the paragraph
            parts.append("\n" + _paragraph_text(node))
        else:
            stack.extend(reversed(node))
    return "".join(parts)


def _inside(element: etree._Element) -> str:
    """The text of all paragraphs inside a cell or a note, as one line."""
    return one_line(" ".join("".join(map(_paragraph_text, one)) for one in _joined(element.iter(_PARAGRAPH))))


def _filled_down(rows: Iterable[list[str | None]]) -> list[list[str]]:
    """Return the rows, a cell that goes on from the row above (None) with its text: it says what it is of."""
    filled: list[list[str]] = []
    above: list[str] = []
    for row in rows:
        kept = [text if len(text) <= REPEATED_MAX else "" for text in above[: len(row)]]
        kept += [""] * (len(row) - len(kept))
        above = [under if text is None else text for text, under in zip(row, kept, strict=True)]
        filled.append(above if any(row) else [])  # a row that says nothing of its own is none
    return filled


def _cells(row: etree._Element) -> Iterator[str | None]:
    """Yield the texts of a row's cells, one for each column, None for one that goes on from the row above; a nested
    table reads as part of its cell.
    """
    for cell in row.iter(_CELL):
        if next(cell.iterancestors(_ROW), None) is not row:
            continue
        merged = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
        goes_on = merged is not None and merged.get(qn("w:val"), "continue") == "continue"
        yield _inside(cell) or (None if goes_on else "")
        span = cell.find(f"{qn('w:tcPr')}/{qn('w:gridSpan')}")
        width = span.get(qn("w:val"), "") if span is not None else ""
        yield from [""] * (min(int(width), _COLUMNS_MAX) - 1 if width.isdigit() else 0)
