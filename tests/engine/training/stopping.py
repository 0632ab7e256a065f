"""A training that is cancelled at a step, as tests of what comes afterwards need it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.errors import Cancelled
from engine.jobs import Event, Measured, Monitor
from engine.records import Run
from engine.session import Session
from engine.training.job import Train


def run_until(training: Train, session: Session, when: Callable[[Measured], bool]) -> Run:
    """Run `training`, cancel it at the first measurement that is wanted, and return its run, the only one there is."""
    monitor = Monitor()

    def cancel(event: Event) -> None:
        if isinstance(event, Measured) and when(event):
            monitor.cancel()

    monitor.listen = cancel
    with pytest.raises(Cancelled):
        training.run(session, monitor)
    (run,) = session.workspace.runs.list()
    return run
