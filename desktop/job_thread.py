"""The QThread that waits for one job of the worker and turns what it hears into signals."""

from __future__ import annotations

from PySide6.QtCore import QObject, QThread, Signal

from engine.errors import EngineError
from engine.jobs import Event, Measured, Progress, Skipped, Token
from engine.worker.ticket import Broken, End, Failed, Finished, Started, Stopped, Ticket

BATCH_MS = 50  # signals at 20 Hz at most: a window that is told more often paints no more


class JobThread(QThread):
    """Waits for one job. Its signals arrive in the window's thread when connected to methods of QObjects there."""

    begun = Signal()  # left the queue of its lane
    paused_changed = Signal(bool)
    progressed = Signal(object)  # Progress: the newest
    measured = Signal(list)  # of Measured
    skipped = Signal(list)  # of Skipped
    token_arrived = Signal(str)
    finished_with = Signal(object)  # the result
    failed = Signal(object)  # EngineError
    cancelled = Signal()
    broke = Signal(str)  # traceback of a bug
    ended = Signal()  # after any of the four ends

    def __init__(self, ticket: Ticket, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.ticket = ticket
        self.paused = False
        self._heard_end = False

    def cancel(self) -> None:
        """Ask the job to end."""
        self.ticket.cancel()

    def pause(self) -> None:
        """Hold the job, unless it ends anyhow."""
        if not (self.ticket.cancel_asked or self.ticket.ended):
            self.ticket.pause()
            self._note_paused(True)

    def resume(self) -> None:
        """Let it go on."""
        self.ticket.resume()
        self._note_paused(False)

    def run(self) -> None:
        """Hear the ticket until its end. Runs in this thread."""
        while not self._heard_end:
            heard = [self.ticket.next()]
            while (more := self.ticket.next(timeout_s=0)) is not None:
                heard.append(more)
            events = [item for item in heard if isinstance(item, (Progress, Measured, Skipped, Token))]
            end = next((item for item in heard if isinstance(item, (Finished, Failed, Stopped, Broken))), None)
            if any(isinstance(item, Started) for item in heard):
                self.begun.emit()
            self._emit_events(events)
            if end is not None:
                self._heard_end = True
                self._emit_end(end)
            elif events:
                self.msleep(BATCH_MS)

    def _note_paused(self, paused: bool) -> None:
        self.paused = paused
        self.paused_changed.emit(paused)

    def _emit_events(self, events: list[Event]) -> None:
        text = "".join(event.text for event in events if isinstance(event, Token))
        measured = [event for event in events if isinstance(event, Measured)]
        skipped = [event for event in events if isinstance(event, Skipped)]
        progress = [event for event in events if isinstance(event, Progress)]
        if text:
            self.token_arrived.emit(text)
        if measured:
            self.measured.emit(measured)
        if skipped:
            self.skipped.emit(skipped)
        if progress:
            self.progressed.emit(progress[-1])

    def _emit_end(self, end: End) -> None:
        if isinstance(end, Finished):
            self.finished_with.emit(end.result)
        elif isinstance(end, Failed):
            self.failed.emit(end.error)
        elif isinstance(end, Broken):
            self.broke.emit(end.traceback)
        else:
            self.cancelled.emit()
        self.ended.emit()


def sentence(error: EngineError) -> str:
    """Return what an error says, with what to do next."""
    return f"{error.message} {error.hint}".strip()
