"""The worker process: reads requests from its standard input, runs their jobs in lanes, writes what becomes of them."""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from engine.errors import Cancelled, EngineError, LockedError, WorkerError
from engine.worker.catalogue import JOBS, Entry, entry_of, job_class
from engine.worker.lane import LaneThread, Reporter, Task
from engine.worker.protocol import (
    LANES,
    BugReport,
    Failure,
    Message,
    Opened,
    Opening,
    encoded,
    event_message,
    read_message,
    write_message,
)
from engine.worker.warm_up import import_libraries

if TYPE_CHECKING:
    from engine.session import Session
    from engine.workspace.workspace import Workspace

CLOSE_PATIENCE_S = 0.5


class Server:
    """Serves one window: one workspace, three lanes."""

    def __init__(
        self,
        requests: BinaryIO,
        replies: BinaryIO,
        *,
        jobs: Mapping[str, Entry],
        open_session: Callable[[Opening], Session],
        import_libraries: Callable[[], None],
    ) -> None:
        self._requests = requests
        self._replies = replies
        self._jobs = jobs
        self._open_session = open_session
        self._import_libraries = import_libraries
        self._writing = threading.Lock()
        self._preloading = threading.Lock()
        self._preloaded = False
        self._session: Session | None = None
        self._lanes = {lane: LaneThread(lane, self._run) for lane in LANES}

    def serve(self) -> None:
        """Obey requests until the window closes the pipe or says shutdown."""
        for lane in self._lanes.values():
            lane.start()
        threading.Thread(target=self._preload, name="preload", daemon=True).start()
        while (message := read_message(self._requests)) is not None:
            if message.kind == "shutdown":
                break
            self._obey(message)

    def close(self) -> None:
        """Cancel everything and release the workspace, in at most CLOSE_PATIENCE_S."""
        for lane in self._lanes.values():
            lane.cancel_all()
        closing = threading.Thread(target=self._close_session, daemon=True)
        closing.start()
        closing.join(CLOSE_PATIENCE_S)

    def _close_session(self) -> None:
        if self._session is not None:
            self._session.close()

    def _obey(self, message: Message) -> None:
        if message.kind == "open":
            self._ending(message.id, lambda: self._open(msgspec.json.decode(message.body, type=Opening)))
        elif message.kind == "run":
            self._queue(message)
        elif message.kind == "cancel":
            self._cancel(message.id)
        elif message.kind in ("pause", "resume"):
            task = self._find(message.id)
            if task is not None:
                task.monitor.pause() if message.kind == "pause" else task.monitor.resume()

    def _queue(self, message: Message) -> None:
        try:
            entry = entry_of(message.name, self._jobs)
            job = msgspec.json.decode(message.body, type=job_class(message.name, entry))
        except EngineError as error:
            self._send_error(message.id, error)
        except Exception:  # noqa: BLE001 - the worker is a border: a bug is reported, the process goes on
            self._send_bug(message.id)
        else:
            self._lanes[entry.lane].add(Task(message.id, job, entry.tensors))

    def _cancel(self, job_id: int) -> None:
        for lane in self._lanes.values():
            if lane.take_back(job_id):
                self._send(Message("cancelled", job_id))
                return
        task = self._find(job_id)
        if task is not None:
            task.monitor.cancel()

    def _find(self, job_id: int) -> Task | None:
        return next((task for lane in self._lanes.values() if (task := lane.find(job_id))), None)

    def _run(self, task: Task) -> None:
        reporter = Reporter(lambda event: self._send(event_message(task.id, event)))
        task.monitor.listen = reporter.report
        self._send(Message("started", task.id))
        self._ending(task.id, lambda: self._result_of(task), flush=reporter.flush)

    def _result_of(self, task: Task) -> object:
        task.monitor.check()
        if self._session is None:
            raise WorkerError("No workspace is open.", hint="Open or create one from the File menu.")
        if task.tensors:
            self._preload()
        return task.job.run(self._session, task.monitor)

    def _ending(self, job_id: int, act: Callable[[], object], *, flush: Callable[[], None] = lambda: None) -> None:
        """Do `act` and send the one end it has: result, error, cancelled or bug."""
        try:
            result = act()
            flush()
            self._send(Message("result", job_id, body=encoded(result)))
        except Cancelled:
            self._send(Message("cancelled", job_id))
        except EngineError as error:
            self._send_error(job_id, error)
        except BaseException:  # noqa: BLE001 - as above; and a Rust library's panic is no Exception
            self._send_bug(job_id)

    def _open(self, opening: Opening) -> Opened:
        if self._session is not None:
            raise WorkerError("This engine has a workspace open already.", hint="Start Vademecum again.")
        self._session = self._open_session(opening)
        workspace = self._session.workspace
        return Opened(opening.path, workspace.id, workspace.name, workspace.protected)

    def _preload(self) -> None:
        """Import the tensor libraries, once, in one thread: imports of the same cycle from two threads can deadlock."""
        with self._preloading:
            if not self._preloaded:
                self._import_libraries()
                self._preloaded = True

    def _send_error(self, job_id: int, error: EngineError) -> None:
        self._send(Message("error", job_id, type(error).__name__, encoded(Failure(error.message, error.hint))))

    def _send_bug(self, job_id: int) -> None:
        trace = traceback.format_exc()
        sys.stderr.write(trace)  # the worker's log file
        sys.stderr.flush()
        self._send(Message("bug", job_id, body=encoded(BugReport(trace))))

    def _send(self, message: Message) -> None:
        with self._writing:
            try:
                write_message(self._replies, message)
            except OSError:
                os._exit(0)  # the window is gone: what is published is on the disk


def open_session(opening: Opening) -> Session:
    """Open or create the workspace, with the model library and the device this machine has."""
    from engine.device import Device
    from engine.models.library import ModelLibrary
    from engine.session import Session
    from engine.workspace.workspace import Workspace

    path = Path(opening.path)
    if opening.create:
        workspace = Workspace.create(path, name=opening.name, passphrase=opening.passphrase)
    else:
        workspace = _opened_patiently(path, opening)
    try:  # it fails where the machine's settings can't be understood, and may be tried again once they can
        return Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect())
    except BaseException:
        workspace.close()
        raise


def _opened_patiently(path: Path, opening: Opening) -> Workspace:
    from engine.workspace.workspace import Workspace

    until = time.monotonic() + opening.patience_s
    while True:
        try:
            return Workspace.open(path, passphrase=opening.passphrase)
        except LockedError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.1)


def main(
    *,
    jobs: Mapping[str, Entry] = JOBS,
    open_session: Callable[[Opening], Session] = open_session,
    import_libraries: Callable[[], None] = import_libraries,
) -> None:
    """Be the worker. Standard output is the protocol's: descriptor 1 becomes the log's, so no library disturbs it."""
    replies = os.fdopen(os.dup(1), "wb")
    requests = os.fdopen(os.dup(0), "rb")
    os.dup2(2, 1)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    faulthandler.enable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in the terminal is the window's business
    from engine.addon.folder import default_folder
    from engine.addon.trial import activate
    from engine.offline import go_offline

    go_offline()
    activate(default_folder())
    server = Server(requests, replies, jobs=jobs, open_session=open_session, import_libraries=import_libraries)

    def leave(number: int, frame: object) -> None:
        server.close()
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    with contextlib.suppress(WorkerError, OSError):
        server.serve()
    server.close()
    os._exit(0)  # lanes may be deep in native code; what they published is on the disk
