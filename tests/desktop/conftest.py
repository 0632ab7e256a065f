"""A worker that answers what a test tells it to, at once and in the test's own process."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from desktop.job_queue import JobQueue
from desktop.theme import apply_theme
from engine.errors import EngineError
from engine.jobs import Event, Job
from engine.worker.catalogue import JOBS
from engine.worker.protocol import Message, Opened, Opening, encoded, event_message
from engine.worker.ticket import Failed, Stopped, Ticket


class FakeClient:
    """Stands in for WorkerClient. What a kind of job ends in is told by `ends`; others wait until told."""

    process_id = 1

    def __init__(self) -> None:
        self.ends: dict[str, object] = {}
        self.handed: list[Job[Any]] = []
        self.tickets: dict[str, Ticket] = {}  # the newest of each kind of job
        self.sent: list[str] = []
        self.opened: list[Opening] = []
        self.closed = False
        self._all: list[Ticket] = []

    def start(self) -> None:
        """Do nothing: there is no process."""

    def submit(self, job: Job[Any]) -> Ticket:
        """Take the job, and end it as told."""
        name = type(job).__name__
        self.handed.append(job)
        ticket = self.tickets[name] = self._ticket(job, JOBS[name].lane)
        if name in self.ends:
            self.end(name, self.ends[name])
        return ticket

    def open_workspace(self, opening: Opening) -> Ticket:
        """Open any workspace, with the end told for "open" if there is one."""
        self.opened.append(opening)
        ticket = self.tickets["open"] = self._ticket(None, "query")
        self.end("open", self.ends.get("open", Opened(opening.path, "w", opening.name or "Ward", False)))
        return ticket

    def reopen(self, queue: JobQueue, end: object) -> None:
        """Open the workspace again, as the client does by itself, with this end."""
        ticket = self.tickets["open"] = self._ticket(None, "query")
        queue._reopening_begun.emit(ticket)
        self.end("open", end)

    def tell(self, name: str, *events: Event) -> None:
        """Let the running job `name` report events."""
        for event in events:
            self.tickets[name].hear(event_message(self.tickets[name].id, event))

    def end(self, name: str, end: object) -> None:
        """End the job `name` with an error or a result."""
        ticket = self.tickets[name]
        if isinstance(end, EngineError):
            ticket.end(Failed(end))
        else:
            ticket._result = type(end) if not isinstance(end, tuple) else tuple[type(end[0]), ...] if end else tuple
            ticket.hear(Message("result", ticket.id, body=encoded(end)))

    def cancel(self, ticket: Ticket) -> None:
        """Cancel at once."""
        ticket.end(Stopped())

    def send(self, message: Message) -> None:
        """Note pause and resume."""
        self.sent.append(message.kind)

    def close(self) -> None:
        """End what still waits."""
        self.closed = True
        for ticket in self._all:
            ticket.end(Stopped())

    def handed_of(self, kind: type) -> list[Any]:
        """Return the jobs of a kind that were handed over."""
        return [job for job in self.handed if isinstance(job, kind)]

    def _ticket(self, job: Job[Any] | None, lane: Any) -> Ticket:
        number = len(self._all) + 1
        ticket = Ticket(self, job_id=number, job=job, lane=lane, result=object)
        self._all.append(ticket)
        return ticket


@pytest.fixture(autouse=True)
def _garbage_is_collected_in_the_windows_thread() -> Iterator[None]:
    """As in the program, where desktop.garbage sees to it."""
    gc.disable()
    yield
    gc.collect()
    gc.enable()


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def jobs(qapp: QApplication, client: FakeClient) -> Iterator[JobQueue]:
    apply_theme(qapp)
    queue = JobQueue(client=client)  # type: ignore[arg-type]  # a stand-in
    yield queue
    queue.close()
