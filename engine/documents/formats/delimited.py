"""CSV and TSV: a line a row, cells named by their column's header."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from engine.documents.content import Content, ContentBuilder
from engine.documents.decoding import decode
from engine.documents.reading import Report
from engine.documents.sheets import add_rows

_DELIMITERS = ",;\t|"
_SAID = re.compile(r'\ufeff?"?sep=(.)"?(?:\r\n?|\n)', re.IGNORECASE)
_SAMPLE_CHARACTERS = 64 * 1024
_REPORT_ROWS = 500


def read(data: bytes, report: Report) -> Content:
    """Return the text of a table of delimited values in any encoding."""
    builder = ContentBuilder()
    text = decode(data, note=builder.note)
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    add_rows(builder, _rows(text, report), level=1)
    return builder.build(kind="csv", title="")


def _rows(text: str, report: Report) -> Iterator[list[str]]:
    total = text.count("\n")
    start, said = said_delimiter(text)
    rows = csv.reader(io.StringIO(text[start:], newline=""), delimiter=said or delimiter_of(text))
    for number, row in enumerate(rows):
        if number % _REPORT_ROWS == 0:
            report(number, total)
        yield row


def said_delimiter(text: str) -> tuple[int, str]:
    """Return where the table begins and the character that parts its values, "" where it doesn't say so: Excel's first
    line `sep=;` does and is no row.
    """
    said = _SAID.match(text)
    return (said.end(), said.group(1)) if said else (0, "")


def delimiter_of(text: str) -> str:
    """The character that parts the values: the one that gives the most rows the same number, more than one, of them."""
    sample = text[:_SAMPLE_CHARACTERS]
    if len(text) > len(sample):
        sample = sample.rpartition("\n")[0] or sample

    def agreement(delimiter: str) -> tuple[int, int]:
        widths = Counter(len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter) if row)
        width, rows = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(1, 0))
        return (rows, width) if width > 1 else (0, 0)

    return max(_DELIMITERS, key=agreement)
