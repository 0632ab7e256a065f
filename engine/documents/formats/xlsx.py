"""Excel workbooks: a page a sheet, a line a row, cells named by their column's header."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from typing import Any

import openpyxl

from engine.documents.archives import damaged, embedded_files, embedded_note, opened
from engine.documents.content import Content, ContentBuilder
from engine.documents.reading import Report
from engine.documents.sheets import add_rows, shown

_REPORT_ROWS = 500
_COLUMNS_MAX = 2000  # a sheet whose style reaches its last column has 16,384 empty cells in every row


def read(data: bytes, report: Report) -> Content:
    """Return the text of a workbook: what its cells show, formulas as their last results."""
    with opened(data) as archive:
        note = embedded_note(list(embedded_files(archive, "xl/embeddings/")))
    builder = ContentBuilder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the library doesn't know of a workbook is no text
        try:
            workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise damaged() from error
        try:
            total = sum(sheet.max_row or 0 for sheet in workbook.worksheets)
            done = 0
            for sheet in workbook.worksheets:
                builder.start_page()
                builder.mark_section(sheet.title, level=1)
                rows = sheet.max_row or 0
                sheet.reset_dimensions()  # what a workbook says of its size is not always so
                add_rows(builder, _rows(sheet, report, done=done, total=total), level=2)
                done += rows
            title = workbook.properties.title or ""
        finally:
            workbook.close()
    if note:
        builder.note(note)
    return builder.build(kind="xlsx", title=title)


def _rows(sheet: Any, report: Report, *, done: int, total: int) -> Iterator[list[str]]:
    for number, row in enumerate(sheet.iter_rows()):
        if number % _REPORT_ROWS == 0:
            report(min(done + number, total), total)
        yield [shown(cell) for cell in row[:_COLUMNS_MAX]]
