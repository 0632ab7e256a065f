"""The window's way to the worker: hands over jobs and keeps account of those that run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.job_thread import JobThread
from engine.jobs import Job
from engine.worker.client import WorkerClient
from engine.worker.protocol import Opening
from engine.worker.ticket import Ticket


class JobQueue(QObject):
    """Runs jobs in the worker's lanes: heavy ones one at a time, chat and queries beside them."""

    heavy_queued = Signal(object)  # JobThread: waits or runs in the heavy lane
    heavy_ended = Signal(object)  # JobThread
    broke = Signal(str)  # traceback of a bug in any job
    reopening = Signal(object)  # JobThread: a workspace is opened again that was lost with its worker
    _reopening_begun = Signal(object)  # Ticket, from a thread of the client's

    def __init__(
        self, parent: QObject | None = None, *, client: WorkerClient | None = None, log_path: Path | None = None
    ) -> None:
        """`client` stands in for the real worker in tests."""
        super().__init__(parent)
        self._reopening_begun.connect(self._watch_reopening)
        self._client = client or WorkerClient(log_path=log_path, on_reopening=self._reopening_begun.emit)
        self._threads: dict[int, JobThread] = {}
        self._closed = False

    @property
    def heavy(self) -> list[JobThread]:
        """The heavy jobs that wait or run, first come first."""
        return [thread for thread in self._threads.values() if thread.ticket.lane == "heavy"]

    @property
    def worker_process_id(self) -> int | None:
        """The worker's process id."""
        return self._client.process_id

    def start_worker(self) -> None:
        """Start the worker, so that it warms up before it is needed."""
        self._client.start()

    def run(self, job: Job[Any]) -> JobThread:
        """Hand over `job`. Connect to the returned thread's signals at once: it starts when the event loop is back."""
        return self._watch(self._client.submit(job))

    def open_workspace(self, opening: Opening) -> JobThread:
        """Open or create a workspace; its result is an Opened."""
        return self._watch(self._client.open_workspace(opening))

    def cancel_heavy(self) -> None:
        """Cancel every heavy job."""
        for thread in self.heavy:
            thread.cancel()

    def close(self) -> None:
        """End the worker, in two seconds at most, and wait for the threads."""
        self._closed = True
        self._client.close()
        for thread in list(self._threads.values()):
            thread.start()  # one that was handed over in this very moment; no effect on another
            thread.wait()

    def _watch_reopening(self, ticket: Ticket) -> None:
        self.reopening.emit(self._watch(ticket))

    def _watch(self, ticket: Ticket) -> JobThread:
        thread = JobThread(ticket, self)
        if self._closed:
            return thread  # never started: what a late signal asks for has no one to do it
        self._threads[ticket.id] = thread
        thread.broke.connect(self.broke)
        thread.finished.connect(self._forget)
        QTimer.singleShot(0, thread, thread.start)
        if ticket.lane == "heavy":
            self.heavy_queued.emit(thread)
        return thread

    def _forget(self) -> None:
        for thread in [thread for thread in self._threads.values() if thread.isFinished()]:
            del self._threads[thread.ticket.id]
            if thread.ticket.lane == "heavy":
                self.heavy_ended.emit(thread)
            thread.deleteLater()
