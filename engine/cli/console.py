"""Where a command writes: its result to stdout, progress and problems to stderr."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

from engine.errors import StorageError
from engine.jobs import Event, Measured, Progress, Skipped, Token

if TYPE_CHECKING:
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from engine.training.job import Estimate

_EVENT_PAUSE_S = 0.1  # between two progress events of one stage
_LINE_PAUSE_S = 10.0  # between two progress lines where there is no terminal


def to_json(value: object) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def in_words(seconds: float) -> str:
    """A duration as a person says it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


@dataclass(slots=True)
class Console:
    """Writes results and listens to a job. Nothing but results goes to stdout."""

    as_json: bool = False
    events: bool = False
    streaming: bool = False  # whether tokens of an answer are written as they come
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    streamed: str = ""
    _bars: Bars | None = None
    _tasks: dict[str, TaskID] = field(default_factory=dict)
    _last: dict[str, float] = field(default_factory=dict)  # stage → time of its last report

    def result(self, value: dict[str, Any], text: str) -> None:
        """Write the result of the command: one line of JSON, or text for people."""
        self.line(to_json(value) if self.as_json else text)

    def line(self, text: str) -> None:
        """Write one line to stdout. Raises StorageError when it can't be written."""
        self._put(text + "\n")

    def note(self, text: str) -> None:
        """Write one line for people to stderr."""
        self.err.write(text + "\n")
        self.err.flush()

    def estimated(self, estimate: Estimate) -> None:
        """Say what a training will take, before it starts."""
        if self.events:
            told = {"seconds": estimate.seconds, "memory_bytes": estimate.memory_bytes, "stages": estimate.stages}
            self.note(to_json({"event": "estimate", "free_bytes": estimate.free_bytes, **told}))
            return
        needed, free = (size / 2**30 for size in (estimate.memory_bytes, estimate.free_bytes))
        self.note(f"About {in_words(estimate.seconds)} and {needed:.1f} GB of memory; {free:.1f} GB are free.")

    def failed(self, kind: str, message: str, hint: str) -> None:
        """Say what went wrong and what to do next."""
        if self.as_json:
            with suppress(StorageError, BrokenPipeError):  # stderr has it too
                self.line(to_json({"error": {"type": kind, "message": message, "hint": hint}}))
        self.note(message)
        if hint:
            self.note(hint)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Show progress while a job runs, and keep what libraries print away from stdout."""
        if not self.events and self.err.isatty():
            self._bars = _bars(self.err)
            self._bars.start()
        try:
            with redirect_stdout(self.err):
                yield
        finally:
            self._end_bars()

    def listen(self, event: Event) -> None:
        """Take an event of the running job."""
        if isinstance(event, Token) and self.streaming and not self.as_json:
            self._end_bars()  # drawn once more, they would take the line that the answer is written on
            self.streamed += event.text
            self._put(event.text)
        if isinstance(event, Progress) and not self._due(event):
            return
        if self.events:
            self.note(to_json(_described(event)))
        elif isinstance(event, Skipped):
            self._say(f"Skipped {event.item}: {event.reason}")
        elif isinstance(event, Measured):
            self._say(f"Step {event.step}: " + ", ".join(f"{name} {value:.4g}" for name, value in event.values.items()))
        elif isinstance(event, Progress):
            self._show(event)

    def _end_bars(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None
            self._tasks.clear()

    def _put(self, text: str) -> None:
        try:
            self.out.write(text)
            self.out.flush()
        except OSError as error:
            divert(self.out)
            if isinstance(error, BrokenPipeError):
                raise
            raise StorageError(
                f"The output can't be written: {error.strerror}.",
                hint="Make room there, or send it elsewhere. What the command did is kept.",
            ) from error

    def _due(self, event: Progress) -> bool:
        now = time.monotonic()
        pause_s = _EVENT_PAUSE_S if self.events or self._bars is not None else _LINE_PAUSE_S
        if event.stage not in self._last and pause_s == _LINE_PAUSE_S:
            self._last[event.stage] = now  # what ends within ten seconds needs no line
            return False
        whole = event.total is not None and event.done >= event.total
        if now - self._last.get(event.stage, -pause_s) < pause_s and not (whole and pause_s == _EVENT_PAUSE_S):
            return False
        self._last[event.stage] = now
        return True

    def _show(self, event: Progress) -> None:
        left = "" if event.left_s is None else f", {in_words(event.left_s)} left"
        if self._bars is None:
            counted = str(event.done) if event.total is None else f"{event.done} of {event.total}"
            self.note(f"{event.stage}: {counted}{left}")
            return
        task = self._tasks.get(event.stage)
        if task is None:
            task = self._tasks[event.stage] = self._bars.add_task(event.stage, left="")
        self._bars.update(task, completed=event.done, total=event.total, left=left.removeprefix(", "))

    def _say(self, text: str) -> None:
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False)
        else:
            self.note(text)


def divert(stream: TextIO) -> None:
    """Let a stream that can't be written lead nowhere: the interpreter's last flush would fail again, aloud."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _described(event: Event) -> dict[str, Any]:
    if isinstance(event, Progress):
        return {
            "event": "progress",
            "stage": event.stage,
            "done": event.done,
            "total": event.total,
            "left_s": event.left_s,
        }
    if isinstance(event, Measured):
        return {"event": "measured", "step": event.step, "values": event.values}
    if isinstance(event, Skipped):
        return {"event": "skipped", "item": event.item, "reason": event.reason}
    return {"event": "token", "text": event.text}


def _bars(err: TextIO) -> Bars:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[left]}"),
        console=RichConsole(file=err),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=True,
    )
