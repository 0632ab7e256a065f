"""What a training will take, said before it starts: time and memory, as the worker reckons them."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel

from desktop.job_queue import JobQueue
from desktop.job_thread import JobThread, sentence
from desktop.wording import duration
from engine.errors import EngineError
from engine.training.job import Estimate, EstimateTraining, Train

_PAUSE_MS = 600  # so that going through a list of choices asks once
_GIB = 2**30


class TrainingEstimate(QLabel):
    """Asks while it is seen and the worker has nothing else to do."""

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setAccessibleName(self.tr("What the training will take"))
        self._jobs = jobs
        self._wanted: Train | None = None
        self._told: Train | None = None
        self._thread: JobThread | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._ask)
        jobs.heavy_ended.connect(self._ask_soon)

    def show_for(self, job: Train) -> None:
        """Say what `job` will take."""
        self._wanted = job
        self.forget()

    def forget(self) -> None:
        """Say nothing until it is reckoned again: documents, questions or the active run may have changed."""
        self._stop()
        self._told = None
        self.clear()
        self._ask_soon()

    def give_way(self) -> None:
        """Stop reckoning: the worker is needed for the training itself."""
        self._stop()
        self._timer.stop()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Reckon anew: documents and questions may have changed on their pages. The engine keeps what it timed."""
        super().showEvent(event)
        if self._thread is None and not event.spontaneous():
            self.forget()

    def _ask_soon(self) -> None:
        if self.isVisible() and self._wanted is not None and self._told != self._wanted and self._thread is None:
            self._timer.start()

    def _ask(self) -> None:
        if not self.isVisible() or self._wanted is None or self._jobs.heavy:
            return  # heard of again once what runs has ended, or the page is seen
        self.setText(self.tr("Reckoning time and memory…"))
        self._told = self._wanted
        self._thread = thread = self._jobs.run(EstimateTraining(self._wanted))
        thread.finished_with.connect(self._show)
        thread.failed.connect(self._show_reason)
        for end in (thread.cancelled, thread.broke):
            end.connect(self._say_nothing)
        thread.ended.connect(self._forget_thread)

    def _show(self, estimate: Estimate) -> None:
        needed, free = (f"{size / _GIB:.1f}" for size in (estimate.memory_bytes, estimate.free_bytes))
        self.setText(
            self.tr("About {0} and {1} GB of memory; {2} GB are free.").format(duration(estimate.seconds), needed, free)
        )

    def _show_reason(self, error: EngineError) -> None:
        self.setText(sentence(error))

    def _say_nothing(self) -> None:
        """Not asked again by itself: who cancelled it doesn't want it, and a bug would be shown again and again."""
        if self.sender() is self._thread:
            self.clear()

    def _forget_thread(self) -> None:
        if self.sender() is self._thread:
            self._thread = None

    def _stop(self) -> None:
        if self._thread is not None:
            self._thread.finished_with.disconnect(self._show)
            self._thread.failed.disconnect(self._show_reason)
            self._thread.cancel()
            self._thread, self._told = None, None
            self.clear()
