"""The joint stage: tune encoder and generator through the retrieved passages, refresh the index, decide how to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from transformers import PreTrainedModel

from engine.generation.prompt import PromptWriter
from engine.generation.runtimes import load_runtime
from engine.generation.weights import load_generator, load_writer, model_files, own_weights
from engine.records import Passage, Question, Reading, Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.fusion import DENSE_ONLY
from engine.retrieval.index import stored_vectors
from engine.retrieval.retriever import Retriever, load_retriever, vectors_key
from engine.session import TUNED
from engine.training.adapters import add_adapters, merge_adapters
from engine.training.answering import answered, answering_as
from engine.training.candidates import Shortlist
from engine.training.generator import freeze_position_bias
from engine.training.generator_stage import RETRIEVED
from engine.training.joint import JointTask, Pair
from engine.training.loop import train
from engine.training.marginal import Objective
from engine.training.published import PublishedTask
from engine.training.retriever import without_dropout
from engine.training.retriever_stage import measured
from engine.training.stage import Lesson

READINGS: dict[Objective, Reading] = {"sequence": "sequence", "token": "token", "lsr": "together"}


def tune_joint(lesson: Lesson) -> Run:
    """Return the run with its jointly tuned models, or as it was if it answers validation questions no worse so.

    It starts from the separately tuned models. LSR leaves the generator alone.
    """
    session, monitor, settings = lesson.session, lesson.monitor, lesson.settings.joint
    passages = lesson.passages()
    start = load_retriever(session, lesson.run, monitor)
    dense_only = start.fusion == DENSE_ONLY  # as a published checkpoint searches
    start.fusion, found_before = measured(start, lesson.validation, DENSE_ONLY if dense_only else None)
    question = Encoder(session.model_files(lesson.run.encoder), session.device)
    passage = question
    if lesson.run.passage_encoder:
        passage = Encoder(session.model_files(lesson.run.passage_encoder), session.device)
    files = session.model_files(lesson.run.generator)
    learns = lesson.objective != "lsr"
    generator = load_generator(files).to(session.device.kind) if learns else None
    adapters = add_adapters(generator, seed=lesson.seed) if generator is not None else None
    training, validation = _answered(lesson.training), _answered(lesson.validation)
    writer = load_writer(files)
    task: JointTask | PublishedTask
    if generator is not None and _is_whole(lesson.run, writer):
        task = PublishedTask(
            workspace=session.workspace,
            run_id=lesson.run.id,
            question_encoder=question,
            passage_encoder=passage,
            generator=generator,
            writer=writer,
            passages=passages,
            vectors=stored_vectors(session.workspace, vectors_key(session, lesson.run.indexed_by)),
            training=training,
            validation=validation,
            settings=settings,
            seed=lesson.seed,
            monitor=monitor,
        )
        many = task.model.config.n_docs
    else:
        task = _joint_task(lesson, start, (question, passage), generator, writer, (training, validation), passages)
        many = settings.passages
    without_dropout(task.model)
    freeze_position_bias(task.model)
    outcome = train(
        task,
        lesson.plan(settings, validations_per_epoch=settings.validations),
        run_id=lesson.run.id,
        workspace=session.workspace,
        device=session.device,
        monitor=monitor,
    )
    merge_adapters(adapters)
    objects = session.workspace.objects

    def published(model: str, encoder: Encoder) -> str:
        return TUNED + objects.publish_folder({**session.model_files(model), "model.safetensors": encoder.weights()})

    run = replace(
        lesson.run,
        encoder=published(lesson.run.encoder, question),
        passage_encoder=published(lesson.run.passage_encoder, passage) if lesson.run.passage_encoder else "",
        temperature=task.model.temperature if isinstance(task, JointTask) else lesson.run.temperature,
        steps=lesson.run.steps + outcome.steps,
        best_step=outcome.best_step,
    )
    if generator is not None:
        run = replace(run, generator=TUNED + objects.publish_folder(model_files(files, own_weights(generator))))
    reading = READINGS[lesson.objective] if isinstance(task, JointTask) else lesson.run.reading
    return decide(lesson, run, start, found_before, many=many, reading=reading)


def models_of(run: Run) -> tuple[str, str, str]:
    """Return what a run searches and answers with."""
    return run.encoder, run.passage_encoder, run.generator


def decide(
    lesson: Lesson, run: Run, start: Retriever, found_before: dict[str, float], *, many: int, reading: Reading
) -> Run:
    """Return the tuned `run` as it answers validation questions best, or with the models before if those are no worse.

    Models named to start from are no measure: the run is held against its parent, unless its models were tuned
    separately just now.
    """
    session, monitor = lesson.session, lesson.monitor
    questions = [question.question for question in lesson.validation]
    known, search = lesson.run, start
    if "generator kept" not in known.after and models_of(known) != models_of(lesson.parent):
        known, search = lesson.parent, load_retriever(session, lesson.parent, monitor)
        _, found_before = measured(search, lesson.validation, search.fusion)
    tuned = load_retriever(session, run, monitor)
    tuned.fusion, found = measured(tuned, lesson.validation, DENSE_ONLY if start.fusion == DENSE_ONLY else None)
    together = lesson.run.passages_per_answer
    said_before = answered(lesson, known, search, search.search(questions, top_k=max(RETRIEVED, many)))
    hits = tuned.search(questions, top_k=max(RETRIEVED, many))
    best: tuple[Run, dict[str, float]] | None = None
    ways: dict[tuple[Reading, int], None] = {(reading, together if reading == "together" else many): None}
    ways[lesson.run.reading, together] = None
    for how, number in ways:
        temperature = run.temperature if how in ("sequence", "token") else lesson.run.temperature
        tried = replace(run, fusion=tuned.fusion, reading=how, passages_per_answer=number, temperature=temperature)
        scores = answered(lesson, tried, tuned, hits)
        if best is None or scores["f1"] > best[1]["f1"]:
            best = tried, scores
    assert best is not None  # one way of reading is always tried
    chosen, said = best
    kept = said["f1"] > said_before["f1"]
    if not kept:
        if run.indexed_by != lesson.run.indexed_by:
            session.workspace.vectors.drop(vectors_key(session, run.indexed_by))
        chosen = replace(
            answering_as(lesson.run, known),
            encoder=known.encoder,
            passage_encoder=known.passage_encoder,
            fusion=known.fusion,
            steps=run.steps,
            best_step=run.best_step,
        )
    final = {**found, **said} if kept else {}
    return replace(
        chosen,
        before={**found_before, **said_before, **lesson.run.before, "joint f1": said_before["f1"]},
        after={**found, **said, **lesson.run.after, **final, "joint f1": said["f1"], "joint kept": float(kept)},
    )


def _joint_task(
    lesson: Lesson,
    start: Retriever,
    encoders: tuple[Encoder, Encoder],
    generator: PreTrainedModel | None,
    writer: PromptWriter,
    questions: tuple[Sequence[Question], Sequence[Question]],
    passages: Mapping[str, Passage],
) -> JointTask:
    session, settings = lesson.session, lesson.settings.joint
    question, passage = encoders
    training, validation = questions
    shortlist = Shortlist(
        session.workspace,
        lesson.run.id,
        question_encoder=question,
        passage_encoder=passage,
        start=start,
        questions=(*training, *validation),
        passages=passages,
        size=settings.over_retrieved,
        monitor=lesson.monitor,
    )
    return JointTask(
        Pair(question, passage, generator, temperature=lesson.run.temperature),
        question_encoder=question,
        passage_encoder=passage,
        writer=writer,
        shortlist=shortlist,
        passages=passages,
        training=training,
        validation=validation,
        objective=lesson.objective,
        settings=settings,
        seed=lesson.seed,
        monitor=lesson.monitor,
        score=None if generator is not None else load_runtime(session, lesson.run.generator).score,
    )


def _is_whole(run: Run, writer: PromptWriter) -> bool:
    """Tell whether the run is a published checkpoint with its context encoder: what transformers' classes take."""
    return bool(run.passage_encoder) and writer.layout is not None


def _answered(questions: Sequence[Question]) -> tuple[Question, ...]:
    return tuple(question for question in questions if question.answers and not question.unanswerable)
