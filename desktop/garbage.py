"""Python's cyclic garbage collector, run in the window's thread only."""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_EVERY_MS = 1000
_THRESHOLDS = (700, 10, 10)  # CPython's own: allocations, collections of the first, of the second generation


class GarbageCollector(QObject):
    """Takes over from the automatic collector for as long as it lives.

    The automatic one runs in whichever thread allocates next. In a job's thread or the worker's reader it would destroy
    widgets that lie in a reference cycle, and a widget destroyed off its thread ends the program.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.freeze()  # what is there at the start stays: no need to look at it again
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._collect)
        self._timer.start(_EVERY_MS)

    def stop(self) -> None:
        """Give back to the automatic collector."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def _collect(self) -> None:
        """Collect the oldest generation that is due."""
        counts = gc.get_count()
        due = [generation for generation, most in enumerate(_THRESHOLDS) if counts[generation] > most]
        if due:
            gc.collect(due[-1])
