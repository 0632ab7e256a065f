"""The retriever's stage: tune the encoder, mix it with the base, rebuild the index, tune the fusion, decide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from engine.evaluation.metrics import hit_at, ndcg_at
from engine.records import Fusion, Question, Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.fusion import mean_metric, tune
from engine.retrieval.retriever import Retriever, load_retriever, vectors_key
from engine.session import BASE, TUNED
from engine.training.loop import train
from engine.training.retriever import RetrieverTask, Validation, interpolate, mine
from engine.training.stage import Lesson


def tune_retriever(lesson: Lesson) -> Run:
    """Return the run with its tuned encoder and fusion, or with its parent's encoder if that measures no worse.

    The encoder is measured on validation questions over the whole index, with the fusion weight tuned for either.
    """
    session, monitor = lesson.session, lesson.monitor
    passages = lesson.passages()
    untuned = load_retriever(session, lesson.run, monitor)
    untuned.fusion, before = measured(untuned, lesson.validation)
    if lesson.parent.id == BASE:
        session.set_base_fusion(untuned.fusion)
    files = session.model_files(lesson.run.encoder)
    encoder = Encoder(files, session.device)
    base = {name: tensor.detach().clone() for name, tensor in encoder.model.state_dict().items()}
    settings = lesson.settings.retriever
    pairs = mine(lesson.training, passages, untuned, settings, monitor)
    validation = Validation(lesson.validation, passages, untuned, monitor)
    task = RetrieverTask(encoder, pairs, validation, settings, seed=lesson.seed)
    outcome = train(
        task,
        lesson.plan(settings, validations_per_epoch=1),
        run_id=lesson.run.id,
        workspace=session.workspace,
        device=session.device,
        monitor=monitor,
    )
    interpolate(encoder, base, outcome.best_score, validation, monitor)
    digest = session.workspace.objects.publish_folder({**files, "model.safetensors": encoder.weights()})
    run = replace(
        lesson.run, encoder=TUNED + digest, steps=lesson.run.steps + outcome.steps, best_step=outcome.best_step
    )
    tuned = load_retriever(session, run, monitor)
    fusion, after = measured(tuned, lesson.validation)
    kept = after["ndcg@10"] > before["ndcg@10"]
    if not kept:
        session.workspace.vectors.drop(vectors_key(session, run.encoder))
        run = replace(run, encoder=lesson.run.encoder)
        fusion = untuned.fusion
    scores = {**after, "retriever kept": float(kept)}
    return replace(run, fusion=fusion, before={**run.before, **before}, after={**run.after, **scores})


def measured(retriever: Retriever, questions: Sequence[Question]) -> tuple[Fusion, dict[str, float]]:
    """Return the best fusion on `questions` and what it reaches: nDCG@10 and hit@1 of the fused ranking."""
    candidates = retriever.candidates([question.question for question in questions])
    evidence = [question.evidence for question in questions]
    fusion = tune(candidates, evidence, metric=ndcg_at)

    def hit_at_1(ranked: Sequence[str], relevant: Sequence[str]) -> float:
        return hit_at(ranked, relevant, k=1)

    return fusion, {
        "ndcg@10": mean_metric(candidates, evidence, fusion, metric=ndcg_at),
        "hit@1": mean_metric(candidates, evidence, fusion, metric=hit_at_1),
    }
