"""Knowing when it doesn't know: the probability that the documents answer, fitted on validation questions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.generation.reading import Draft
from engine.records import Calibration, Hit
from engine.workspace.matching import matched_text

MIN_QUESTIONS = 30  # with an answer; below it, the generator's own likelihood is all there is
OVER_REFUSAL = 0.05  # share of validation questions with an answer that the suggested risk leaves without
_FARTHEST = 3.0  # standard deviations from the mean: beyond, hardly anything was fitted, and a feature tells no more
_RIDGE = 1.0  # L2 penalty, in units of one question
_STEPS = 50

NAMES = (
    "cosine of the best passage",
    "its lead in cosine",
    "BM25 of the best passage, per word of the question",
    "its lead in BM25",
    "lead of the first passage",
    "both indexes agree on the first passage",
    "log likelihood of the answer",
    "agreement of the passages",
    "doubt of the best passage",
    "no answer written",
    "support by quotes",
)


def features(question: str, hits: Sequence[Hit], draft: Draft, support: float) -> np.ndarray:
    """Return what is known of an answer before anyone checked it, in the order of NAMES; shape (11,)."""
    dense = sorted((hit.dense or 0.0 for hit in hits), reverse=True)
    lexical = sorted((hit.lexical or 0.0 for hit in hits), reverse=True)
    fused = [hit.score for hit in hits]
    words = max(len((matched_text(question) or question).split()), 1)  # those that BM25 adds up
    first = max(range(len(hits)), key=lambda row: hits[row].dense or 0.0, default=0)
    other = max(range(len(hits)), key=lambda row: hits[row].lexical or 0.0, default=0)
    return np.array(
        [
            _first(dense),
            _lead(dense),
            _first(lexical) / words,
            _lead(lexical) / words,
            _lead(fused),
            float(first == other),
            math.log(max(draft.likelihood, 1e-6)),
            draft.agreement,
            draft.doubt,
            float(not draft.text),
            support,
        ]
    )


def fit(known: np.ndarray, answerable: np.ndarray) -> Calibration | None:
    """Fit the regression on features of shape (Q, 11) and whether the documents answer, shape (Q,), by Newton's steps.

    Those that have an answer count as much together as those that have none, however many there are. None where fewer
    than MIN_QUESTIONS have an answer, or none lacks one.
    """
    answerable = answerable.astype(np.float64)
    if answerable.sum() < MIN_QUESTIONS or answerable.all():
        return None
    counts = np.where(answerable == 1, 0.5 / answerable.mean(), 0.5 / (1 - answerable.mean()))  # (Q,), 1 on average
    centre, scale = known.mean(axis=0), np.maximum(known.std(axis=0), 1e-6)
    design = np.hstack([_scaled(known, centre, scale), np.ones((len(known), 1))])  # (Q, 12)
    penalty = np.diag([_RIDGE] * known.shape[1] + [0.0])
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        expected = _sigmoid(design @ weights)
        gradient = design.T @ (counts * (expected - answerable)) + penalty @ weights
        curvature = (design.T * (counts * expected * (1 - expected))) @ design + penalty
        weights -= np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), gradient)
    sure = _sigmoid(design @ weights)
    return Calibration(
        names=NAMES,
        centre=tuple(centre.tolist()),
        scale=tuple(scale.tolist()),
        weights=tuple(weights[:-1].tolist()),
        bias=float(weights[-1]),
        risk=float(1 - np.quantile(sure[answerable == 1], OVER_REFUSAL)),
        questions=len(known),
    )


def confidence(calibration: Calibration, known: np.ndarray) -> float:
    """Return the probability that the documents answer, 0 to 1."""
    scaled = _scaled(known, np.array(calibration.centre), np.array(calibration.scale))
    return float(_sigmoid(scaled @ np.array(calibration.weights) + calibration.bias))


def _scaled(known: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    return np.clip((known - centre) / scale, -_FARTHEST, _FARTHEST)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(values, -30, 30)))


def _first(values: Sequence[float]) -> float:
    return values[0] if values else 0.0


def _lead(values: Sequence[float]) -> float:
    return values[0] - values[1] if len(values) > 1 else _first(values)
