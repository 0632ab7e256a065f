"""PowerPoint presentations: a page a slide, its title as heading, its notes after it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import pptx
from lxml import etree
from pptx.exc import PythonPptxError

from engine.documents.archives import damaged, embedded_files, embedded_note, opened, parse_xml
from engine.documents.content import Content, ContentBuilder, one_line
from engine.documents.reading import Report
from engine.documents.tables import table_lines

_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}dm"


def read(data: bytes, report: Report) -> Content:
    """Return the text of a presentation."""
    with opened(data) as archive:
        note = embedded_note(list(embedded_files(archive, "ppt/embeddings/")))
    builder = ContentBuilder()
    try:
        presentation = pptx.Presentation(io.BytesIO(data))
        slides = list(presentation.slides)
    except (PythonPptxError, KeyError, ValueError, AttributeError, etree.XMLSyntaxError) as error:
        raise damaged() from error
    for number, slide in enumerate(slides):
        report(number, len(slides))
        builder.start_page()
        title = slide.shapes.title
        if title is not None and one_line(title.text_frame.text):
            builder.add_heading(title.text_frame.text, level=1)
        else:
            builder.mark_section(f"Slide {number + 1}", level=1)
        for shape in _flat(slide.shapes):
            if title is None or shape.shape_id != title.shape_id:
                _add_shape(builder, shape)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = slide.notes_slide.notes_text_frame.text
            if notes.strip():
                builder.add(f"Notes: {notes}")
    if note:
        builder.note(note)
    return builder.build(kind="pptx", title=presentation.core_properties.title or "")


def _flat(shapes: Iterable[Any]) -> Iterator[Any]:
    """Yield the shapes in the order they are drawn, those of groups among them, however deep."""
    waiting = list(reversed(list(shapes)))
    while waiting:
        shape = waiting.pop()
        if hasattr(shape, "shapes"):
            waiting.extend(reversed(list(shape.shapes)))
        else:
            yield shape


def _add_shape(builder: ContentBuilder, shape: Any) -> None:
    if shape.has_text_frame:
        paragraphs = [_paragraph(paragraph) for paragraph in shape.text_frame.paragraphs]
        builder.add("\n".join(text for text in paragraphs if text.strip()))
    elif getattr(shape, "has_table", False):
        rows = [[cell.text for cell in row.cells] for row in shape.table.rows]
        header = bool(shape.table.first_row) and len(rows) > 1 and all(cell.strip() for cell in rows[0])
        for place, (_, line) in enumerate(table_lines(rows, header=header)):
            builder.add(line, separator="\n" if place else "\n\n")
    elif getattr(shape, "has_chart", False):
        _add_chart(builder, shape.chart)
    else:
        _add_diagram(builder, shape)


def _paragraph(paragraph: Any) -> str:
    text = paragraph.text.replace("\v", "\n")
    return f"• {text}" if paragraph.level and text.strip() else text


def _add_chart(builder: ContentBuilder, chart: Any) -> None:
    """A chart's title, and its values as a table: what its picture says."""
    if chart.has_title and chart.chart_title.has_text_frame:
        builder.add(chart.chart_title.text_frame.text)
    for plot in chart.plots:
        series = list(plot.series)
        head = ["", *(one.name or "" for one in series)]
        values = [list(one.values) for one in series]
        rows = [
            [str(category), *("" if place >= len(of) or of[place] is None else f"{of[place]:g}" for of in values)]
            for place, category in enumerate(plot.categories)
        ]
        for place, (_, line) in enumerate(table_lines([head, *rows], header=True)):
            builder.add(line, separator="\n" if place else "\n\n")


def _add_diagram(builder: ContentBuilder, shape: Any) -> None:
    """The texts of a SmartArt drawing, which stand in a part of their own."""
    for relation in shape._element.iter(f"{{{_DIAGRAM}}}relIds"):
        identifier = relation.get(_RELATION)
        if identifier in shape.part.rels:
            tree = parse_xml(shape.part.related_part(identifier).blob)
            for paragraph in tree.iter("{*}p"):
                builder.add("".join(run.text or "" for run in paragraph.iter("{*}t")), separator="\n")
