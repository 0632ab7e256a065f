"""One life of the worker, seen from the window's side: its pipes, its end, and that nothing outlives it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from engine.privacy import private
from engine.worker.protocol import Message, write_message


class WorkerProcess:
    """A started worker."""

    def __init__(self, command: Sequence[str], *, log_path: Path | None) -> None:
        """Start it; its stderr goes to `log_path`. Raises OSError when there is no such program."""
        with _opened_log(log_path) as log:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                process_group=0
                if os.name == "posix"
                else None,  # Ctrl-C is for the window; and its children die with it
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        self._started_s = time.monotonic()
        threading.Thread(target=self._end_children_after, name="worker waiter", daemon=True).start()

    @property
    def id(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def age_s(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._started_s

    @property
    def replies(self) -> BinaryIO:
        """What it says."""
        return self._popen.stdout  # type: ignore[return-value]  # opened as a pipe

    def write(self, message: Message) -> None:
        """Tell it something. A dead one is noticed where its replies are read."""
        with contextlib.suppress(OSError, ValueError):
            write_message(self._popen.stdin, message)  # type: ignore[arg-type]  # opened as a pipe

    def signal(self, number: int) -> None:
        """Send a signal, if it still lives."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def shut_down(self, patience_s: float) -> None:
        """End it: asked, then by TERM, then by KILL, in `patience_s` at most."""
        self.write(Message("shutdown"))
        for wait_s, act in ((patience_s * 0.75, self._popen.terminate), (patience_s * 0.25, self._popen.kill)):
            try:
                self._popen.wait(wait_s)
                break
            except subprocess.TimeoutExpired:
                act()
        self.bury()

    def bury(self) -> str:
        """Make sure that it and what it started are gone. Returns how it ended, as a person may read it."""
        self._end_group()
        code = self._popen.wait()
        for stream in (self._popen.stdin, self._popen.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]  # opened as pipes
        if code < 0:
            with contextlib.suppress(ValueError):
                return signal.Signals(-code).name
        return f"exit status {code}"

    def _end_children_after(self) -> None:
        """When it is gone, end what it forked: a child that holds the pipe open would hide the death from a reader."""
        self._popen.wait()
        self._end_group()

    def _end_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self._popen.pid, signal.SIGKILL)
            else:
                self._popen.kill()


def own_command() -> list[str]:
    """Return what starts this program's own worker."""
    if getattr(sys, "frozen", False):
        return [sys.executable, "--worker"]
    return [sys.executable, "-m", "engine.worker"]


def _opened_log(log_path: Path | None) -> BinaryIO:
    if log_path is not None:
        with contextlib.suppress(OSError):  # no log is no reason not to work
            log_path.parent.mkdir(parents=True, exist_ok=True)
            return open(log_path, "wb", opener=private)
    return Path(os.devnull).open("wb")
