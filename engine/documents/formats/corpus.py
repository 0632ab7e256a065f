"""Corpora: JSON records of {id, title, text}, each a document of its own."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.documents.content import clean, one_line
from engine.documents.formats.passages import passage_values

_GROUP_SHARE_MAX = 0.2  # a title over more of a corpus than this names the corpus, not a source within it


@dataclass(frozen=True, slots=True)
class Record:
    """One document of a corpus."""

    number: int  # its line, or its position in an array
    id: str  # "" when the corpus gives none
    title: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of title and text: what makes two records the same document."""
        return hashlib.sha256(f"{self.title}\0{self.text}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record without a document in it, and why."""

    number: int
    reason: str


def holds_document(record: Mapping[str, object]) -> bool:
    """Whether a record of a JSON file is a document: it has a text."""
    return isinstance(record.get("text"), str)


def read_records(path: Path) -> Iterator[Record | BadRecord]:
    """Yield the records of the corpus at `path`. Raises what `passage_values` raises."""
    for value in passage_values(path):
        if value.record is None:
            yield BadRecord(value.number, value.problem)
        elif not holds_document(value.record):
            yield BadRecord(value.number, "it has no `text`")
        elif not (text := clean(value.record["text"])).strip():
            yield BadRecord(value.number, "its `text` is empty")
        else:
            name, title = value.record.get("id"), value.record.get("title")
            yield Record(
                value.number,
                id="" if name is None else one_line(clean(str(name))),
                title="" if title is None else one_line(clean(str(title))),
                text=text,
            )


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a corpus after a first look: how many records it has, and which titles several of them share."""

    records: int
    shared_titles: frozenset[str]


def survey(path: Path) -> Survey:
    """Go through the corpus once. Raises what `read_values` raises.

    A shared title names the source of several records without being that of most of the corpus. Records of one source
    (the sections of one contract) belong together: a question about one is not new to whoever was trained on another.
    """
    counts: Counter[str] = Counter()
    for record in read_records(path):
        counts[record.title if isinstance(record, Record) else ""] += 1
    limit = counts.total() * _GROUP_SHARE_MAX
    return Survey(counts.total(), frozenset(title for title, count in counts.items() if title and 1 < count <= limit))
