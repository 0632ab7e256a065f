"""The report as a PDF: the sentence, the measures, the plots, where it fails, and what it was made from."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import XPos, YPos

from engine.evaluation.report import Report
from engine.evaluation.reporting.drawing import Box, Dot, Drawing, Lines, Words
from engine.evaluation.reporting.plots import plots_of
from engine.evaluation.reporting.tables import BASELINE_METRICS, baseline_rows, measure_rows, origin_rows
from engine.evaluation.reporting.wording import (
    headline,
    knows_sentence,
    metric_name,
    part_sentence,
    reader_or_retriever,
    value,
)

FONT = Path(getattr(sys, "_MEIPASS", Path(__file__).resolve().parents[3])) / "resources" / "fonts" / "DejaVuSans.ttf"

_MARGIN_MM = 18.0
_POINTS_PER_MM = 72 / 25.4
_LINE_MM = 5.2


def to_pdf(report: Report) -> bytes:
    """The report on A4 pages, with the font embedded."""
    logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of every table it drops
    page = FPDF(format="A4", unit="mm")
    page.set_margin(_MARGIN_MM)
    page.set_auto_page_break(True, margin=_MARGIN_MM)
    page.add_font("Body", fname=FONT)
    page.set_title(f"{report.run} on {report.split} questions")
    page.set_creator("Vademecum")
    page.add_page()
    _text(page, f"{report.run} on {report.split} questions", size=17)
    if report.provenance is not None:
        _text(page, f"{report.provenance.workspace}, {report.provenance.created[:10]}", size=9, grey=True)
    page.ln(2)
    _framed(page, headline(report), report.against.verdict if report.against else "")
    for sentence in (reader_or_retriever(report), knows_sentence(report), *report.notes):
        if sentence:
            _text(page, f"• {sentence}", size=9.5)
    _measures(page, report)
    for plot in plots_of(report):
        _draw(page, plot)
    _baselines(page, report)
    if report.parts:
        _heading(page, "Known and unseen documents")
        for part in report.parts:
            _text(page, f"• {part_sentence(part)}", size=9.5)
    _weakest(page, report)
    _pinned(page, report)
    _origin(page, report)
    return bytes(page.output())


def _measures(page: FPDF, report: Report) -> None:
    head, rows = measure_rows(report)
    _heading(page, "What was measured")
    _table(page, head, rows, widths=(27, 11, 19, 10, 33, 34) if report.against else (50, 20, 30))


def _baselines(page: FPDF, report: Report) -> None:
    _heading(page, "Beside the baselines")
    _table(page, ["", *map(metric_name, BASELINE_METRICS)], baseline_rows(report), widths=(46, 18, 18, 18))


def _weakest(page: FPDF, report: Report) -> None:
    documents = next((one for one in report.breakdowns if one.by == "document"), None)
    if documents is None or len(documents.parts) < 2:
        return
    weakest = sorted(documents.parts, key=lambda part: part.answers["f1"])[:10]
    rows = [
        [part.name, str(part.questions), value("hit@1", part.retrieval["hit@1"]), value("f1", part.answers["f1"])]
        for part in weakest
    ]
    _heading(page, "The ten documents it does worst on")
    _table(page, ["Document", "Questions", "hit@1", "F1"], rows, widths=(64, 12, 12, 12))


def _pinned(page: FPDF, report: Report) -> None:
    if report.pinned is None:
        return
    _heading(page, "Pinned questions")
    worse = report.pinned.worse
    _text(page, f"{len(worse)} of {len(report.pinned.results)} got worse since {report.pinned.against}.", size=9.5)
    for question in worse:
        _text(page, f"• {question}", size=9.5)


def _origin(page: FPDF, report: Report) -> None:
    rows = origin_rows(report)
    if not rows:
        return
    _heading(page, "What it was made from")
    _table(page, None, rows, widths=(26, 74))


def _heading(page: FPDF, text: str) -> None:
    if page.will_page_break(30):
        page.add_page()
    page.ln(3)
    _text(page, text, size=13)
    page.ln(1)


def _text(page: FPDF, text: str, *, size: float, grey: bool = False) -> None:
    page.set_font("Body", size=size)
    page.set_text_color(*((91, 98, 112) if grey else (31, 36, 48)))
    page.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _framed(page: FPDF, text: str, verdict: str) -> None:
    top, before = page.get_y(), page.page
    page.set_x(_MARGIN_MM + 4)
    page.set_font("Body", size=11.5)
    page.set_text_color(31, 36, 48)
    page.multi_cell(page.epw - 4, 6, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    page.set_fill_color({"better": "#009e73", "worse": "#d55e00"}.get(verdict, "#8a8f98"))
    if page.page == before:
        page.rect(_MARGIN_MM, top, 1.4, page.get_y() - top, style="F")
    page.ln(2)


def _table(page: FPDF, head: Sequence[str] | None, rows: Sequence[Sequence[str]], *, widths: Sequence[int]) -> None:
    page.set_font("Body", size=8)
    page.set_text_color(31, 36, 48)
    page.set_draw_color(200, 205, 212)
    page.set_fill_color(255, 255, 255)  # a table fills its cells with whatever colour was used last
    with page.table(
        col_widths=tuple(widths),
        first_row_as_headings=False,
        line_height=_LINE_MM,
        borders_layout="HORIZONTAL_LINES",
        text_align="LEFT",
    ) as table:
        for cells in ([head] if head else []) + list(rows):
            row = table.row()
            for cell in cells:
                row.cell(cell)


def _draw(page: FPDF, drawing: Drawing) -> None:
    """Put a drawing at the page's full width."""
    scale = page.epw / drawing.width
    height = drawing.height * scale
    if page.will_page_break(height + 16):
        page.add_page()
    _heading(page, drawing.title)
    left, top = _MARGIN_MM, page.get_y()
    for shape in drawing.shapes:
        if isinstance(shape, Box):
            page.set_fill_color(shape.colour)
            page.rect(
                left + shape.x * scale, top + shape.y * scale, shape.width * scale, shape.height * scale, style="F"
            )
        elif isinstance(shape, Dot):
            page.set_fill_color(shape.colour)
            page.circle(left + shape.x * scale, top + shape.y * scale, shape.radius * scale, style="F")
        elif isinstance(shape, Lines):
            page.set_draw_color(shape.colour)
            page.set_line_width(shape.width * scale)
            page.set_dash_pattern(*((1, 1) if shape.dashed else (0, 0)))
            page.polyline([(left + x * scale, top + y * scale) for x, y in shape.points])
            page.set_dash_pattern()
        else:
            _words(page, shape, left=left, top=top, scale=scale)
    page.set_line_width(0.2)
    page.set_y(top + height)


def _words(page: FPDF, words: Words, *, left: float, top: float, scale: float) -> None:
    page.set_font("Body", size=words.size * scale * _POINTS_PER_MM)
    page.set_text_color(words.colour)
    width = page.get_string_width(words.text)
    shift = {"start": 0.0, "middle": width / 2, "end": width}[words.anchor]
    page.text(left + words.x * scale - shift, top + words.y * scale, words.text)
