"""Lanes: each runs its tasks one after the other, beside the other lanes; and the reporter that thins what is told."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from engine.jobs import Event, Job, Monitor, Progress, Token
from engine.worker.protocol import Lane

REPORT_EVERY_S = 0.05  # progress and tokens at 20 Hz: more is only work for the window
HEAVY_NICENESS = 5  # training gives way to the window and to answers


@dataclass(slots=True)
class Task:
    """One job of a lane."""

    id: int
    job: Job[Any]
    tensors: bool
    monitor: Monitor = field(default_factory=Monitor)


class Reporter:
    """Passes a job's events on, joining tokens and thinning progress to what an eye can follow."""

    def __init__(self, send: Callable[[Event], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._send = send
        self._clock = clock
        self._sent_s = {"progress": -1.0, "token": -1.0}
        self._stage = ""
        self._late: Progress | None = None
        self._tokens: list[str] = []

    def report(self, event: Event) -> None:
        """Send `event`, or keep it for the next moment when one like it was sent just now."""
        if isinstance(event, Token):
            self._tokens.append(event.text)
            if self._due("token"):
                self._send_tokens()
        elif isinstance(event, Progress):
            self._late = event
            if event.stage != self._stage or event.done == event.total or self._due("progress"):
                self._send_progress()
        else:
            self._send(event)

    def flush(self) -> None:
        """Send what was kept."""
        self._send_tokens()
        self._send_progress()

    def _due(self, what: str) -> bool:
        return self._clock() - self._sent_s[what] >= REPORT_EVERY_S

    def _send_tokens(self) -> None:
        if self._tokens:
            self._send(Token("".join(self._tokens)))
            self._tokens.clear()
            self._sent_s["token"] = self._clock()

    def _send_progress(self) -> None:
        if self._late is not None:
            self._send(self._late)
            self._stage = self._late.stage
            self._late = None
            self._sent_s["progress"] = self._clock()


class LaneThread(threading.Thread):
    """Runs the tasks of one lane, one after the other."""

    def __init__(self, lane: Lane, run_task: Callable[[Task], None]) -> None:
        super().__init__(name=f"{lane} lane", daemon=True)
        self._lane = lane
        self._run_task = run_task
        self._waiting: deque[Task] = deque()
        self._running: Task | None = None
        self._changed = threading.Condition()

    def add(self, task: Task) -> None:
        """Queue `task`."""
        with self._changed:
            self._waiting.append(task)
            self._changed.notify()

    def find(self, job_id: int) -> Task | None:
        """Return the running or waiting task `job_id`."""
        with self._changed:
            held = [*self._waiting, *([self._running] if self._running else [])]
            return next((task for task in held if task.id == job_id), None)

    def take_back(self, job_id: int) -> bool:
        """Remove the task `job_id` if it still waits. Returns whether it did."""
        with self._changed:
            waiting = next((task for task in self._waiting if task.id == job_id), None)
            if waiting is not None:
                self._waiting.remove(waiting)
            return waiting is not None

    def cancel_all(self) -> None:
        """Drop what waits and cancel what runs."""
        with self._changed:
            self._waiting.clear()
            if self._running is not None:
                self._running.monitor.cancel()

    def run(self) -> None:
        """Run tasks for ever."""
        if self._lane == "heavy" and sys.platform == "linux":
            # On Linux a thread has its own niceness, and the threads that OpenMP starts for it inherit it.
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HEAVY_NICENESS)
        while True:
            with self._changed:
                self._running = None
                self._changed.wait_for(lambda: self._waiting)
                self._running = task = self._waiting.popleft()
            self._run_task(task)
