"""What the reader of a format gets beside the bytes: passwords to try, and somewhere to say how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.documents.assistant import Assistant

_REPORT_EVERY_S = 0.1

Report = Callable[[int, int], None]  # how much of the file is read: done, total


@dataclass(slots=True)
class Reading:
    """One file being read."""

    passwords: tuple[str, ...] = ()
    listen: Callable[[int, int, bool], None] = lambda done, total, recognising: None
    path: str | None = None  # of the file itself, where it is one that others can open too
    assistant: Assistant | None = None
    opened: bytes | None = None  # set by the reader: the file without its password, to be kept in place of the original
    _reported_s: float = field(default_factory=time.monotonic)

    def report(self, done: int, total: int) -> None:
        """Say how much is read: ten times a second at most, and not of a file that is read at once."""
        now = time.monotonic()
        if now - self._reported_s >= _REPORT_EVERY_S:
            self._reported_s = now
            self.listen(done, total, False)

    def report_recognised(self, done: int, total: int) -> None:
        """Say that a page's words were recognised: the next page has its own time."""
        self._reported_s = time.monotonic()
        self.listen(done, total, True)
