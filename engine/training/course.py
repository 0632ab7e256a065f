"""The course of one training: questions and index → tuned models, measured on validation and published as a run."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from engine.errors import EngineError, RunError, TrainingError
from engine.jobs import Event, Measured, Monitor
from engine.questions.repeats import with_repeats
from engine.questions.split import hold_out, lesson
from engine.records import Question, Run, RunState
from engine.retrieval.base_fusion import current_run
from engine.session import BASE, Session
from engine.settings import SettingError, TrainSettings, chosen
from engine.training.answering import FOUND, READ, calibrated
from engine.training.choice import (
    better_encoder,
    check_memory,
    models_to_start_from,
    told_of_generator,
    tries_encoders,
)
from engine.training.generator_stage import tune_generator
from engine.training.headings import LEAST_HEADS, MEASURE, are_headings, heading_questions, suffers, tune_on_headings
from engine.training.joint_stage import tune_joint
from engine.training.reranker_stage import MEASURE as RERANKED
from engine.training.reranker_stage import choose_reranker
from engine.training.retriever_stage import tune_retriever
from engine.training.stage import Lesson

if TYPE_CHECKING:
    from engine.training.job import Train

Questions = tuple[Question, ...]

LEAST_QUESTIONS = 8
POINTS_FLUSH_S = 3.0  # points of the curve are stored this often, not one transaction a step
SHARES = {"retriever": 0.3, "generator": 0.7, "joint": 1.0}  # of the steps' time budget, in several stages
TUNERS = {"retriever": tune_retriever, "generator": tune_generator, "joint": tune_joint}


class Course:
    """One training, new or resumed. Its row says at every moment what is done, so a kill costs no finished stage."""

    def __init__(self, job: Train, run: Run, session: Session, monitor: Monitor) -> None:
        self._job = job
        self._run = run
        self._session = session
        self._recorder = _Recorder(session, run.id, monitor)
        self._monitor = replace(monitor, listen=self._recorder.listen)
        self._started = time.monotonic() - run.seconds

    @classmethod
    def begin(cls, job: Train, session: Session, monitor: Monitor) -> Course:
        """Check that there is enough to learn from, and write the run's row, or find the one to resume."""
        runs = session.workspace.runs
        if job.resume:
            run = runs.get(job.resume)
            if run.state not in ("interrupted", "failed", "running"):
                raise RunError(f"Run {run.id} is finished: there is nothing to resume.", hint="Start a new training.")
            job = msgspec.convert({**run.settings, "resume": run.id}, type=type(job))
        settings = settings_of(job)
        check_memory(job, session)
        training, validation = lesson_questions(session, job.what)  # both checked before a row is written
        if job.resume:
            run = session.bound(replace(run, state="running"))
            runs.update(run)
            return cls(job, run, session, monitor)
        parent = current_run(session, "active", monitor)
        questions = (*training, *validation)
        if tries_encoders(job, settings, parent, questions, session):
            job = replace(job, encoder=better_encoder(parent, questions, session, monitor))
        changes = models_to_start_from(job, parent, training, session)
        run = replace(
            parent,
            **changes,
            id=f"{job.what}-{len(runs.list()) + 1}",
            what=job.what,
            parent=parent.id,
            state="running",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            steps=0,
            best_step=0,
            seconds=0.0,
            before={},
            after={},
            kept=False,
            reason="",
            settings={name: value for name, value in asdict(job).items() if value is not None and name != "resume"},
        )
        run = session.bound(run)
        runs.add(run)
        return cls(job, run, session, monitor)

    def complete(self) -> Run:
        """Train what is asked for, and keep it if it measures better than its parent."""
        try:
            training, validation = lesson_questions(self._session, self._job.what)
            if not are_headings(training):
                workspace = self._session.workspace
                training = with_repeats(training, workspace, self._monitor)
                validation = with_repeats(validation, workspace, self._monitor)
            for stage in stages_of(self._job, self._run.parent, training):
                if f"{stage} kept" not in self._run.after:
                    self._learn(stage, training, validation)
            return self._finish(training, validation)
        except EngineError as error:
            self._stop("failed", str(error))
            raise
        except BaseException:
            self._stop("interrupted", "Stopped before the end; it can be resumed.")
            raise

    def _learn(self, stage: str, training: Questions, validation: Questions) -> None:
        lesson = Lesson(
            session=self._session,
            monitor=self._monitor,
            run=self._run,
            parent=self._session.bound(self._session.run(self._run.parent)),
            training=training,
            validation=validation,
            settings=settings_of(self._job),
            seed=self._job.seed,
            seconds=budget_s(self._job, stage, stages_of(self._job, self._run.parent, training)),
            objective=self._job.objective,
        )
        asked = not are_headings(training)
        with self._session.workspace.transaction():  # before the first step: what is stopped half-way has learned, too
            self._session.workspace.runs.learned_from(
                self._run.id, {question.document_id for question in training if question.document_id}
            )
            if asked:
                self._session.workspace.runs.trained_on(self._run.id, [question.id for question in training])
        run = (TUNERS[stage] if asked else tune_on_headings)(lesson)
        if stage == "retriever" and asked:
            run = choose_reranker(lesson, run)
        self._run = replace(run, seconds=time.monotonic() - self._started)
        self._recorder.flush()
        with self._session.workspace.transaction():
            self._session.workspace.runs.update(self._run)
            self._session.workspace.runs.drop_checkpoints(self._run.id)

    def _finish(self, training: Questions, validation: Questions) -> Run:
        kept = any(self._run.after.get(f"{stage} kept") for stage in (*TUNERS, "reranker"))
        asked = kept and not are_headings(training)
        run = replace(
            self._run,
            calibration=calibrated(self._session, self._run, validation, self._monitor) if asked else None,
            state="finished",
            kept=kept,
            reason=_reason(self._run, kept) + self._told_of_generator(training),
            seconds=time.monotonic() - self._started,
        )
        with self._session.workspace.transaction():
            self._session.workspace.runs.update(run)
            if kept:
                self._session.workspace.runs.activate(run.id)
        return run

    def _told_of_generator(self, training: Questions) -> str:
        named = filter(None, (self._job.model, self._job.encoder))
        if "generator kept" not in self._run.after or not all(map(self._session.library.has, named)):
            return ""  # nothing to tell, or of a model that left the library meanwhile
        return told_of_generator(self._job, self._session.run(self._run.parent), training, self._session)

    def _stop(self, state: RunState, reason: str) -> None:
        self._recorder.flush()
        seconds = time.monotonic() - self._started
        self._session.workspace.runs.update(replace(self._run, state=state, reason=reason, seconds=seconds))


