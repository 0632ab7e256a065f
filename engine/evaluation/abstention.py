"""Metrics of not knowing, pure functions: is the confidence worth something, and is too much or too little left out.

Selective prediction after El-Yaniv & Wiener 2010 and Kamath et al. 2020: with a threshold on the confidence, coverage
is the share of questions answered, and risk the share of these that are answered wrongly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RIGHT_FROM_F1 = 0.5  # an answer sharing this much with a known one is counted as right
SET_RISK = 0.05


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One threshold: what it lets through and how much of that is wrong."""

    coverage: float
    risk: float
    confidence: float  # the threshold


@dataclass(frozen=True, slots=True)
class Abstention:
    """How well a run knows what it does not know."""

    auroc: float | None  # None where all answers are right, or all are wrong
    coverage_at_risk: float  # the largest share answered with at most 5 % of it wrong
    over_refusal: float  # of the questions with an answer in the documents, declined
    under_refusal: float  # of the questions without one, answered; 0 where there are none
    answerable: int
    unanswerable: int
    curve: tuple[CurvePoint, ...]


def auroc(confidences: Sequence[float], right: Sequence[bool]) -> float | None:
    """How often a right answer has the higher confidence than a wrong one, ties half (Mann & Whitney 1947).

    None where there is none of one kind.

    >>> auroc([0.9, 0.8, 0.3], [True, False, False])
    1.0
    """
    labels = np.asarray(right, dtype=bool)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return None
    sure = np.asarray(confidences, dtype=np.float64)
    _, places, counts = np.unique(sure, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]  # 1-based, ties share their mean
    return float((ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def risk_coverage(confidences: Sequence[float], right: Sequence[bool], *, questions: int) -> tuple[CurvePoint, ...]:
    """The curve, from the most confident answer to all; answers of one confidence enter together.

    `questions` is what coverage is a share of: all that were asked, the declined ones included.

    >>> curve = risk_coverage([0.9, 0.5], [True, False], questions=4)
    >>> [(point.coverage, point.risk) for point in curve]
    [(0.25, 0.0), (0.5, 0.5)]
    """
    if not len(confidences):
        return ()
    order = np.argsort(-np.asarray(confidences, dtype=np.float64), kind="stable")
    sure = np.asarray(confidences, dtype=np.float64)[order]
    wrong = np.cumsum(~np.asarray(right, dtype=bool)[order])
    ends = np.flatnonzero(np.append(np.diff(sure) != 0, True))
    return tuple(
        CurvePoint((int(end) + 1) / questions, float(wrong[end]) / (int(end) + 1), float(sure[end])) for end in ends
    )


def coverage_at(curve: Sequence[CurvePoint], *, risk: float = SET_RISK) -> float:
    """The largest coverage of the curve whose risk is at most `risk`; 0 where there is none.

    >>> coverage_at(risk_coverage([0.9, 0.5], [True, False], questions=2))
    0.5
    """
    return max((point.coverage for point in curve if point.risk <= risk), default=0.0)


def refusals(declined: Sequence[bool], answerable: Sequence[bool]) -> tuple[float, float]:
    """(over-refusal, under-refusal): answerable questions declined, and unanswerable ones answered, as shares.

    >>> refusals([True, False, False], [True, True, False])
    (0.5, 1.0)
    """
    over = [said for said, can in zip(declined, answerable, strict=True) if can]
    under = [not said for said, can in zip(declined, answerable, strict=True) if not can]
    return (sum(over) / len(over) if over else 0.0, sum(under) / len(under) if under else 0.0)


def abstention(
    *, confidences: Sequence[float], declined: Sequence[bool], right: Sequence[bool], answerable: Sequence[bool]
) -> Abstention:
    """All of it, one entry a question. `right` says of an answer that was given whether it is right.

    >>> known = {"declined": [False, False, True], "right": [True, False, False], "answerable": [True] * 3}
    >>> abstention(confidences=[0.9, 0.2, 0.4], **known).auroc
    1.0
    """
    given = [row for row, said in enumerate(declined) if not said]
    sure, correct = [confidences[row] for row in given], [bool(right[row]) for row in given]
    curve = risk_coverage(sure, correct, questions=max(len(declined), 1))
    over, under = refusals(declined, answerable)
    return Abstention(
        auroc=auroc(sure, correct),
        coverage_at_risk=coverage_at(curve),
        over_refusal=over,
        under_refusal=under,
        answerable=sum(map(bool, answerable)),
        unanswerable=sum(not can for can in answerable),
        curve=curve,
    )
