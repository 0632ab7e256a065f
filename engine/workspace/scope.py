"""Where a question looks: within chosen documents, folders, tags and dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from engine.errors import QuestionError


@dataclass(frozen=True, slots=True)
class Scope:
    """What a document must be for its passages to be found. What is empty doesn't limit; what isn't, all must hold."""

    documents: tuple[str, ...] = ()  # ids or paths
    folders: tuple[str, ...] = ()  # absolute; their sub-folders too
    tags: tuple[str, ...] = ()  # any of them
    since: str = ""  # ISO dates, both days included; a document without a date is in no span of time
    until: str = ""

    @property
    def limits(self) -> bool:
        """Whether anything is left out."""
        return self != EVERYTHING

    def checked(self) -> Scope:
        """Return the scope. Raises QuestionError for a date that is none."""
        for day in (self.since, self.until):
            try:
                if day:
                    date.fromisoformat(day)
            except ValueError as error:
                raise QuestionError(f"{day!r} is no date.", hint="Write it as 2026-11-22.") from error
        if self.since and self.until and self.since > self.until:
            raise QuestionError(f"{self.since} is after {self.until}.", hint="Give the earlier date first.")
        return self


EVERYTHING = Scope()
