"""Abstention: worked examples, brute force, and what scikit-learn says of the same numbers."""

from __future__ import annotations

import doctest
import random

import pytest

from engine.evaluation import abstention

# From scikit-learn 1.9.1 (roc_auc_score; 1 - precision of precision_recall_curve at these thresholds) on `drawn(7)`.
# tests/benchmarks/scikit_learn.py compares 500 drawn sets where scikit-learn is installed; here it is not, because
# transformers would import it at start.
SKLEARN_AUROC = 0.829386238811228
SKLEARN_RISK = {0.0: 0.486, 0.2: 0.3624678663239075, 0.4: 0.27586206896551724, 0.62: 0.18784530386740328}


def drawn(seed: int, count: int = 500) -> tuple[list[float], list[bool]]:
    source = random.Random(seed)
    confidences = [round(source.random(), 2) for _ in range(count)]
    return confidences, [source.random() < confidence for confidence in confidences]


def test_the_worked_examples_in_the_docstrings_are_right() -> None:
    found = doctest.testmod(abstention)

    assert found.attempted >= 6
    assert found.failed == 0


def test_auroc_and_risk_equal_scikit_learn() -> None:
    confidences, right = drawn(7)

    curve = abstention.risk_coverage(confidences, right, questions=len(right))

    assert abstention.auroc(confidences, right) == pytest.approx(SKLEARN_AUROC, abs=1e-9)
    at = {point.confidence: point.risk for point in curve}
    for threshold, risk in SKLEARN_RISK.items():
        assert at[threshold] == pytest.approx(risk, abs=1e-9)


def test_auroc_is_the_share_of_pairs_in_the_right_order_ties_half() -> None:
    for seed in range(20):
        confidences, right = drawn(seed, count=40)
        pairs = [
            1.0 if good > bad else 0.5 if good == bad else 0.0
            for good, yes in zip(confidences, right, strict=True)
            if yes
            for bad, no in zip(confidences, right, strict=True)
            if not no
        ]
        assert abstention.auroc(confidences, right) == pytest.approx(sum(pairs) / len(pairs), abs=1e-9)


def test_without_a_right_or_without_a_wrong_answer_there_is_no_auroc() -> None:
    assert abstention.auroc([0.5, 0.6], [True, True]) is None
    assert abstention.auroc([], []) is None


def test_declined_questions_are_never_covered() -> None:
    found = abstention.abstention(
        confidences=[0.9, 0.8, 0.1, 0.95],
        declined=[False, False, False, True],
        right=[True, True, False, False],
        answerable=[True, True, True, False],
    )

    assert [point.coverage for point in found.curve] == [0.25, 0.5, 0.75]
    assert (found.coverage_at_risk, found.over_refusal, found.under_refusal) == (0.5, 0.0, 0.0)
    assert (found.answerable, found.unanswerable) == (3, 1)


def test_nothing_asked_is_no_error() -> None:
    found = abstention.abstention(confidences=[], declined=[], right=[], answerable=[])

    assert (found.auroc, found.coverage_at_risk, found.over_refusal, found.curve) == (None, 0.0, 0.0, ())
