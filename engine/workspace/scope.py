"""Where a question looks: within chosen documents, folders, tags and dates."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from engine.errors import QuestionError


@dataclass(frozen=True, slots=True)
class Scope:
    """What a document must be for its passages to be found. What is empty doesn't limit; what isn't, all must hold."""

    documents: tuple[str, ...] = ()  # ids or paths
    folders: tuple[str, ...] = ()  # as documents' paths are stored; their sub-folders too
    tags: tuple[str, ...] = ()  # any of them
    since: str = ""  # ISO dates, both days included; a document without a date is in no span of time
    until: str = ""

    @property
    def limits(self) -> bool:
        """Whether anything is left out."""
        return self != EVERYTHING

    def checked(self) -> Scope:
        """Return the scope as it can be looked up: dates as they are stored, names without what is no text.

        Raises QuestionError for a date that is none.
        """
        since, until = _iso_date(self.since), _iso_date(self.until)
        if since and until and since > until:
            raise QuestionError(f"{since} is after {until}.", hint="Give the earlier date first.")
        documents, folders, tags = (
            tuple(name.encode("utf-8", errors="surrogatepass").decode("utf-8", errors="replace") for name in names)
            for names in (self.documents, self.folders, self.tags)
        )
        return Scope(documents, folders, tags, since, until)


def _iso_date(day: str) -> str:
    try:
        return day and date.fromisoformat(day).isoformat()
    except ValueError as error:
        raise QuestionError(f"{day!r} is no date.", hint="Write it as 2026-11-22.") from error


EVERYTHING = Scope()


def stored_path(path: str | Path) -> str:
    """Return a path as documents are stored under it: absolute, and without `..`."""
    return os.path.normpath(Path(path).absolute())
