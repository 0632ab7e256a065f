"""Rows of question files through a child process: a hang, a crash or a bomb costs one file and one line."""

from __future__ import annotations

import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from engine.documents.children import command_of, end_child, start_child
from engine.documents.frames import read_frame, write_frame
from engine.errors import QuestionError
from engine.questions.columns import Header
from engine.questions.row_child import Batch, Request
from engine.questions.rows import Row

SILENCE_S = 120.0  # how long a file may give no row: reading a large JSON array or a shared string table takes a while
_FRAME_BYTES_MAX = 512 << 20
_FRAMES_AHEAD = 4  # read before they are asked for
_POLL_S = 0.05  # how long a wish to cancel may wait


@dataclass(frozen=True, slots=True)
class RowReader:
    """Reads question files."""

    check: Callable[[], None] = lambda: None  # may raise to give up at any time
    silence_s: float = SILENCE_S

    def rows(self, path: Path, header: Header = "auto") -> Iterator[Row]:
        """Yield the rows of the file at `path`. Raises QuestionError when it can't be read as a whole.

        Closing the iterator ends the child.
        """
        child = start_child(command_of("--rows", "engine.questions.row_child"))
        frames: queue.Queue[bytes | None] = queue.Queue(_FRAMES_AHEAD)
        ended = threading.Event()
        threading.Thread(target=_listen, args=(child, frames, ended), name="question rows", daemon=True).start()
        try:
            assert child.stdin is not None  # opened as a pipe
            with suppress(OSError):  # it died at once: no frame will come
                write_frame(child.stdin, msgspec.json.encode(Request(str(path), header)))
            while True:
                batch = self._next(path, frames)
                yield from batch.rows
                if batch.ended:
                    break
            if batch.message:
                raise QuestionError(batch.message, hint=batch.hint)
        finally:
            ended.set()
            end_child(child)

    def _next(self, path: Path, frames: queue.Queue[bytes | None]) -> Batch:
        """Wait for the next batch. The time a pause takes doesn't count against the file."""
        waited_s = 0.0
        while waited_s < self.silence_s:
            self.check()
            began = time.monotonic()
            try:
                frame = frames.get(timeout=_POLL_S)
            except queue.Empty:
                waited_s += time.monotonic() - began
                continue
            if frame is None:
                raise QuestionError(
                    f"{path.name} made its reader crash.",
                    hint="It may be damaged or hostile. Open it in its own program, save it again and import that.",
                )
            return msgspec.json.decode(frame, type=Batch)
        raise QuestionError(
            f"{path.name} gave no question for {self.silence_s:.0f} seconds.",
            hint="Save it as JSONL or CSV, or split it into smaller files, and import that.",
        )


def _listen(child: subprocess.Popen[bytes], frames: queue.Queue[bytes | None], ended: threading.Event) -> None:
    """Pass the child's frames on; None when it ended or broke the protocol."""
    assert child.stdout is not None  # opened as a pipe
    frame: bytes | None = b""
    while frame is not None and not ended.is_set():
        try:
            frame = read_frame(child.stdout, size_bytes_max=_FRAME_BYTES_MAX)
        except (OSError, ValueError):  # closed under us, or an impossible length
            frame = None
        while not ended.is_set():
            with suppress(queue.Full):
                frames.put(frame, timeout=_POLL_S)
                break
