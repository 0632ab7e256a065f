"""How long a training will take and how much memory, reckoned from a few of its steps timed on this machine."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from engine.generation.confidence import MIN_QUESTIONS
from engine.generation.runtimes import load_runtime
from engine.generation.weights import load_generator, load_writer
from engine.jobs import Monitor
from engine.models.library import BETTER_ENCODER
from engine.models.memory import LIBRARIES
from engine.records import Hit, Run
from engine.retrieval.encoder import BATCH_TOKENS, Encoder
from engine.retrieval.lexical import LexicalIndex
from engine.retrieval.retriever import vectors_key
from engine.session import Session
from engine.training.adapters import add_adapters
from engine.training.answering import BATCH, READ_APART, READ_TOGETHER, WEIGHED
from engine.training.choice import check_memory, models_to_start_from, tries_encoders
from engine.training.course import budget_s, lesson_questions, settings_of, stages_of
from engine.training.generator import GeneratorTask, ground
from engine.training.headings import EPOCHS as HEADING_EPOCHS
from engine.training.headings import are_headings
from engine.training.job import Estimate, Train
from engine.training.loop import time_steps
from engine.training.retriever import INTERPOLATIONS, POOL_DEPTH, Pair, RetrieverTask

TIMED_STEPS = 3
TIMED_QUESTIONS = 12  # of validation, of answering and of searching
SAMPLED_PASSAGES = 64
POOL_SHARE = 0.3  # of the hits that enter the validation pool, those that no other question brought already
GENERAL_PASSAGES = 180  # texts that measuring on the general check set embeds
SEARCHES = {"retriever": (3, 4), "generator": (1, 2), "joint": (1, 4)}  # of each training and validation question
FORWARD = 1 / 3  # of a step's time, the part without gradients
PASSAGES_OF_A_STEP = 2  # that a supervised step shows for each question, of either model
JOINT_READINGS = 3  # times that joint training answers the validation questions to choose how to read
CONVERT_S_PER_PARAMETER = 6e-8  # storing, converting and opening a tuned generator: 77 M in 5 s on two cores


@dataclass(frozen=True, slots=True)
class _Cost:
    """Of one stage."""

    epoch_s: float  # the steps of one epoch
    validation_s: float
    other_s: float  # what comes before the first step and after the last
    memory_bytes: int  # beside the program itself
    kept_bytes: int = 0  # of it what is taken only where there is room

    def trained_s(self, epochs: int, *, validations: int = 1) -> float:
        """Time of so many epochs with their validations, and the one before the first: what a time budget ends."""
        return epochs * (self.epoch_s + validations * self.validation_s) + self.validation_s


@dataclass(frozen=True, slots=True)
class _Reading:
    """How fast the generator reads and writes on the runtime that answers, in seconds."""

    passage_s: float  # reading one passage
    token_s: float  # writing one more token for a batch of questions
    longest: int  # tokens of the longest answer of a batch

    def answering_s(self, questions: int, *, passages: float) -> float:
        """Time to answer so many questions, each from one input of so many passages."""
        return questions * passages * self.passage_s + -(-questions // BATCH) * self.longest * self.token_s


def estimate(job: Train, session: Session, monitor: Monitor) -> Estimate:
    """Reckon time and peak memory of `job` from a few of its steps.

    Keeps nothing but what the training needs too: a converted generator, and copies of imported models. Raises what
    `Train` would at its start.
    """
    settings = settings_of(job)
    training, validation = lesson_questions(session, job.what)
    check_memory(job, session)
    parent = session.run("active")
    if tries_encoders(job, settings, parent, (*training, *validation), session):
        job = replace(job, encoder=BETTER_ENCODER)  # which one it will be is not known yet: no more than this
    run = session.bound(replace(parent, **models_to_start_from(job, parent, training, session)))
    session.device.set_threads()
    estimator = _Estimator(job, run, session, monitor)
    stages = stages_of(job, parent.id, estimator.training)
    seconds: dict[str, float] = {}
    for stage in stages:
        monitor.progress("Estimating time and memory", len(seconds), len(stages))
        seconds[stage] = estimator.seconds(stage, budget_s=budget_s(job, stage, stages))
    on_cpu = session.device.kind == "cpu"
    memory_bytes = max(estimator.cost(stage).memory_bytes for stage in stages) + (LIBRARIES if on_cpu else 0)
    own_bytes = session.device.resident_bytes() if on_cpu else 0
    return Estimate(sum(seconds.values()), memory_bytes, session.device.free_memory_bytes() + own_bytes, seconds)


class _Estimator:
    """Times each stage on the training's own questions and passages; nothing has to be retrieved for it.

    What was timed is kept until models, documents or questions change: other epochs are reckoned at once.
    """

    def __init__(self, job: Train, run: Run, session: Session, monitor: Monitor) -> None:
        self._job = job
        self._run = run
        self._session = session
        self._monitor = monitor
        self._settings = settings_of(job)
        self.training, self._validation = lesson_questions(session, job.what)
        self._passages = {passage.id: passage for passage in session.workspace.documents.passages()}
        chance = random.Random(job.seed)
        self._sample = chance.sample(list(self._passages.values()), min(SAMPLED_PASSAGES, len(self._passages)))

    def seconds(self, stage: str, *, budget_s: float | None) -> float:
        """Return how long a stage takes, its training cut to its time budget."""
        settings, cost = self._settings, self.cost(stage)
        if stage == "retriever":
            trained_s = cost.trained_s(HEADING_EPOCHS if are_headings(self.training) else settings.retriever.epochs)
        elif stage == "generator":
            trained_s = cost.trained_s(settings.generator.epochs, validations=settings.generator.validations)
        else:
            trained_s = cost.trained_s(settings.joint.epochs, validations=settings.joint.validations)
        return cost.other_s + (trained_s if budget_s is None else min(trained_s, budget_s))

    def cost(self, stage: str) -> _Cost:
        """Return what a stage costs; timed the first time."""
        reckon = {"retriever": self._retriever, "generator": self._generator, "joint": self._joint}[stage]
        of_one_epoch = [replace(one, epochs=1) for one in (self._settings.retriever, self._settings.generator)]
        workspace = self._session.workspace
        state = (workspace.index_version, workspace.questions.evidence_state(), len(self.training))
        models = (self._run.encoder, self._run.generator)
        key = (*state, *models, *of_one_epoch, replace(self._settings.joint, epochs=1), self._job.objective)
        cost = self._session.loaded(f"cost of the {stage}", key, reckon)
        gc.collect()  # the model's memory, before the next is loaded
        self._session.device.give_back()
        self._monitor.check()
        return cost

    def _retriever(self) -> _Cost:
        settings = self._settings.retriever
        files = self._session.model_files(self._run.encoder)
        encoder = Encoder(files, self._session.device)
        self._listen(encoder.model)
        parameters = sum(parameter.numel() for parameter in encoder.model.parameters())
        texts = [encoder.input_of(passage) for passage in self._sample]
        rows = encoder.token_ids(texts)
        longest = max(len(row) for row in rows)
        batch = texts[: max(1, BATCH_TOKENS // longest)]
        encoder.encode(batch)  # probes the precision and warms up, before the clock runs
        passage_s = self._timed_s(lambda: encoder.encode(batch)) / len(batch)
        task = RetrieverTask(encoder, self._pairs(), settings, score=lambda encoder: 0.0, seed=self._job.seed)
        task.fit_memory(self._session.device)
        pace = time_steps(task, range(min(TIMED_STEPS - 1, task.steps_per_epoch)), self._session.device)
        step_s = statistics.mean(pace.steps_s.values()) + pace.update_s
        brought = len(self._validation) * (2 + POOL_SHARE * 2 * POOL_DEPTH)  # itself, its evidence, and hits
        validation_s = min(len(self._passages), brought) * passage_s
        missing = len(self._session.workspace.vectors.missing(vectors_key(self._session, self._run.encoder)))
        return _Cost(
            epoch_s=task.steps_per_epoch * step_s,
            validation_s=validation_s,
            other_s=(missing + len(self._passages) + (3 + len(INTERPOLATIONS)) * GENERAL_PASSAGES) * passage_s
            + (1 + len(INTERPOLATIONS)) * validation_s
            + self._searching_s("retriever"),
            # The weights, and the base's to mix them with, beside what training takes.
            memory_bytes=sum(map(len, files.values())) + (4 + 4) * parameters + task.needed_bytes + task.kept_bytes,
            kept_bytes=task.kept_bytes,
        )

    def _pairs(self) -> list[Pair]:
        wrong = tuple((passage.id, passage.indexed_text) for passage in self._sample)
        return [
            Pair(question.question, self._passages[one].indexed_text, frozenset(question.evidence), one, wrong)
            for question in self.training
            for one in question.evidence[:1]
            if one in self._passages
        ]

    def _generator(self) -> _Cost:
        settings = self._settings.generator
        files = self._session.model_files(self._run.generator)
        model = load_generator(files).to(self._session.device.kind)
        self._listen(model)
        add_adapters(model, seed=self._job.seed)
        parameters = sum(parameter.numel() for parameter in model.parameters())
        hits = [Hit(passage, 0.0) for passage in self._sample]
        chance = random.Random(self._job.seed)
        few = self._validation[:TIMED_QUESTIONS]
        training, validation = (
            ground(questions, [chance.sample(hits, min(8, len(hits))) for _ in questions], self._passages)
            for questions in (self.training, few)
        )
        task = GeneratorTask(
            model,
            load_writer(files),
            training=training,
            validation=validation,
            settings=settings,
            seed=self._job.seed,
            monitor=self._monitor,
        )
        task.fit_memory(self._session.device)
        sizes = task.step_tokens()
        by_size = sorted(range(len(sizes)), key=sizes.__getitem__)
        timed = {by_size[len(sizes) * part // (2 * TIMED_STEPS)] for part in range(1, 2 * TIMED_STEPS, 2)}
        pace = time_steps(task, sorted(timed), self._session.device)
        token_s = sum(pace.steps_s.values()) / sum(sizes[step] for step in pace.steps_s)
        return _Cost(
            epoch_s=sum(sizes) * token_s + len(sizes) * pace.update_s,
            validation_s=pace.validation_s * len(self._validation) / len(few),
            other_s=CONVERT_S_PER_PARAMETER * parameters + self._choosing_s() + self._searching_s("generator"),
            memory_bytes=sum(map(len, files.values())) + 4 * parameters + task.needed_bytes,
        )

    def _joint(self) -> _Cost:
        """Each question is read from its passages one by one, without gradients and then with them: more roughly
        reckoned, from what a supervised step of either model takes."""
        settings, generator, retriever = self._settings.joint, self.cost("generator"), self.cost("retriever")
        share = FORWARD if self._job.objective == "lsr" else 1 + FORWARD
        read_s = generator.epoch_s * settings.passages / PASSAGES_OF_A_STEP
        found_s = retriever.epoch_s * settings.over_retrieved / PASSAGES_OF_A_STEP
        written_s = self._reading().answering_s(len(self._validation), passages=1)
        return _Cost(
            epoch_s=share * read_s + found_s + retriever.other_s / 2,  # all passages are embedded anew
            validation_s=generator.validation_s * settings.passages / PASSAGES_OF_A_STEP,
            other_s=retriever.other_s + JOINT_READINGS * settings.passages * written_s,
            memory_bytes=generator.memory_bytes + retriever.memory_bytes - retriever.kept_bytes,
        )

    def _choosing_s(self) -> float:
        """Time to answer the validation questions in every way of reading, as the parent does, and to calibrate."""
        reading, questions = self._reading(), len(self._validation)
        together = sum(reading.answering_s(questions, passages=number) for number in READ_TOGETHER)
        weighed = questions * WEIGHED * reading.passage_s
        apart = max(READ_APART) * reading.answering_s(questions, passages=1)
        before = reading.answering_s(questions, passages=self._run.passages_shown)
        calibrated = 2 * (weighed + apart) if questions >= MIN_QUESTIONS else 0.0
        return together + weighed + apart + before + calibrated

    def _reading(self) -> _Reading:
        """Time the runtime on single passages: to score a short target, and to write."""
        runtime = load_runtime(self._session, self._run.generator)
        few = self._validation[:TIMED_QUESTIONS]
        prompts = [
            runtime.writer.prompt(question.question, [passage])
            for question, passage in zip(few, self._sample, strict=False)
        ]
        targets = [runtime.writer.target("no")] * len(prompts)
        runtime.score(prompts, targets)  # warm
        read_s = self._timed_s(lambda: runtime.score(prompts, targets))
        lengths = sorted(
            len(runtime.writer.target(question.answers[0])) for question in self._validation if question.answers
        )
        self._monitor.check()
        started = time.perf_counter()
        written = runtime.generate(prompts, max_tokens=lengths[len(lengths) // 2] if lengths else 1)
        written_s = time.perf_counter() - started
        steps = max(len(runtime.writer.target(one.text)) for one in written)
        longest = lengths[-1 - len(lengths) // BATCH] if lengths else 1
        return _Reading(read_s / len(prompts), max(written_s - read_s, 0.0) / steps, longest)

    def _searching_s(self, stage: str) -> float:
        lexical = LexicalIndex(self._session.workspace)
        few = self.training[:TIMED_QUESTIONS]
        search_s = self._timed_s(lambda: [lexical.features(question.question, top_k=100) for question in few]) / len(
            few
        )
        for_training, for_validation = SEARCHES[stage]
        return search_s * (for_training * len(self.training) + for_validation * len(self._validation))

    def _timed_s(self, act: Callable[[], object]) -> float:
        self._monitor.check()
        started = time.perf_counter()
        act()
        return time.perf_counter() - started

    def _listen(self, model: nn.Module) -> None:
        """Hear of a cancel at each forward pass: a training that is asked for waits until the reckoning has ended."""
        model.register_forward_pre_hook(lambda *_: self._monitor.check())
