"""The strip at the bottom: what runs, how far it is, the time left, and the buttons to hold or end it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton

from desktop.job_thread import JobThread
from desktop.theme import icon
from desktop.wording import duration
from engine.jobs import Progress

_STEPS = 1000


class JobBar(QFrame):
    """Shows the first of the heavy jobs; hidden while there is none."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("job_bar")
        self.setAccessibleName(self.tr("Running work"))
        self._threads: list[JobThread] = []
        self._stage = QLabel()
        self._stage.setTextFormat(Qt.TextFormat.PlainText)
        self._stage.setMinimumWidth(160)
        self._stage.setWordWrap(True)
        self._bar = QProgressBar()
        self._bar.setAccessibleName(self.tr("Progress"))
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(10)
        self._left = QLabel()
        self._left.setMinimumWidth(190)
        self._pause = QPushButton(icon("pause"), self.tr("&Pause"))
        self._pause.setAccessibleName(self.tr("Pause the running work"))
        self._pause.clicked.connect(self._pause_or_resume)
        self._cancel = QPushButton(icon("stop"), self.tr("Ca&ncel"))
        self._cancel.setAccessibleName(self.tr("Cancel the running work"))
        self._cancel.clicked.connect(self._cancel_first)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 16, 8)
        row.setSpacing(12)
        row.addWidget(self._stage, 1)
        row.addWidget(self._bar, 2)
        row.addWidget(self._left)
        row.addWidget(self._pause)
        row.addWidget(self._cancel)
        self.hide()

    @property
    def told(self) -> tuple[str, str]:
        """The stage and the time left, as they are shown."""
        return self._stage.text(), self._left.text()

    def add_job(self, thread: JobThread) -> None:
        """Take a job into account."""
        self._threads.append(thread)
        thread.progressed.connect(self._show_progress)
        thread.paused_changed.connect(self._note_paused)
        if len(self._threads) == 1:
            self._begin()

    def remove_job(self, thread: JobThread) -> None:
        """Forget a job that has ended."""
        if thread in self._threads:
            first = self._threads[0] is thread
            self._threads.remove(thread)
            if first and self._threads:
                self._begin()
        self.setVisible(bool(self._threads))

    def _begin(self) -> None:
        self._pause.setEnabled(True)
        self._cancel.setEnabled(True)
        paused = self._threads[0].paused
        self._show_paused(paused)
        self._stage.setText(self.tr("Paused") if paused else self.tr("Starting…"))
        self._left.clear()
        self._bar.setRange(0, 0)
        self.show()

    def _show_progress(self, progress: Progress) -> None:
        if not self._threads or self._threads[0].paused or not self._cancel.isEnabled():
            return
        waiting = len(self._threads) - 1
        counted = f" {progress.done:,} / {progress.total:,}" if progress.total else ""
        more = self.tr(" · {0} waiting").format(waiting) if waiting > 0 else ""
        self._stage.setText(f"{progress.stage}{counted}{more}")
        if progress.total:
            self._bar.setRange(0, _STEPS)
            self._bar.setValue(min(_STEPS, progress.done * _STEPS // progress.total))
        else:
            self._bar.setRange(0, 0)
        self._left.setText(
            "" if progress.left_s is None else self.tr("about {0} left").format(duration(progress.left_s))
        )

    def _pause_or_resume(self) -> None:
        if self._threads:
            first = self._threads[0]
            (first.resume if first.paused else first.pause)()

    def _note_paused(self, paused: bool) -> None:
        if not self._threads or self.sender() is not self._threads[0] or not self._cancel.isEnabled():
            return
        self._show_paused(paused)
        self._stage.setText(self.tr("Paused") if paused else self.tr("Going on…"))
        if paused:
            self._left.clear()

    def _show_paused(self, paused: bool) -> None:
        self._pause.setText(self.tr("&Resume") if paused else self.tr("&Pause"))
        self._pause.setIcon(icon("play" if paused else "pause"))

    def _cancel_first(self) -> None:
        if self._threads:
            self._pause.setEnabled(False)
            self._cancel.setEnabled(False)
            self._stage.setText(self.tr("Cancelling: what is done is kept…"))
            self._threads[0].cancel()
