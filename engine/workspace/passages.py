"""Rows of the passages table as records, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from engine.records import Passage
from engine.workspace.matching import matched_text

# of passages joined with documents, whose title a passage carries
PASSAGE_COLUMNS = (
    "passages.id, passages.document_id, documents.title, passages.text, passages.page, passages.section, "
    'passages.start, passages."end"'
)


def to_passage(row: Iterable[Any]) -> Passage:
    """Make a passage of a row of PASSAGE_COLUMNS."""
    return Passage(*row)


def to_row(passage: Passage, rowid: int) -> tuple[int, str, str, str, int | None, str, int, int, str, str | None]:
    """Make the row of a passage, with its heads and what the lexical index sees."""
    return (
        rowid,
        passage.id,
        passage.document_id,
        passage.text,
        passage.page,
        passage.section,
        passage.start,
        passage.end,
        passage.heads,
        matched_text(passage.indexed_text),
    )
