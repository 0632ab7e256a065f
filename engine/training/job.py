"""The job that fine-tunes: its inputs, checked before anything heavy is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engine.jobs import Monitor
from engine.records import Run

if TYPE_CHECKING:
    from engine.session import Session

What = Literal["retriever", "generator", "joint", "all"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a training will take on this machine, told before it starts."""

    seconds: float
    memory_bytes: int  # the process's at its peak: on CUDA the card's
    free_bytes: int  # what the process has and can still take
    stages: dict[str, float]  # seconds of each stage


@dataclass(frozen=True, slots=True)
class Train:
    """Fine-tune retriever, generator or both, separately or jointly, from the active run on.

    With `resume` it goes on after a stop.
    """

    what: What = "all"
    model: str = ""  # generator (or, for `retriever`, encoder) to start from; "" is the active run's
    preset: str = "balanced"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    minutes: float | None = None  # time budget of the stages' steps; what is measured around them comes on top
    resume: str = ""  # id of an interrupted run: everything else is taken from it
    seed: int = 0
    encoder: str = ""  # encoder to start from, beside `model`
    objective: Literal["sequence", "token", "lsr"] = "sequence"  # of joint training

    def run(self, session: Session, monitor: Monitor) -> Run:
        """Raises TrainingError when there is too little to learn from, RunError when the run can't be resumed."""
        from engine.training.course import Course

        return Course.begin(self, session, monitor).complete()


@dataclass(frozen=True, slots=True)
class EstimateTraining:
    """Say how long a training will take and how much memory, from a few steps of it timed on this machine."""

    training: Train

    def run(self, session: Session, monitor: Monitor) -> Estimate:
        """Raises what `Train` would raise at its start."""
        from engine.training.estimate import estimate

        return estimate(self.training, session, monitor)
