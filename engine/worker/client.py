"""The window's side of the worker: starts the process, hands it jobs, and starts it again when it dies. Knows no Qt."""

from __future__ import annotations

import contextlib
import itertools
import queue
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.errors import WorkerError
from engine.jobs import Job
from engine.worker.catalogue import JOBS, Entry, entry_of, result_type
from engine.worker.process import WorkerProcess, own_command
from engine.worker.protocol import Message, Opened, Opening, encoded, read_message
from engine.worker.ticket import End, Failed, Finished, Stopped, Ticket

TERM_AFTER_S = 1.5  # a cancelled job has this long to end by itself; a batch deep in native code may not
KILL_AFTER_S = 2.0
REOPEN_PATIENCE_S = 5.0
YOUNG_S = 10.0  # a worker that dies younger than this did not get going
MAX_YOUNG_DEATHS = 3
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows has the one


class WorkerClient:
    """Keeps one worker alive. Every public method returns at once: one thread of its own starts, sends and restarts."""

    def __init__(
        self,
        command: Sequence[str] | None = None,
        *,
        jobs: Mapping[str, Entry] = JOBS,
        log_path: Path | None = None,
        on_reopening: Callable[[Ticket], None] = lambda ticket: None,
    ) -> None:
        """`command` starts the worker, by default this program's own; its stderr goes to `log_path`.

        `on_reopening` is called from a thread of the client's when the workspace is opened again that a dead worker
        had open, or that was closed for another that can't be opened.
        """
        self._jobs = jobs
        self._command = list(command) if command else own_command()
        self._log_path = log_path
        self._on_reopening = on_reopening
        self._ids = itertools.count(1)
        self._tickets: dict[int, Ticket] = {}
        self._guard = threading.Lock()
        self._acts: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._process: WorkerProcess | None = None
        self._opening: Opening | None = None  # of the workspace that is open, and opened again when it was lost
        self._opener: Ticket | None = None  # of the opening that the process has done or is at
        self._settling = False  # an opening is under way
        self._held: list[Ticket] = []  # jobs that wait for it: one that fails is followed by a reopening
        self._reopening: Ticket | None = None  # outlives a worker that dies over it: the next one tries again
        self._young_deaths = 0
        self._closed = False
        self._keeper = threading.Thread(target=self._keep, name="worker keeper", daemon=True)
        self._keeper.start()

    @property
    def process_id(self) -> int | None:
        """The worker's process id, None while there is none."""
        process = self._process
        return process.id if process else None

    def start(self) -> None:
        """Start the worker, so that it warms up before it is needed."""
        self._acts.put(self._ensure_started)

    def open_workspace(self, opening: Opening) -> Ticket:
        """Open or create a workspace, in a fresh worker if this one has another open: the data of two never meet.

        When that fails, what was open is opened again.
        """
        ticket = self._new_opening(lambda ticket, end: self._note_opened(ticket, opening, end))
        self._acts.put(lambda: self._open(opening, ticket))
        return ticket

    def submit(self, job: Job[Any]) -> Ticket:
        """Hand over a job; it runs in the lane its kind belongs to."""
        entry = entry_of(type(job).__name__, self._jobs)
        ticket = Ticket(
            self,
            job_id=next(self._ids),
            job=job,
            lane=entry.lane,
            result=result_type(type(job)),
            ends_worker=entry.ends_worker,
        )
        self._add_ticket(ticket)
        self._acts.put(lambda: self._run(ticket))
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Ask the worker to cancel, and see to it that it does."""
        self._acts.put(lambda: self._cancel(ticket))

    def send(self, message: Message) -> None:
        """Send a message that has no ticket of its own."""
        self._acts.put(lambda: self._write(message))

    def close(self, patience_s: float = KILL_AFTER_S) -> None:
        """End the worker and wait for it: shut down, then TERM, then KILL within `patience_s`."""
        self._closed = True
        self._acts.put(lambda: self._end_process(patience_s))
        self._acts.put(None)
        self._keeper.join(patience_s + 1)
        self._end_all(Stopped())

    # Below here everything runs in the keeper's thread, except what `_read` does.

    def _keep(self) -> None:
        while (act := self._acts.get()) is not None:
            act()

    def _new_opening(self, note: Callable[[Ticket, End], None]) -> Ticket:
        """`note` is called in the keeper's thread when the opening has ended."""
        ticket = Ticket(
            self,
            job_id=next(self._ids),
            job=None,
            lane="query",
            result=Opened,
            on_end=lambda end: self._acts.put(lambda: note(ticket, end)),
        )
        self._add_ticket(ticket)
        return ticket

    def _add_ticket(self, ticket: Ticket) -> None:
        with self._guard:
            self._tickets[ticket.id] = ticket
        if self._closed:
            self._end_ticket(ticket, Stopped())

    def _ensure_started(self) -> bool:
        if self._process is not None:
            return True
        try:
            self._process = process = WorkerProcess(self._command, log_path=self._log_path)
        except OSError as error:
            wrong = WorkerError(f"The engine can't be started: {error.strerror}.", hint="Install Vademecum again.")
            self._end_all(Failed(wrong))
            return False
        threading.Thread(target=self._read, args=(process,), name="worker reader", daemon=True).start()
        return True

    def _open(self, opening: Opening, ticket: Ticket) -> None:
        if self._opener is not None:
            self._end_process(KILL_AFTER_S)
        for held in self._held:  # they were for the workspace that closes
            self._end_ticket(held, Stopped())
        self._held.clear()
        self._young_deaths = 0
        self._send_opening(opening, ticket)

    def _note_opened(self, ticket: Ticket, opening: Opening, end: End) -> None:
        if ticket is not self._opener:  # another opening came after it, or its worker died and was replaced
            return
        if isinstance(end, Finished):
            self._opening = replace(opening, create=False, name=None, patience_s=REOPEN_PATIENCE_S)
            self._settle()
        else:
            self._opener = None
            self._reopen()

    def _reopen(self) -> None:
        """Open again what was open; without that the window would show a workspace that isn't there."""
        if self._opening is None:
            self._settle()
            return
        if self._reopening is None or self._reopening.ended:
            self._reopening = self._new_opening(self._note_reopened)
            self._on_reopening(self._reopening)
        self._send_opening(self._opening, self._reopening)

    def _note_reopened(self, ticket: Ticket, end: End) -> None:
        if ticket is not self._opener:
            return
        if not isinstance(end, Finished):
            self._opener = self._opening = None
        self._settle()

    def _settle(self) -> None:
        """Have done what was asked for while an opening was under way."""
        self._settling, held, self._held = False, self._held, []
        for ticket in held:
            self._run(ticket)

    def _send_opening(self, opening: Opening, ticket: Ticket) -> None:
        self._opener, self._settling = ticket, True
        self._send_request(ticket, Message("open", ticket.id, body=encoded(opening)))

    def _run(self, ticket: Ticket) -> None:
        if self._settling:
            self._held.append(ticket)
            return
        name = type(ticket.job).__name__
        self._send_request(ticket, Message("run", ticket.id, name, encoded(ticket.job)))
        if ticket.paused:
            self._write(Message("pause", ticket.id))

    def _send_request(self, ticket: Ticket, message: Message) -> None:
        if ticket.ended:
            return
        if ticket.cancel_asked:
            self._end_ticket(ticket, Stopped())
        elif self._young_deaths >= MAX_YOUNG_DEATHS:
            self._end_ticket(ticket, Failed(self._cannot_start()))
        elif self._ensure_started():
            ticket.sent = True
            self._write(message)

    def _write(self, message: Message) -> None:
        if self._process is not None:
            self._process.write(message)

    def _cancel(self, ticket: Ticket) -> None:
        if ticket.ended:
            return
        if not ticket.sent:
            self._end_ticket(ticket, Stopped())
            return
        self._write(Message("cancel", ticket.id))
        process = self._process
        if ticket.ends_worker:
            _later(TERM_AFTER_S, lambda: _signal_unless_ended(ticket, process, signal.SIGTERM))
            _later(KILL_AFTER_S, lambda: _signal_unless_ended(ticket, process, KILL))
        else:  # nobody waits for it any more; to end the process over it would end the work beside it
            _later(TERM_AFTER_S, lambda: self._end_ticket(ticket, Stopped()))

    def _read(self, process: WorkerProcess) -> None:
        """Take in replies until the pipe ends. Its own thread, one a worker."""
        with contextlib.suppress(WorkerError, OSError, ValueError):
            while (message := read_message(process.replies)) is not None:
                with self._guard:
                    ticket = self._tickets.get(message.id)
                if ticket is not None:
                    ticket.hear(message)
                    self._forget_if_ended(ticket)
        self._acts.put(lambda: self._bury(process))

    def _bury(self, process: WorkerProcess) -> None:
        """See a dead worker off, tell those who waited for it, and start the next, which does what had not begun."""
        if process is not self._process:
            return
        self._process = self._opener = None
        manner = process.bury()
        young = process.age_s < YOUNG_S
        lost = self._sent_tickets()
        asked = any(ticket.cancel_asked for ticket in lost)
        self._young_deaths = self._young_deaths + 1 if young and not asked else 0
        error = WorkerError(
            f"The engine's process ended unexpectedly ({manner}). The work was interrupted and can be resumed.",
            hint="Start the same job again: it continues where it stopped.",
        )
        unharmed = [one for one in lost if one.job is not None and not one.begun and not one.cancel_asked]
        for ticket in lost:
            if ticket not in unharmed and ticket is not self._reopening:
                self._end_ticket(ticket, Stopped() if ticket.cancel_asked else Failed(error))
        self._reopen()
        for ticket in unharmed:
            ticket.sent = False
            self._run(ticket)
        if self._young_deaths < MAX_YOUNG_DEATHS:
            self._ensure_started()

    def _end_process(self, patience_s: float) -> None:
        process, self._process = self._process, None
        self._opener = None
        if process is None:
            return
        process.shut_down(patience_s)
        for ticket in self._sent_tickets():
            self._end_ticket(ticket, Stopped())

    def _sent_tickets(self) -> list[Ticket]:
        with self._guard:
            return [ticket for ticket in self._tickets.values() if ticket.sent]

    def _end_ticket(self, ticket: Ticket, end: End) -> None:
        ticket.end(end)
        self._forget_if_ended(ticket)

    def _forget_if_ended(self, ticket: Ticket) -> None:
        if ticket.ended:
            with self._guard:
                self._tickets.pop(ticket.id, None)

    def _end_all(self, end: End) -> None:
        with self._guard:
            tickets = list(self._tickets.values())
        for ticket in tickets:
            self._end_ticket(ticket, end)

    def _cannot_start(self) -> WorkerError:
        where = f" Its log is {self._log_path}." if self._log_path else ""
        return WorkerError(
            "The engine's process ends as soon as it is started.",
            hint=f"Open the workspace again; if that doesn't help, install Vademecum again.{where}",
        )


def _later(after_s: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(after_s, act)
    timer.daemon = True
    timer.start()


def _signal_unless_ended(ticket: Ticket, process: WorkerProcess | None, number: int) -> None:
    if not ticket.ended and process is not None:
        process.signal(number)
