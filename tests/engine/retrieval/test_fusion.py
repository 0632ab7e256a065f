"""Fusion: the two formulas, and the choice of the weight."""

from __future__ import annotations

import numpy as np
import pytest

from engine.evaluation.metrics import ndcg_at
from engine.records import Fusion
from engine.retrieval.fusion import Candidates, fuse, ranked, tune


def found(*rows: tuple[str, float, float]) -> Candidates:
    return Candidates(
        tuple(row[0] for row in rows), np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    )


def test_convex_combination_of_scaled_scores() -> None:
    scores = fuse(found(("a", 0.9, 0.0), ("b", 0.5, 10.0), ("c", 0.1, 5.0)), Fusion("convex", 0.25))
    assert scores == pytest.approx([0.25, 0.25 * 0.5 + 0.75, 0.75 * 0.5])


def test_reciprocal_ranks_count_only_lists_a_passage_stands_in() -> None:
    scores = fuse(found(("a", 0.9, 0.0), ("b", 0.5, 10.0)), Fusion("rrf"))
    assert scores == pytest.approx([1 / 61, 1 / 62 + 1 / 61])


def test_equal_scores_and_no_candidates_do_no_harm() -> None:
    assert fuse(found(("a", 0.5, 0.0), ("b", 0.5, 0.0)), Fusion("convex", 0.5)).tolist() == [0.0, 0.0]
    assert ranked(found(), Fusion("convex", 0.5)) == []


@pytest.mark.parametrize(("right", "weight_side"), [("a", 1.0), ("b", 0.0)])
def test_the_weight_goes_where_the_right_passages_are(right: str, weight_side: float) -> None:
    questions = [found(("a", 0.9, 1.0), ("b", 0.2, 9.0))] * 40
    fusion = tune(questions, [(right,)] * 40, metric=ndcg_at)
    assert fusion.mode == "convex"
    assert abs(fusion.weight - weight_side) <= 0.5
    assert ranked(questions[0], fusion)[0] == right


def test_below_thirty_questions_the_ranks_are_fused() -> None:
    assert tune([found(("a", 0.9, 1.0))] * 29, [("a",)] * 29, metric=ndcg_at) == Fusion("rrf")
