"""Fusion: lexical and dense scores become one ranking; its weight is tuned on validation questions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.records import Fusion

MIN_QUESTIONS_FOR_WEIGHT = 30  # below it, a tuned weight is noise
DENSE_ONLY = Fusion(1.0)
WEIGHTS = tuple(round(step * 0.05, 2) for step in range(21))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What both indexes found for one question, without repetition. Three arrays of one length."""

    passage_ids: tuple[str, ...]
    dense: np.ndarray  # cosine of every candidate
    lexical: np.ndarray  # BM25, 0 where no word matches or the lexical index found enough that match better

    def without(self, passage_ids: Collection[str]) -> Candidates:
        """Return what is left without the passages named."""
        kept = [row for row, passage_id in enumerate(self.passage_ids) if passage_id not in passage_ids]
        return Candidates(tuple(self.passage_ids[row] for row in kept), self.dense[kept], self.lexical[kept])

    def followed_by(self, others: Candidates) -> Candidates:
        """Return these and the others after them."""
        return Candidates(
            self.passage_ids + others.passage_ids,
            np.concatenate([self.dense, others.dense]),
            np.concatenate([self.lexical, others.lexical]),
        )


def fuse(candidates: Candidates, fusion: Fusion) -> np.ndarray:
    """Return one score per candidate, higher is better.

    Convex combination (Bruch, Gai & Ingber 2023, arXiv 2210.11934) of scores in units that are the same for every
    question: that a question's best match is a weak one counts. Where no questions were there to learn the units from,
    scores are scaled within the question; that too finds more than reciprocal ranks do.
    """
    if not candidates.passage_ids:
        return np.empty(0)
    dense = candidates.dense / dense_unit(candidates, fusion)
    if fusion.dense_unit is None:
        dense = dense - dense.min()
    lexical = candidates.lexical / (fusion.lexical_unit or float(candidates.lexical.max()) or 1.0)
    return fusion.weight * dense + (1 - fusion.weight) * lexical


def dense_unit(candidates: Candidates, fusion: Fusion) -> float:
    """Return what the dense scores of a question's candidates are divided by."""
    return fusion.dense_unit or float(np.ptp(candidates.dense)) or 1.0


def rerank(fused: np.ndarray, rows: np.ndarray, judged: np.ndarray, *, weight: float) -> np.ndarray:
    """Return the fused scores with a reranker's, 0 to 1, mixed into those of `rows`, the best ones: they stay the best.

    What it did not judge counts as judged worst.
    """
    scores = (1 - weight) * fused
    scores[rows] += weight * judged
    return scores


def followed(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the scores and the others' behind them, those lowered so far that none is above any of the first."""
    if not len(scores) or not len(others):
        return np.concatenate([scores, others])
    return np.concatenate([scores, others - max(float(others.max() - scores.min()), 0.0)])


def tune(
    candidates: Sequence[Candidates],
    evidence: Sequence[Sequence[str]],
    *,
    metric: Callable[[Sequence[str], Sequence[str]], float],
    known: Fusion = Fusion(),  # noqa: B008 - frozen
) -> Fusion:
    """Choose the weight with the best mean `metric(ranked ids, evidence)`; below 30 labelled questions the known one.

    The units are the questions' means: of the span of their dense scores, and of their best lexical score.
    Neighbouring weights are averaged, so that one lucky value is not taken for a trend. `known` is the fusion so far,
    by whose matching the candidates' lexical scores were made: the matching stays, and with few questions the weight.
    """
    few = len(candidates) < MIN_QUESTIONS_FOR_WEIGHT
    if few and known.dense_unit is None:
        return known
    spans = [float(np.ptp(found.dense)) for found in candidates if found.passage_ids]
    tops = [float(found.lexical.max()) for found in candidates if found.passage_ids]
    units = replace(
        known,
        dense_unit=float(np.mean(spans or 1)) or 1.0,
        lexical_unit=float(np.mean(tops or 1)) or 1.0,
    )
    if few:
        return units
    means = np.array(
        [mean_metric(candidates, evidence, replace(units, weight=weight), metric=metric) for weight in WEIGHTS]
    )
    padded = np.pad(means, 1, mode="edge")
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return replace(units, weight=WEIGHTS[int(smooth.argmax())])


def mean_metric(
    candidates: Sequence[Candidates],
    evidence: Sequence[Sequence[str]],
    fusion: Fusion,
    *,
    metric: Callable[[Sequence[str], Sequence[str]], float],
) -> float:
    """Return the mean of `metric(ranked ids, evidence)` over the questions; 0 without questions."""
    values = metric_values(candidates, evidence, fusion, metric=metric)
    return float(values.mean()) if len(values) else 0.0


def metric_values(
    candidates: Sequence[Candidates],
    evidence: Sequence[Sequence[str]],
    fusion: Fusion,
    *,
    metric: Callable[[Sequence[str], Sequence[str]], float],
) -> np.ndarray:
    """Return `metric(ranked ids, evidence)` of each question, shape (Q,)."""
    found = zip(candidates, evidence, strict=True)
    return np.array([metric(ranked(one, fusion), relevant) for one, relevant in found], dtype=np.float64)


def ranked(candidates: Candidates, fusion: Fusion) -> list[str]:
    """Return the candidates' ids, best first."""
    order = np.argsort(-fuse(candidates, fusion), kind="stable")
    return [candidates.passage_ids[index] for index in order]
