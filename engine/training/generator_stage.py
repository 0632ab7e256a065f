"""The generator's stage: tune it on grounded examples, convert it for answering, choose how much it reads, decide."""

from __future__ import annotations

from dataclasses import asdict, replace

from engine.generation.weights import load_generator, load_writer, model_files, own_weights, with_verdict
from engine.records import Run
from engine.retrieval.retriever import load_retriever
from engine.session import TUNED
from engine.training.adapters import add_adapters, merge_adapters
from engine.training.answering import answered, answering_as, best_reading
from engine.training.generator import GeneratorTask, ground
from engine.training.loop import train
from engine.training.stage import Lesson

RETRIEVED = 10  # hits per question that distractors are taken from


def tune_generator(lesson: Lesson) -> Run:
    """Return the run with its tuned generator, or with the parent's, which may be another, if that answers validation
    questions no worse.
    """
    session, monitor = lesson.session, lesson.monitor
    passages = lesson.passages()
    retriever = load_retriever(session, lesson.run, monitor)
    monitor.progress("Retrieving passages for the examples", 0, 2)
    training_hits = retriever.search([question.question for question in lesson.training], top_k=RETRIEVED)
    monitor.progress("Retrieving passages for the examples", 1, 2)
    validation_hits = retriever.search([question.question for question in lesson.validation], top_k=RETRIEVED)
    monitor.progress("Reading the generator", 0, None)
    files = with_verdict(session.model_files(lesson.run.generator))
    model = load_generator(files).to(session.device.kind)
    adapters = add_adapters(model, seed=lesson.seed)
    if adapters is not None:
        millions = model.num_parameters(only_trainable=True) / 1e6
        monitor.progress(f"Training adapters (LoRA) of {millions:.1f} M parameters", 0, None)
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
    task.fit_memory(session.device)
    outcome = train(
        task,
        lesson.plan(settings, validations_per_epoch=settings.validations),
        run_id=lesson.run.id,
        workspace=session.workspace,
        device=session.device,
        monitor=monitor,
    )
    merge_adapters(adapters)
    digest = session.workspace.objects.publish_folder(model_files(files, own_weights(model)))
    run = replace(
        lesson.run,
        generator=TUNED + digest,
        steps=lesson.run.steps + outcome.steps,
        best_step=outcome.best_step,
    )
    parent = answering_as(lesson.run, lesson.parent)
    before = answered(lesson, parent, retriever, validation_hits)
    reading, after = best_reading(lesson, run, validation_hits)
    kept = after["f1"] > before["f1"]
    if kept:
        run = replace(run, **asdict(reading))
    else:
        run = replace(parent, steps=run.steps, best_step=run.best_step)
    scores = {**after, "generator kept": float(kept)}
    return replace(run, before={**run.before, **before}, after={**run.after, **scores})
