"""Jobs that do what a worker may meet: long work, large results, errors, bugs, noise on stdout, native crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import DocumentError
from engine.jobs import Measured, Skipped, Token
from engine.worker.catalogue import Entry

if TYPE_CHECKING:
    from engine.jobs import Monitor


@dataclass(frozen=True, slots=True)
class Echo:
    """Returns its text."""

    text: str

    def run(self, session: object, monitor: Monitor) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Talk:
    """Answers in tokens, in the chat lane."""

    text: str

    def run(self, session: object, monitor: Monitor) -> str:
        for letter in self.text:
            monitor.report(Token(letter))
        return self.text


@dataclass(frozen=True, slots=True)
class Count:
    """Counts until cancelled."""

    pause_s: float = 0.001

    def run(self, session: object, monitor: Monitor) -> int:
        for number in range(1_000_000):
            monitor.progress("Counting", number, 1_000_000)
            if number == 5:
                monitor.report(Measured(number, {"train_loss": 1.5, "broken": float("nan")}))
                monitor.report(Skipped("one.pdf", "It is damaged."))
            threading.Event().wait(self.pause_s)
        return 1_000_000


@dataclass(frozen=True, slots=True)
class Deaf:
    """Hears no cancel, like a batch deep in native code."""

    def run(self, session: object, monitor: Monitor) -> int:
        monitor.progress("Deaf", 0, None)
        time.sleep(60)
        return 0


@dataclass(frozen=True, slots=True)
class DeafTalk:
    """Hears no cancel either, in the chat lane."""

    def run(self, session: object, monitor: Monitor) -> int:
        monitor.progress("Deaf", 0, None)
        time.sleep(60)
        return 0


@dataclass(frozen=True, slots=True)
class Large:
    """Returns a large result."""

    size: int

    def run(self, session: object, monitor: Monitor) -> tuple[str, ...]:
        return tuple("passage " * 10 for _ in range(self.size))


@dataclass(frozen=True, slots=True)
class Noise:
    """Writes on stdout by every road, as libraries do."""

    def run(self, session: object, monitor: Monitor) -> str:
        sys.stdout.write("progress bar from Python")
        sys.stdout.flush()
        os.write(1, b"\x00\x00\x00\x05noise from C")
        subprocess.run([sys.executable, "-c", "print('noise from a child')"], check=True)
        return "quiet"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Ends in an error for the person."""

    def run(self, session: object, monitor: Monitor) -> int:
        raise DocumentError("scan.pdf contains no text.", hint="It may be a scan.")


@dataclass(frozen=True, slots=True)
class Stumble:
    """Ends in a bug."""

    def run(self, session: object, monitor: Monitor) -> int:
        return 1 // 0


class Panic(BaseException):
    """Stands in for pyo3_runtime.PanicException: what Rust's panics are is no Exception."""


@dataclass(frozen=True, slots=True)
class Stagger:
    """Ends in the panic of a Rust library."""

    def run(self, session: object, monitor: Monitor) -> int:
        raise Panic


@dataclass(frozen=True, slots=True)
class Crash:
    """Kills its process, with a child of it still holding the pipe."""

    def run(self, session: object, monitor: Monitor) -> int:
        monitor.progress("Crashing", 0, None)
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


HERE = "tests.engine.worker.fake_jobs"
FAKE_JOBS = {
    "Echo": Entry(HERE, "query"),
    "Large": Entry(HERE, "query"),
    "Noise": Entry(HERE, "query"),
    "Refuse": Entry(HERE, "query"),
    "Stumble": Entry(HERE, "query"),
    "Stagger": Entry(HERE, "query"),
    "Talk": Entry(HERE, "chat"),
    "DeafTalk": Entry(HERE, "chat"),
    "Count": Entry(HERE, "heavy"),
    "Deaf": Entry(HERE, "heavy"),
    "Crash": Entry(HERE, "heavy"),
}
