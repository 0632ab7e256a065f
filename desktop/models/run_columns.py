"""How the table of runs reads a run."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication

from desktop.models.record_table import Column
from desktop.wording import duration, run_outcome
from engine.records import Run


def run_columns(state: Callable[[Run], str]) -> list[Column]:
    """Return the columns; `state` says what became of a run."""
    trained = {
        "all": _tr("search and answers"),
        "retriever": _tr("search"),
        "generator": _tr("answers"),
        "joint": _tr("both together"),
        "base": "–",
    }
    return [
        Column(_tr("Run"), lambda run: run.id, width=90),
        Column(_tr("Trained"), lambda run: trained.get(run.what, run.what), width=140),
        Column(_tr("State"), state, width=110),
        Column(
            _tr("Steps"),
            lambda run: f"{run.steps:,}" if run.steps else "",
            key=lambda run: run.steps,
            number=True,
            width=70,
        ),
        Column(
            _tr("Time"),
            lambda run: duration(run.seconds) if run.seconds else "",
            key=lambda run: run.seconds,
            number=True,
            width=80,
        ),
        Column(_tr("Outcome"), lambda run: run.reason, tip=run_outcome),
    ]


def _tr(text: str) -> str:
    return QCoreApplication.translate("TrainingPage", text)
