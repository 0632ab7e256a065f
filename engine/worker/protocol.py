"""What travels between the window's process and the worker: length-prefixed JSON messages, no pickle."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

import msgspec

from engine.errors import WorkerError
from engine.jobs import Event, Measured, Progress, Skipped, Token

_LENGTH = struct.Struct(">I")
MAX_FRAME_BYTES = 1 << 30  # a larger length is garbage, not a message

Lane = Literal["heavy", "chat", "query"]
LANES: tuple[Lane, ...] = ("heavy", "chat", "query")
Request = Literal["open", "run", "cancel", "pause", "resume", "shutdown"]
Reply = Literal["started", "event", "result", "error", "cancelled", "bug"]


class Message(msgspec.Struct, frozen=True):
    """One frame. A Struct and no dataclass: only there `Raw` leaves the body undecoded until its type is known."""

    kind: Request | Reply
    id: int = 0  # of the job; replies carry their request's
    name: str = ""  # class name of the job, of the event or of the error
    body: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Opening:
    """Which workspace to open or create. Never logged: it may hold the passphrase."""

    path: str
    passphrase: str | None = None
    create: bool = False
    name: str | None = None
    patience_s: float = 0.0  # how long a lock may still be held by a worker that is going

    def __repr__(self) -> str:
        return f"Opening({self.path!r})"


@dataclass(frozen=True, slots=True)
class Opened:
    """The open workspace, as the window's title needs it."""

    path: str
    id: str
    name: str
    protected: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """An EngineError on its way to the window."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class BugReport:
    """An exception nobody expected."""

    traceback: str


_EVENTS: dict[str, type[Event]] = {kind.__name__: kind for kind in (Progress, Measured, Skipped, Token)}


def encoded(value: object) -> msgspec.Raw:
    """Return `value` as the body of a message."""
    return msgspec.Raw(msgspec.json.encode(value))


def event_message(job_id: int, event: Event) -> Message:
    """Return `event` as a message. Values that are no number in JSON (a loss that became NaN) are left out."""
    if isinstance(event, Measured):
        event = replace(event, values={name: value for name, value in event.values.items() if math.isfinite(value)})
    return Message("event", job_id, type(event).__name__, encoded(event))


def event_of(message: Message) -> Event:
    """Return the event that `message` carries."""
    return msgspec.json.decode(message.body, type=_EVENTS[message.name])


def write_message(stream: BinaryIO, message: Message) -> None:
    """Write one frame and flush it. Raises OSError or ValueError when the other side is gone."""
    payload = msgspec.json.encode(message)
    stream.write(_LENGTH.pack(len(payload)) + payload)
    stream.flush()


def read_message(stream: BinaryIO) -> Message | None:
    """Read one frame; None at the end of the stream. Raises WorkerError when what arrives is no message."""
    prefix = _read_exactly(stream, _LENGTH.size)
    if prefix is None:
        return None
    (length,) = _LENGTH.unpack(prefix)
    if length > MAX_FRAME_BYTES:
        raise WorkerError("The engine's process sent something that is no message.", hint="Start Vademecum again.")
    payload = _read_exactly(stream, length)
    if payload is None:
        return None
    try:
        return msgspec.json.decode(payload, type=Message)
    except msgspec.DecodeError as error:
        raise WorkerError(
            "The engine's process sent something that is no message.", hint="Start Vademecum again."
        ) from error


def _read_exactly(stream: BinaryIO, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        part = stream.read(size)
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
