"""A second process of the parser child, forked before it has read anything: it lays out part of a long PDF's pages.

It is capped like the child and dies with it. What it doesn't answer, the child does itself. Linux only: elsewhere no
process is to be forked like this.
"""

from __future__ import annotations

import mmap
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


class Asked(msgspec.Struct, frozen=True):
    """A file to lay out pages of; `digest` is the SHA-256 (hex) of its bytes."""

    path: str
    digest: str


@dataclass(slots=True)
class Untouched:
    """The pages nobody has begun with: the child takes them from the front, the assistant from the back.

    The numbers lie in memory that both see. They need no lock, as each process writes but one of them while the other
    looks: at worst both lay out the page at which they meet.
    """

    _ends: memoryview

    @classmethod
    def create(cls, count: int = 0) -> Untouched:
        """Make the pages up to `count`, in memory that a process forked later shares."""
        untouched = cls(memoryview(mmap.mmap(-1, 16)).cast("q"))
        untouched.set(count)
        return untouched

    def set(self, count: int) -> None:
        """Have the pages up to `count`; not while the assistant takes any."""
        self._ends[0], self._ends[1] = 0, count

    def clear(self) -> None:
        """Have none, whatever the assistant is about to take."""
        self._ends[0] = sys.maxsize

    def take_first(self) -> int | None:
        """Take the first page; None when there is none left."""
        first, end = self._ends
        if first >= end:
            return None
        self._ends[0] = first + 1
        return first

    def take_last(self) -> int | None:
        """Take the last page; None when there is none left."""
        first, end = self._ends
        if first >= end:
            return None
        self._ends[1] = end - 1
        return end - 1


Serve = Callable[[BinaryIO, BinaryIO, Untouched], None]


@dataclass(slots=True)
class Assistant:
    """The child's side of the two pipes."""

    untouched: Untouched
    _requests: BinaryIO
    _replies: BinaryIO
    _is_owing: bool = False  # answers, be it to a file that failed before they were fetched

    @classmethod
    def fork(cls, serve: Serve, *, without: Sequence[BinaryIO]) -> Assistant | None:
        """Start the second process, which runs `serve` and has none of the streams `without`; None where it can't."""
        if sys.platform != "linux" or (os.cpu_count() or 1) < 2:
            return None
        import fcntl  # not on Windows

        asked, asking = os.pipe()
        answered, answering = os.pipe()
        with suppress(OSError):  # else an answer waits until the child is done with a page of its own
            fcntl.fcntl(answered, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        untouched = Untouched.create()
        if os.fork():
            os.close(asked)
            os.close(answering)
            return cls(untouched, os.fdopen(asking, "wb"), os.fdopen(answered, "rb", buffering=0))
        try:
            os.close(asking)
            os.close(answered)
            for stream in without:
                os.close(stream.fileno())
            serve(os.fdopen(asked, "rb"), os.fdopen(answering, "wb"), untouched)
        finally:
            os._exit(0)

    def ask(self, asked: Asked, *, count: int) -> bool:
        """Share a file of `count` pages. Returns whether the request was taken."""
        self.untouched.clear()
        while self.answer():  # to a file that failed: never to be taken for this one's
            pass
        self.untouched.set(count)
        try:
            write_frame(self._requests, msgspec.json.encode(asked))
        except OSError:  # it is gone
            return False
        self._is_owing = True
        return True

    def has_answer(self) -> bool:
        """Whether `answer` would not have to wait."""
        return not self._is_owing or bool(select.select([self._replies], [], [], 0)[0])

    def answer(self) -> bytes:
        """Wait for the next answer; empty after the last, and when the process is gone."""
        try:
            frame = read_frame(self._replies, size_bytes_max=_REPLY_BYTES_MAX) if self._is_owing else None
        except (OSError, ValueError):
            frame = None
        self._is_owing = bool(frame)
        return frame or b""
