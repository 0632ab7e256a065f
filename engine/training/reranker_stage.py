"""Whether a reranker of the library helps: tried on the validation questions once the retriever is tuned."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engine.evaluation.metrics import ndcg_at
from engine.records import Run
from engine.retrieval.fusion import MIN_QUESTIONS_FOR_WEIGHT, fuse, rerank
from engine.retrieval.reranker import Reranker
from engine.retrieval.retriever import load_retriever
from engine.training.stage import Lesson

MEASURE = "reranked ndcg@10"
WEIGHTS = (0.3, 0.6, 0.9)
LEAST_GAIN = 0.005  # of nDCG@10: a question costs twenty more passages to be read


def choose_reranker(lesson: Lesson, run: Run) -> Run:
    """Return the run with the reranker and weight that rank the validation questions' evidence best, or with none.

    None is used where it gains too little, or fewer than 30 questions could tell.
    """
    session, monitor = lesson.session, lesson.monitor
    run, settings = replace(run, reranker="", rerank_weight=0.0), run.settings
    names = [info.name for info in session.library.list() if info.kind == "reranker" and info.trusted]
    if not names or len(lesson.validation) < MIN_QUESTIONS_FOR_WEIGHT:
        return run
    retriever = load_retriever(session, run, monitor)
    found = retriever.candidates([question.question for question in lesson.validation])
    fused = [fuse(one, run.fusion) for one in found]

    def mean_ndcg(scores: list[np.ndarray]) -> float:
        return float(
            np.mean(
                [
                    ndcg_at([one.passage_ids[row] for row in np.argsort(-each, kind="stable")], question.evidence)
                    for one, each, question in zip(found, scores, lesson.validation, strict=True)
                ]
            )
        )

    without = best = mean_ndcg(fused)
    for name in names:
        reranker = Reranker(session.model_files(name), session.device)
        judged: list[tuple[np.ndarray, np.ndarray]] = []
        asked = list(zip(lesson.validation, found, fused, strict=True))
        for question, one, scores in monitor.track(asked, f"Trying {name}"):
            rows, texts = retriever.best(one, scores)
            judged.append((rows, reranker.scores(question.question, texts, check=monitor.check)))
        for weight in WEIGHTS:
            mixed = [
                rerank(scores, rows, seen, weight=weight) for scores, (rows, seen) in zip(fused, judged, strict=True)
            ]
            reached = mean_ndcg(mixed)
            if reached > max(best, without + LEAST_GAIN):
                best = reached
                run = replace(run, reranker=name, rerank_weight=weight, settings={**settings, "reranker": name})
    scores = {MEASURE: best, "reranker kept": float(bool(run.reranker))}
    return replace(session.bound(run), before={**run.before, MEASURE: without}, after={**run.after, **scores})
