"""Files to Content through the parser child: a hang, a crash or a bomb costs one file and one line."""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import NoReturn

import msgspec
import psutil
from msgspec.structs import replace

from engine.documents.children import command_of, end_child, start_child
from engine.documents.content import Content
from engine.documents.frames import read_frame, write_frame
from engine.documents.page_drawing import Draw, Drawn
from engine.documents.parser_child import Reply, Request
from engine.errors import DocumentError, PasswordError

SILENCE_S = 60.0  # how long the child may compute, or do nothing, without a word
_REPLY_BYTES_MAX = 512 << 20
_POLL_S = 0.05  # how long a wish to cancel may wait
_LOOK_EVERY_S = 1.0
_IDLE_S = 0.005  # of computing within a second: less is doing nothing
_CPU_TIME_IS_UP = getattr(signal, "SIGXCPU", 0)


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file's content and the SHA-256 (hex) of the bytes it was made of."""

    content: Content
    digest: str
    original: bytes | None = None  # to be kept in place of the file, where that opens with a password only


@dataclass(slots=True)
class Reader:
    """Reads files one after the other in a child process, which starts with the first and is replaced when it dies.

    Use it as a context manager: leaving it ends the child.
    """

    silence_s: float = SILENCE_S
    passwords: tuple[str, ...] = field(default=(), repr=False)  # tried on each file that asks for one
    _child: subprocess.Popen[bytes] | None = None
    _files_read: int = 0  # by this child
    _drawn: str = ""  # name of the file the child drew a page of
    _replies: queue.SimpleQueue[bytes | None] = field(default_factory=queue.SimpleQueue)

    def read(
        self,
        path: Path,
        *,
        attachment: tuple[int, ...] = (),
        check: Callable[[], None] = lambda: None,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> ReadFile:
        """Return the content of the file at `path`, or of a file attached to it. Raises DocumentError.

        `check` may raise to give up at any time; `progress` hears how much of a large file is read.
        """
        request = msgspec.json.encode(Request(str(path), attachment, self.passwords))
        try:
            reply = self._reply(path, request, check, progress)
            if self._files_read > 1 and (reply.unforeseen if reply else not self._ran_out_of_time()):
                self.close()  # the files before it may have left too little memory
                reply = self._reply(path, request, check, progress)
            if reply is None:
                self._given_up(path)
        except BaseException:
            # A reply that was not waited for must never be taken for the next file's.
            self.close()
            raise
        if reply.content is None:
            raise (PasswordError if reply.wants_password else DocumentError)(reply.message, hint=reply.hint)
        return ReadFile(reply.content, reply.digest, reply.original)

    def _reply(
        self, path: Path, request: bytes, check: Callable[[], None], progress: Callable[[int, int], None]
    ) -> Reply | None:
        """Ask the child for a file; None when it ended."""
        child = self._running()
        self._files_read += 1
        assert child.stdin is not None  # opened as a pipe
        try:
            write_frame(child.stdin, request)
        except OSError:  # it died since the last file
            return None
        return self._wait(path, check, progress)

    def draw(self, request: Draw, load: Callable[[], bytes], *, check: Callable[[], None] = lambda: None) -> Drawn:
        """Return a page drawn, with the boxes of the span asked for. Raises DocumentError.

        `load` brings the file's bytes where the child hasn't them from the page before.
        """
        child = self._running()
        sends_file = self._drawn != request.name
        try:
            assert child.stdin is not None  # opened as a pipe
            frame: bytes | None = None
            with suppress(OSError):  # it died since the last page
                write_frame(child.stdin, msgspec.json.encode(replace(request, sends_file=sends_file)))
                if sends_file:
                    write_frame(child.stdin, load())
                frame = self._next_frame(Path("The page"), check)
        except BaseException:
            self.close()
            raise
        if frame is None:
            self._given_up(Path("The page"))
        self._drawn = request.name
        drawn = msgspec.json.decode(frame, type=Drawn)
        if drawn.message:
            raise DocumentError(drawn.message, hint=drawn.hint)
        return drawn

    def close(self) -> None:
        """End the child."""
        self._drawn = ""
        child, self._child = self._child, None
        if child is None:
            return
        end_child(child)

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self.close()
        # An own queue for each child: nothing a dead one left can be taken for the new one's.
        self._replies = queue.SimpleQueue()
        self._child, self._files_read = start_child(child_command()), 0
        threading.Thread(target=_listen, args=(self._child, self._replies), name="parser replies", daemon=True).start()
        return self._child

    def _wait(self, path: Path, check: Callable[[], None], progress: Callable[[int, int], None]) -> Reply | None:
        """Wait for the last reply; None when the child ended."""
        while (frame := self._next_frame(path, check)) is not None:
            reply = msgspec.json.decode(frame, type=Reply)
            if reply.content is not None or reply.message:
                return reply
            progress(reply.done, reply.total)
        return None

    def _next_frame(self, path: Path, check: Callable[[], None]) -> bytes | None:
        """Wait for a frame; None when the child ended.

        A file is charged with the time its child computes, and with the time it does nothing at all: on a busy machine
        it may have to wait for its turn, and a pause isn't its fault either.
        """
        charge = _Charge(self._child)
        while charge.seconds < self.silence_s:
            check()
            began = time.monotonic()
            try:
                return self._replies.get(timeout=_POLL_S)
            except queue.Empty:
                charge.add(time.monotonic() - began)
        self.close()
        raise _too_long(path)

    def _ran_out_of_time(self) -> bool:
        """Whether the system ended the child for computing too long."""
        child = self._child
        with suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before it ends
            return child is not None and child.wait(timeout=1) == -_CPU_TIME_IS_UP
        return False

    def _given_up(self, path: Path) -> NoReturn:
        too_long = self._ran_out_of_time()
        self.close()
        if too_long:
            raise _too_long(path)
        raise DocumentError(
            f"{path.name} made its reader crash.",
            hint="It may be damaged or hostile. Open it in its own program, save it again and import that.",
        )


class _Charge:
    """What a file has cost so far, in seconds."""

    def __init__(self, child: subprocess.Popen[bytes] | None) -> None:
        self.seconds = 0.0
        self._process: psutil.Process | None = None
        with suppress(psutil.Error):  # it just ended
            self._process = psutil.Process(child.pid) if child is not None else None
        self._waited_s = 0.0
        self._computed_s = self._computing_s()

    def add(self, waited_s: float) -> None:
        """Take in some waiting; once a second, look at what the child did meanwhile."""
        self._waited_s += waited_s
        if self._waited_s >= _LOOK_EVERY_S:
            computed_s = self._computing_s()
            done_s = computed_s - self._computed_s
            self.seconds += done_s if done_s > _IDLE_S else self._waited_s
            self._waited_s, self._computed_s = 0.0, computed_s

    def _computing_s(self) -> float:
        try:
            times = self._process.cpu_times() if self._process is not None else None
        except psutil.Error:  # it just ended
            return 0.0
        return times.user + times.system if times is not None else 0.0


def _too_long(path: Path) -> DocumentError:
    return DocumentError(
        f"{path.name} takes too long to read.",
        hint="Split it into smaller files, or print it to a new PDF, and import that.",
    )


def child_command() -> list[str]:
    """The command that starts the parser child: this interpreter, or the frozen program with `--parser`."""
    return command_of("--parser", "engine.documents.parser_child")


def _listen(child: subprocess.Popen[bytes], replies: queue.SimpleQueue[bytes | None]) -> None:
    """Pass the child's replies on; None when it ended or broke the protocol."""
    assert child.stdout is not None  # opened as a pipe
    try:
        while (frame := read_frame(child.stdout, size_bytes_max=_REPLY_BYTES_MAX)) is not None:
            replies.put(frame)
    except (OSError, ValueError):  # closed under us, or an impossible length
        pass
    replies.put(None)
