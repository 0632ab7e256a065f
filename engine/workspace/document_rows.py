"""A document as a row of the database, and back."""

from __future__ import annotations

from typing import Any

from engine.records import Document, Heading
from engine.workspace import dbapi
from engine.workspace.database import decoded, encoded


def document_row(document: Document) -> tuple[Any, ...]:
    """Return the columns of a document, in the order of its table."""
    return (
        document.id,
        document.title,
        document.path,
        document.digest,
        document.kind,
        document.text,
        encoded(document.page_starts),
        encoded(document.headings),
        document.group,
        len(document.page_starts),
        len(document.text),
        document.language,
        encoded(document.notes),
        encoded(document.furniture),
        document.confidence,
        document.date,
    )


def to_document(row: dbapi.Row) -> Document:
    """Return the document of a row with all columns."""
    return Document(
        id=row["id"],
        title=row["title"],
        path=row["path"],
        digest=row["digest"],
        kind=row["kind"],
        text=row["text"],
        page_starts=decoded(row["page_starts"], tuple[int, ...]),
        headings=decoded(row["headings"], tuple[Heading, ...]),
        group=row["group_name"],
        language=row["language"],
        notes=decoded(row["notes"], tuple[str, ...]),
        furniture=decoded(row["furniture"], tuple[tuple[int, int], ...]),
        confidence=row["confidence"],
        date=row["date"],
    )
