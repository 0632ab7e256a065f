"""What a stage of training is given: the run so far, the questions, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass

from engine.jobs import Monitor
from engine.records import Passage, Question, Run
from engine.session import Session
from engine.settings import GeneratorSettings, JointSettings, RetrieverSettings, TrainSettings
from engine.training.loop import Plan
from engine.training.marginal import Objective


@dataclass(frozen=True, slots=True)
class Lesson:
    """The inputs of one stage."""

    session: Session
    monitor: Monitor
    run: Run
    parent: Run
    training: tuple[Question, ...]
    validation: tuple[Question, ...]
    settings: TrainSettings
    seed: int
    seconds: float | None  # time budget of the stage's steps with their validations
    objective: Objective = "sequence"  # of joint training

    def passages(self) -> dict[str, Passage]:
        """Return all passages by id."""
        return {passage.id: passage for passage in self.session.workspace.documents.passages()}

    def plan(
        self, settings: RetrieverSettings | GeneratorSettings | JointSettings, *, validations_per_epoch: int
    ) -> Plan:
        """Return the loop's plan for this stage."""
        return Plan(
            settings.epochs,
            settings.learning_rate,
            settings.warmup_share,
            settings.patience,
            validations_per_epoch,
            self.seconds,
        )