def settings_of(job: Train) -> TrainSettings:
    """Return the preset's settings with the job's own in their place. Raises SettingError for one out of bounds."""
    if job.minutes is not None and not 0 < job.minutes < math.inf:
        raise SettingError(f"Minutes can't be {job.minutes:g}.", hint="Choose more than 0, or none for no limit.")
    return chosen(job.preset, epochs=job.epochs, batch_size=job.batch_size, learning_rate=job.learning_rate)


def stages_of(job: Train, parent: str, training: Questions) -> tuple[str, ...]:
    """What is trained, in order: from headings only the retriever.

    Joint training starts from separately tuned models: from the bundled ones as they come, those are tuned first.
    """
    if are_headings(training):
        return ("retriever",)
    if job.what == "all" or (job.what == "joint" and parent == BASE and not (job.model or job.encoder)):
        return ("retriever", "generator") if job.what == "all" else ("retriever", "generator", "joint")
    return (job.what,)


def budget_s(job: Train, stage: str, stages: tuple[str, ...]) -> float | None:
    """Return the stage's share of the job's time budget, which its steps may take; None without one."""
    return None if job.minutes is None else job.minutes * 60 * SHARES[stage] / sum(SHARES[one] for one in stages)


def lesson_questions(session: Session, what: str) -> tuple[Questions, Questions]:
    """Return (training, validation) questions with evidence, where one of them is missing a part of the other's.

    Where there are none to train a retriever on, titles and headings stand in for them. Raises TrainingError when there
    are too few of either.
    """
    stored = session.workspace.questions
    training, validation = (
        [question for question in stored.list(split) if question.evidence] for split in ("train", "validation")
    )
    marked = training or validation  # to train on: a file for validation may be all there is
    if not marked and what in ("retriever", "all"):
        made = heading_questions(session.workspace.documents.passages())
        if made:
            return hold_out(made)
    if not marked:
        asked = stored.counts()["train"] or stored.counts()["validation"]
        raise TrainingError(
            "No training question has evidence in the documents." if asked else "There are no training questions.",
            hint="Import questions with a context, or with the document the answer stands in. Without questions the "
            f"search can learn from {LEAST_HEADS} different titles or headings and more.",
        )
    if len(marked) < LEAST_QUESTIONS:
        raise TrainingError(
            f"There are only {len(marked)} training questions with evidence.",
            hint=f"At least {LEAST_QUESTIONS} are needed; some hundreds are better.",
        )
    return lesson(training, validation)


def _reason(run: Run, kept: bool) -> str:
    parts: list[str] = []
    from_headings = MEASURE in run.after
    for stage, measure in (
        ("retriever", MEASURE if from_headings else "ndcg@10"),
        ("reranker", RERANKED),
        ("generator", "f1"),
        ("joint", "joint f1"),
    ):
        if stage == "retriever" and from_headings and (worse := suffers(run.before, run.after)):
            parts.append(f"retriever worse in what it could: {worse} {run.before[worse]:.3f} → {run.after[worse]:.3f}")
        elif f"{stage} kept" in run.after:
            unsure = "not surely" if run.after[measure] > run.before[measure] else "no"
            verdict = "better" if run.after[f"{stage} kept"] else f"{unsure} better, so the one before stays"
            parts.append(f"{stage} {verdict}: {measure} {run.before[measure]:.3f} → {run.after[measure]:.3f}")
    if run.weighs_search and READ in run.after:
        parts.append(f"searches are in the order it reads: ndcg@10 {run.after[FOUND]:.3f} → {run.after[READ]:.3f}")
    encoder = run.settings.get("encoder")  # named, or chosen as the one that finds more
    told = f" The search started from {encoder}." if encoder and "retriever kept" in run.after else ""
    if from_headings:
        told += " Learnt from titles and headings, for want of questions to train on: weaker."
    return ("Kept. " if kept else "Not kept. ") + "; ".join(parts) + "." + told


class _Recorder:
    """Keeps the points of the curves in the workspace on their way to the listener."""

    def __init__(self, session: Session, run_id: str, monitor: Monitor) -> None:
        self._session = session
        self._run_id = run_id
        self._next = monitor.listen
        self._points: list[Measured] = []
        self._flushed = time.monotonic()

    def listen(self, event: Event) -> None:
        if isinstance(event, Measured):
            self._points.append(event)
            if time.monotonic() - self._flushed > POINTS_FLUSH_S:
                self.flush()
        self._next(event)

    def flush(self) -> None:
        with self._session.workspace.transaction():
            for point in self._points:
                self._session.workspace.runs.add_point(self._run_id, point)
        self._points.clear()
        self._flushed = time.monotonic()
