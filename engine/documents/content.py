"""What a format reader makes of a file: its text in reading order, with headings and pages as offsets into it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.errors import DocumentError
from engine.records import Heading, ScannedPage

TEXT_CHARACTERS_MAX = 64 << 20

# Control characters break SQLite text and terminals, lone surrogates can't be encoded: neither is ever content. Places
# where a word may break keep it from being found; joiners (U+200C, U+200D) tell letters apart.
_UNPRINTABLE = re.compile("\xad(?:\n(?=\\w))?|[\x00-\x08\x0b\x0e-\x1f\x7f\u200b\u2060\ufeff]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Content:
    """A file's text, before it has an id and a place in a workspace."""

    kind: str  # the format: pdf, docx, html, …
    title: str  # "" when the file doesn't name itself
    text: str
    page_starts: tuple[int, ...] = ()
    headings: tuple[Heading, ...] = ()
    notes: tuple[str, ...] = ()  # sentences on what was not read, for the document list
    attachments: tuple[str, ...] = ()  # names of files inside that are read as documents of their own, in order
    furniture: tuple[tuple[int, int], ...] = ()  # spans of running headers and footers
    confidence: float | None = None  # of recognised words, 0 to 1
    scanned: tuple[ScannedPage, ...] = ()


def clean(text: str) -> str:
    """Return `text` with one kind of line end and without characters that can't be stored or aren't shown."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _LONE_SURROGATE.sub("\ufffd", _UNPRINTABLE.sub("", text))


def one_line(text: str) -> str:
    """Return `text` with every run of white space as one space."""
    return _SPACES.sub(" ", text).strip()


def check_length(characters: int) -> None:
    """Raise DocumentError where a text comes to more `characters` than a document may have."""
    if characters > TEXT_CHARACTERS_MAX:
        raise DocumentError(
            "{name} holds more text than one document can.", hint="Split it into smaller files and import those."
        )


@dataclass(slots=True)
class ContentBuilder:
    """Collects blocks of text and remembers where headings and pages start."""

    _parts: list[str] = field(default_factory=list)
    _length: int = 0
    _headings: list[Heading] = field(default_factory=list)
    _page_starts: list[int] = field(default_factory=list)
    _notes: list[str] = field(default_factory=list)
    _marks: list[tuple[int, str]] = field(default_factory=list)  # sections that open with the next block
    _open_pages: int = 0  # pages that open with the next block

    def add(self, text: str, *, separator: str = "\n\n") -> None:
        """Append a block; `separator` stands before it unless it is the first."""
        text = clean(text).strip("\n ")
        if text:
            self._append(text, separator)

    def add_heading(self, title: str, *, level: int) -> None:
        """Append a heading line and open its section."""
        title = one_line(clean(title))
        if title:
            self._append(title, "\n\n")
            self._headings.append(Heading(start=self._length - len(title), level=level, title=title))

    def add_page(self, text: str) -> None:
        """Append a page; an empty one keeps its number."""
        text = clean(text).strip("\n ")
        self._append(text, "\n\n")
        self._page_starts.append(self._length - len(text))

    def mark_section(self, title: str, *, level: int) -> None:
        """Open a section whose title is not a line of the text: the next block is its first."""
        title = one_line(clean(title))
        if title:
            self._marks.append((level, title))

    def start_page(self) -> None:
        """Open a page: the next block is its first. A page without one keeps its number."""
        self._open_pages += 1

    def note(self, sentence: str) -> None:
        """Keep a sentence on what was not read."""
        self._notes.append(one_line(clean(sentence)))

    def build(self, *, kind: str, title: str, attachments: Sequence[str] = ()) -> Content:
        """Return what was collected."""
        self._page_starts.extend([self._length] * self._open_pages)
        return Content(
            kind,
            one_line(clean(title)),
            "".join(self._parts),
            tuple(self._page_starts),
            tuple(self._headings),
            tuple(self._notes),
            tuple(one_line(clean(name)) for name in attachments),
        )

    def _append(self, text: str, separator: str) -> None:
        check_length(self._length + len(text))
        if self._parts:
            self._parts.append(separator)
            self._length += len(separator)
        self._page_starts.extend([self._length] * self._open_pages)
        self._open_pages = 0
        self._headings.extend(Heading(self._length, level, title) for level, title in self._marks)
        self._marks.clear()
        self._parts.append(text)
        self._length += len(text)
