"""Fusion: lexical and dense scores become one ranking; its weight is tuned on validation questions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from engine.records import Fusion, Matching
from engine.retrieval.lexical import PLAIN

RRF_CONSTANT = 60  # Cormack, Clarke & Büttcher 2009
MIN_QUESTIONS_FOR_WEIGHT = 30  # below it, a tuned weight is noise: reciprocal ranks are used
WEIGHTS = tuple(round(step * 0.05, 2) for step in range(21))


@dataclass(frozen=True, slots=True)
class Candidates:
    """What both indexes found for one question, without repetition. Three arrays of one length."""

    passage_ids: tuple[str, ...]
    dense: np.ndarray  # cosine of every candidate
    lexical: np.ndarray  # BM25, 0 where no word matches

    def without(self, passage_ids: Collection[str]) -> Candidates:
        """Return what is left without the passages named."""
        kept = [row for row, passage_id in enumerate(self.passage_ids) if passage_id not in passage_ids]
        return Candidates(tuple(self.passage_ids[row] for row in kept), self.dense[kept], self.lexical[kept])


def fuse(candidates: Candidates, fusion: Fusion) -> np.ndarray:
    """Return one score per candidate, higher is better.

    Convex combination after Bruch, Gai & Ingber 2023 (arXiv 2210.11934): each score is scaled to 0…1 within the
    question's candidates, the lexical one from its theoretical minimum 0. RRF: Σ 1 / (60 + rank).
    """
    if not candidates.passage_ids:
        return np.empty(0)
    if fusion.mode == "rrf":
        return _reciprocal_ranks(candidates.dense) + np.where(
            candidates.lexical > 0, _reciprocal_ranks(candidates.lexical), 0.0
        )
    return fusion.weight * _scaled(candidates.dense, float(candidates.dense.min())) + (1 - fusion.weight) * _scaled(
        candidates.lexical, 0.0
    )


def tune(
    candidates: Sequence[Candidates],
    evidence: Sequence[Sequence[str]],
    *,
    metric: Callable[[Sequence[str], Sequence[str]], float],
    matching: Matching = PLAIN,
) -> Fusion:
    """Choose the weight with the best mean `metric(ranked ids, evidence)`; RRF below 30 labelled questions.

    Neighbouring weights are averaged, so that one lucky value is not taken for a trend. `matching`, with which the
    candidates' lexical scores were made, becomes part of the fusion.
    """
    if len(candidates) < MIN_QUESTIONS_FOR_WEIGHT:
        return Fusion("rrf", matching=matching)
    means = np.array([mean_metric(candidates, evidence, Fusion("convex", weight), metric=metric) for weight in WEIGHTS])
    padded = np.pad(means, 1, mode="edge")
    smooth = (padded[:-2] + padded[1:-1] + padded[2:]) / 3
    return Fusion("convex", WEIGHTS[int(smooth.argmax())], matching)


def mean_metric(
    candidates: Sequence[Candidates],
    evidence: Sequence[Sequence[str]],
    fusion: Fusion,
    *,
    metric: Callable[[Sequence[str], Sequence[str]], float],
) -> float:
    """Return the mean of `metric(ranked ids, evidence)` over the questions; 0 without questions."""
    values = [metric(ranked(found, fusion), relevant) for found, relevant in zip(candidates, evidence, strict=True)]
    return float(np.mean(values)) if values else 0.0


def ranked(candidates: Candidates, fusion: Fusion) -> list[str]:
    """Return the candidates' ids, best first."""
    order = np.argsort(-fuse(candidates, fusion), kind="stable")
    return [candidates.passage_ids[index] for index in order]


def _scaled(scores: np.ndarray, least: float) -> np.ndarray:
    span = float(scores.max()) - least
    return (scores - least) / span if span > 0 else np.zeros_like(scores)


def _reciprocal_ranks(scores: np.ndarray) -> np.ndarray:
    ranks = np.empty(len(scores))
    ranks[np.argsort(-scores, kind="stable")] = np.arange(1, len(scores) + 1)
    return 1.0 / (RRF_CONSTANT + ranks)
