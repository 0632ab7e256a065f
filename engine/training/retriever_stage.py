"""The retriever's stage: learn to match words, tune the encoder, rebuild the index, tune the fusion, decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.evaluation.metrics import hit_at, ndcg_at
from engine.records import Fusion, Question, Run
from engine.retrieval.base_fusion import labelled, untuned_fusion
from engine.retrieval.encoder import Encoder
from engine.retrieval.fusion import DENSE_ONLY, MIN_QUESTIONS_FOR_WEIGHT, mean_metric, tune
from engine.retrieval.retriever import Retriever, load_retriever, vectors_key
from engine.session import TUNED
from engine.training.forgetting import GENERAL, MOST_FORGOTTEN, general_ndcg
from engine.training.loop import train
from engine.training.matching import learn_matching
from engine.training.retriever import RetrieverTask, Validation, fitted, interpolate, mine
from engine.training.stage import Lesson

DENSE = "dense ndcg@10"  # of the encoder's ranking alone


def tune_retriever(lesson: Lesson) -> Run:
    """Return the run with what its retriever learnt: how words match, the encoder, and the fusion of the two.

    It is kept only if it ranks better than the parent, whose encoder may be another; the tuned encoder only if its
    rankings, fused and dense, are better than the untuned one's too: on validation questions over the whole index, with
    the fusion weight tuned for each.
    """
    session, monitor = lesson.session, lesson.monitor
    another = lesson.parent.encoder != lesson.run.encoder
    retriever = load_retriever(session, lesson.run, monitor)
    if another and len(lesson.validation) < MIN_QUESTIONS_FOR_WEIGHT:  # the parent's weight is of its own encoder
        retriever.fusion = untuned_fusion(retriever, labelled(session), monitor)
    retriever.fusion, untuned = _measured_in_general(retriever, lesson)
    parent_fusion, before = retriever.fusion, untuned
    if another:
        parent_fusion, before = _measured_in_general(load_retriever(session, lesson.parent, monitor), lesson)
    matching = learn_matching(lesson.training, retriever.lexical, monitor)
    retriever.fusion = replace(retriever.fusion, matching=matching)
    retriever.fusion, reached = measured(retriever, lesson.validation)
    run = _tune_encoder(lesson, retriever, least_general=untuned[GENERAL] - MOST_FORGOTTEN)
    tuned_encoder = run.encoder
    tuned = load_retriever(session, replace(run, fusion=retriever.fusion), monitor)
    fusion, after = _measured_in_general(tuned, lesson)
    learnt = after["ndcg@10"] + after[DENSE] > reached["ndcg@10"] + reached[DENSE]
    if not learnt or after["ndcg@10"] <= before["ndcg@10"] < reached["ndcg@10"]:
        run, fusion, after = replace(run, encoder=lesson.run.encoder), retriever.fusion, {**untuned, **reached}
    kept = after["ndcg@10"] > before["ndcg@10"]
    if not kept:
        parent, fusion = lesson.parent, parent_fusion
        run = replace(run, encoder=parent.encoder, passage_encoder=parent.passage_encoder)
    if run.encoder != tuned_encoder:
        session.workspace.vectors.drop(vectors_key(session, tuned_encoder))
    scores = {**after, "retriever kept": float(kept)}
    return replace(run, fusion=fusion, before={**run.before, **before}, after={**run.after, **scores})


def measured(
    retriever: Retriever, questions: Sequence[Question], fusion: Fusion | None = None
) -> tuple[Fusion, dict[str, float]]:
    """Return `fusion`, or else the best on `questions`, and what it reaches: nDCG@10, also without words, and hit@1."""
    candidates = retriever.candidates([question.question for question in questions])
    evidence = [question.evidence for question in questions]
    fusion = fusion or tune(candidates, evidence, metric=ndcg_at, known=retriever.fusion)

    def hit_at_1(ranked: Sequence[str], relevant: Sequence[str]) -> float:
        return hit_at(ranked, relevant, k=1)

    return fusion, {
        "ndcg@10": mean_metric(candidates, evidence, fusion, metric=ndcg_at),
        DENSE: mean_metric(candidates, evidence, DENSE_ONLY, metric=ndcg_at),
        "hit@1": mean_metric(candidates, evidence, fusion, metric=hit_at_1),
    }


def _measured_in_general(retriever: Retriever, lesson: Lesson) -> tuple[Fusion, dict[str, float]]:
    """Return the best fusion, and what it reaches on validation questions and on the general check set."""
    fusion, reached = measured(retriever, lesson.validation)
    return fusion, {**reached, GENERAL: general_ndcg(retriever.encoder)}


def _tune_encoder(lesson: Lesson, retriever: Retriever, *, least_general: float) -> Run:
    """Tune the encoder, mix it with the base, publish it, and return the run that has it.

    No mixture is taken that is below `least_general` on the general check set.
    """
    session, monitor = lesson.session, lesson.monitor
    passages = lesson.passages()
    files = session.model_files(lesson.run.encoder)
    encoder = Encoder(files, session.device)
    base = {name: tensor.detach().clone() for name, tensor in encoder.model.state_dict().items()}
    settings = lesson.settings.retriever
    pairs = mine(lesson.training, passages, retriever, settings, monitor)
    validation = Validation(lesson.validation, passages, retriever, monitor)

    def score(encoder: Encoder) -> float:
        return float(validation.gains(encoder).mean())

    task = RetrieverTask(encoder, pairs, fitted(settings, encoder, pairs), score=score, seed=lesson.seed)
    task.fit_memory(session.device)
    outcome = train(
        task,
        lesson.plan(settings, validations_per_epoch=1),
        run_id=lesson.run.id,
        workspace=session.workspace,
        device=session.device,
        monitor=monitor,
    )
    interpolate(encoder, base, validation.gains, monitor, allows=lambda encoder: general_ndcg(encoder) >= least_general)
    digest = session.workspace.objects.publish_folder({**files, "model.safetensors": encoder.weights()})
    return replace(
        lesson.run, encoder=TUNED + digest, steps=lesson.run.steps + outcome.steps, best_step=outcome.best_step
    )
