"""What a client holds of one job it handed over: a queue of what is heard of it, its end, and the levers to stop it."""

from __future__ import annotations

import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from engine import errors
from engine.errors import Cancelled, EngineError
from engine.jobs import Event, Job
from engine.worker.protocol import BugReport, Failure, Lane, Message, event_of


class Sender(Protocol):
    """What a ticket needs of the client that made it."""

    def cancel(self, ticket: Ticket) -> None:
        """Ask the worker to cancel, and see to it that it does."""
        ...

    def send(self, message: Message) -> None:
        """Send a message."""
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """The job left its lane's queue and runs."""


@dataclass(frozen=True, slots=True)
class Finished:
    """The job's end: its result."""

    result: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The job's end: an error for the person."""

    error: EngineError


@dataclass(frozen=True, slots=True)
class Stopped:
    """The job's end: cancelled, as asked."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The job's end: a bug."""

    traceback: str


End = Finished | Failed | Stopped | Broken


class BugError(Exception):
    """A bug in the worker, raised where a caller waits for a result. Its text is the worker's traceback."""


class Ticket:
    """One job handed to the worker: a queue of what is heard of it, and the levers to stop it."""

    def __init__(
        self,
        client: Sender,
        *,
        job_id: int,
        job: Job[Any] | None,
        lane: Lane,
        result: Any,
        ends_worker: bool = False,
        on_end: Callable[[End], None] = lambda end: None,
    ) -> None:
        """`ends_worker`: a worker deaf to its cancel is ended. `on_end` is called before anyone hears of the end."""
        self.id = job_id
        self.job = job
        self.lane = lane
        self.cancel_asked = False
        self.ends_worker = ends_worker
        self.sent = False
        self.paused = False
        self.begun = False
        self.ended = False
        self._client = client
        self._result = result
        self._on_end = on_end
        self._heard: queue.SimpleQueue[Event | Started | End] = queue.SimpleQueue()

    def cancel(self) -> None:
        """Ask the job to end. One deaf to it is waited for no more; over heavy work its worker is ended."""
        if not self.cancel_asked and not self.ended:
            self.cancel_asked = True
            self._client.cancel(self)

    def pause(self) -> None:
        """Hold the job at its next report."""
        self.paused = True
        self._client.send(Message("pause", self.id))

    def resume(self) -> None:
        """Let it go on."""
        self.paused = False
        self._client.send(Message("resume", self.id))

    def next(self, timeout_s: float | None = None) -> Event | Started | End | None:
        """Return the next thing heard; None when nothing was within `timeout_s`."""
        try:
            return self._heard.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def result(self, listen: Callable[[Event], None] = lambda event: None) -> Any:
        """Wait for the end. Raises what the job ended in: EngineError, Cancelled or BugError."""
        while True:
            heard = self._heard.get()
            if isinstance(heard, Finished):
                return heard.result
            if isinstance(heard, Failed):
                raise heard.error
            if isinstance(heard, Stopped):
                raise Cancelled
            if isinstance(heard, Broken):
                raise BugError(heard.traceback)
            if not isinstance(heard, Started):
                listen(heard)

    def hear(self, message: Message) -> None:
        """Take in a reply of the worker. Called by the reading thread: this is where large results are decoded."""
        try:
            heard = self._decoded(message)
        except (msgspec.DecodeError, KeyError, NameError, TypeError) as error:
            heard = Broken(f"The worker's reply {message.kind} {message.name} can't be read: {error}")
        if isinstance(heard, (Finished, Failed, Stopped, Broken)):
            self.end(heard)
            return
        self.begun = True
        self._heard.put(heard)

    def end(self, end: End) -> None:
        """End the ticket, once."""
        if not self.ended:
            self.ended = True
            self._on_end(end)
            self._heard.put(end)

    def _decoded(self, message: Message) -> Event | Started | End:
        if message.kind == "event":
            return event_of(message)
        if message.kind == "started":
            return Started()
        if message.kind == "result":
            return Finished(msgspec.json.decode(message.body, type=self._result))
        if message.kind == "error":
            return Failed(_error_of(message))
        if message.kind == "cancelled":
            return Stopped()
        return Broken(msgspec.json.decode(message.body, type=BugReport).traceback)


def _error_of(message: Message) -> EngineError:
    failure = msgspec.json.decode(message.body, type=Failure)
    kind = getattr(errors, message.name, EngineError)
    if not (isinstance(kind, type) and issubclass(kind, EngineError)):
        kind = EngineError
    return kind(failure.message, hint=failure.hint)
