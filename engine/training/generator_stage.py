"""The generator's stage: tune it on grounded examples, convert it for answering, choose how much it reads, decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.evaluation.metrics import exact_match, f1
from engine.generation.rag import Rag, load_reader, load_runtime
from engine.generation.weights import load_generator, load_writer, model_files, own_weights
from engine.records import Hit, Run
from engine.retrieval.retriever import Retriever, load_retriever
from engine.session import TUNED
from engine.training.generator import GeneratorTask, ground
from engine.training.loop import train
from engine.training.retriever_stage import measured
from engine.training.stage import Lesson

RETRIEVED = 10  # hits per question that distractors are taken from
READS = (1, 2, 3, 5)  # numbers of passages tried for answering


def tune_generator(lesson: Lesson) -> Run:
    """Return the run with its tuned generator, or with the one it had if that answers validation questions no worse."""
    session, monitor = lesson.session, lesson.monitor
    passages = lesson.passages()
    retriever = load_retriever(session, lesson.run, monitor)
    if retriever.fusion.mode == "rrf":  # never tuned: ranks are fused only while there are too few labelled questions
        retriever.fusion, _ = measured(retriever, lesson.validation)
    monitor.progress("Retrieving passages for the examples", 0, 2)
    training_hits = retriever.search([question.question for question in lesson.training], top_k=RETRIEVED)
    monitor.progress("Retrieving passages for the examples", 1, 2)
    validation_hits = retriever.search([question.question for question in lesson.validation], top_k=RETRIEVED)
    monitor.progress("Retrieving passages for the examples", 2, 2)
    files = session.model_files(lesson.run.generator)
    model = load_generator(files).to(session.device.kind)
    settings = lesson.settings.generator
    task = GeneratorTask(
        model,
        load_writer(files),
        training=ground(lesson.training, training_hits, passages),
        validation=ground(lesson.validation, validation_hits, passages),
        settings=settings,
        seed=lesson.seed,
        monitor=monitor,
    )
    outcome = train(
        task,
        lesson.plan(settings, validations_per_epoch=settings.validations),
        run_id=lesson.run.id,
        workspace=session.workspace,
        device=session.device,
        monitor=monitor,
    )
    digest = session.workspace.objects.publish_folder(model_files(files, own_weights(model)))
    run = replace(
        lesson.run,
        generator=TUNED + digest,
        reading="together",
        steps=lesson.run.steps + outcome.steps,
        best_step=outcome.best_step,
    )
    reads_before, before = best_reading(
        lesson, lesson.run, retriever, validation_hits, (lesson.run.passages_per_answer,)
    )
    reads, after = best_reading(lesson, run, retriever, validation_hits, READS)
    kept = after["f1"] > before["f1"]
    if not kept:
        run = replace(run, generator=lesson.run.generator, reading=lesson.run.reading)
        reads = reads_before
    scores = {**after, "generator kept": float(kept)}
    run = replace(run, fusion=retriever.fusion, passages_per_answer=reads)
    return replace(run, before={**run.before, **before}, after={**run.after, **scores})


def best_reading(
    lesson: Lesson, run: Run, retriever: Retriever, hits: Sequence[Sequence[Hit]], reads: Sequence[int]
) -> tuple[int, dict[str, float]]:
    """Answer the validation questions end to end with each number of passages; return the best, and its scores."""
    generator = load_runtime(lesson.session, run.generator)
    questions = [question.question for question in lesson.validation]
    accepted = [question.answers for question in lesson.validation]
    best: tuple[int, dict[str, float]] | None = None
    for number in reads:
        rag = Rag(
            run=replace(run, passages_per_answer=number),
            retriever=retriever,
            generator=generator,
            session=lesson.session,
            reader=load_reader(lesson.session, run, generator),
        )
        stage = f"Answering validation questions from {number} passage{'s' if number > 1 else ''}"
        answers = rag.answer_many(questions, monitor=lesson.monitor, hits=hits, stage=stage)
        scores = {
            "f1": float(np.mean([f1(answer.answer, right) for answer, right in zip(answers, accepted, strict=True)])),
            "exact_match": float(
                np.mean([exact_match(answer.answer, right) for answer, right in zip(answers, accepted, strict=True)])
            ),
        }
        if best is None or scores["f1"] > best[1]["f1"]:
            best = (number, scores)
    assert best is not None  # reads is not empty
    return best
