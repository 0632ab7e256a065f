"""Job, Monitor and events: the one mechanism for progress, cancel, errors and resumption."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar

from engine.errors import Cancelled

if TYPE_CHECKING:
    from engine.session import Session

Item = TypeVar("Item")
Result_co = TypeVar("Result_co", covariant=True)

STILL_EVERY_S = 0.15  # how often work that can't say how far it is tells that it goes on


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a stage is. `left_s` is the time left in seconds, None while it can't be told."""

    stage: str
    done: int
    total: int | None
    left_s: float | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A point of one or more curves: `values` by name (train_loss, validation_loss, …) at a training step."""

    step: int
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Skipped:
    """An item left out, and why."""

    item: str
    reason: str
    wants: Literal["", "password"] = ""  # what would let it in


@dataclass(frozen=True, slots=True)
class Token:
    """The next piece of a streaming answer."""

    text: str


Event = Progress | Measured | Skipped | Token


class Job(Protocol[Result_co]):
    """A frozen dataclass of inputs. It ends in exactly one way: result, EngineError, Cancelled, or a bug.

    Running the same job again on the same workspace continues where it stopped: what is published is skipped.
    """

    def run(self, session: Session, monitor: Monitor) -> Result_co: ...


@dataclass(slots=True)
class Monitor:
    """What a running job talks to: it reports events to `listen` and learns that cancel or pause was asked."""

    listen: Callable[[Event], None] = lambda event: None
    clock: Callable[[], float] = time.monotonic
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _resumed: threading.Event = field(default_factory=threading.Event)
    _stages: dict[str, tuple[float, int]] = field(default_factory=dict)  # stage → time and count at its first report

    def __post_init__(self) -> None:
        self._resumed.set()

    def report(self, event: Event) -> None:
        """Pass `event` on. Raises Cancelled when cancel was asked; waits here while paused."""
        self.check()
        self.listen(event)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Report progress with the time left, reckoned from the pace of this stage so far."""
        now = self.clock()
        started, first = self._stages.setdefault(stage, (now, done))
        left_s = None
        if total is not None and done > first:
            left_s = (now - started) / (done - first) * (total - done)
        self.report(Progress(stage, done, total, left_s))

    def track(self, items: Iterable[Item], stage: str) -> Iterator[Item]:
        """Yield `items`, reporting and checking for cancel at each."""
        total = len(items) if isinstance(items, Sized) else None
        done = 0
        self.progress(stage, done, total)
        for item in items:
            yield item
            done += 1
            self.progress(stage, done, total)

    def check(self) -> None:
        """Raise Cancelled when cancel was asked; wait while paused."""
        self._resumed.wait()
        if self._cancelled.is_set():
            raise Cancelled

    def still_at(self, stage: str) -> Callable[[], None]:
        """Return a check for work that can't say how far it is; called often, it tells that the stage goes on."""
        told_s = -math.inf

        def check() -> None:
            nonlocal told_s
            self.check()
            if self.clock() - told_s >= STILL_EVERY_S:
                told_s = self.clock()
                self.progress(stage, 0, None)

        return check

    def stopping(self) -> bool:
        """Whether cancel was asked: for what must not be interrupted by an exception, as a callback of C++."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Ask the job to end at its next report. Called from any thread."""
        self._cancelled.set()
        self._resumed.set()

    def pause(self) -> None:
        """Hold the job at its next report. Called from any thread."""
        if not self._cancelled.is_set():
            self._resumed.clear()

    def resume(self) -> None:
        """Let a paused job go on."""
        self._resumed.set()
