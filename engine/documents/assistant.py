"""A second process of the parser child, forked before it has read anything: it lays out part of a long PDF's pages.

It is capped like the child and dies with it. What it doesn't answer, the child does itself. Linux only: elsewhere no
process is to be forked like this.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

from engine.documents.frames import read_frame, write_frame

_REPLY_BYTES_MAX = 512 << 20
_PIPE_BYTES = 1 << 20


class Pages(msgspec.Struct, frozen=True):
    """Pages of a file to lay out, from index `first` up to `last`; `digest` is the SHA-256 (hex) of its bytes."""

    path: str
    digest: str
    first: int
    last: int  # the same, when no more of the file are to come
    opens: bool = False  # whether they are the first of it


@dataclass(slots=True)
class Assistant:
    """The child's side of the two pipes."""

    _requests: BinaryIO
    _replies: BinaryIO
    _owed: int = 0  # answers not fetched yet, or never, because the file they belong to failed

    @classmethod
    def fork(cls, serve: Callable[[BinaryIO, BinaryIO], None], *, without: Sequence[BinaryIO]) -> Assistant | None:
        """Start the second process, which runs `serve` and has none of the streams `without`; None where it can't."""
        if sys.platform != "linux" or (os.cpu_count() or 1) < 2:
            return None
        import fcntl  # not on Windows

        asked, asking = os.pipe()
        answered, answering = os.pipe()
        with suppress(OSError):  # else an answer waits until the child is done with a page of its own
            fcntl.fcntl(answered, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        if os.fork():
            os.close(asked)
            os.close(answering)
            return cls(os.fdopen(asking, "wb"), os.fdopen(answered, "rb", buffering=0))
        try:
            os.close(asking)
            os.close(answered)
            for stream in without:
                os.close(stream.fileno())
            serve(os.fdopen(asked, "rb"), os.fdopen(answering, "wb"))
        finally:
            os._exit(0)

    def ask(self, pages: Pages) -> bool:
        """Hand pages over. Returns whether they were taken."""
        while pages.opens and self._owed:  # never to be taken for this file's
            self.answer()
        try:
            write_frame(self._requests, msgspec.json.encode(pages))
        except OSError:  # it is gone
            return False
        self._owed += 1
        return True

    def has_answer(self) -> bool:
        """Whether `answer` would not have to wait."""
        return bool(select.select([self._replies], [], [], 0)[0])

    def dismiss(self) -> None:
        """Say that no more pages of the file are to come: it need not be kept open."""
        with suppress(OSError):  # it is gone
            write_frame(self._requests, msgspec.json.encode(Pages("", "", first=0, last=0)))

    def answer(self) -> bytes | None:
        """Wait for the answer; None when the process is gone."""
        self._owed -= 1
        try:
            return read_frame(self._replies, size_bytes_max=_REPLY_BYTES_MAX)
        except (OSError, ValueError):
            return None
