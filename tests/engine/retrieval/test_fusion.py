"""Fusion: the formula, its units, and the choice of the weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.metrics import ndcg_at
from engine.records import Fusion, Matching
from engine.retrieval.fusion import Candidates, fuse, ranked, tune


def found(*rows: tuple[str, float, float]) -> Candidates:
    return Candidates(
        tuple(row[0] for row in rows), np.array([row[1] for row in rows]), np.array([row[2] for row in rows])
    )


def test_convex_combination_of_scores_in_their_units() -> None:
    fusion = Fusion(0.25, dense_unit=0.8, lexical_unit=20.0)
    scores = fuse(found(("a", 0.9, 0.0), ("b", 0.5, 10.0), ("c", 0.1, 5.0)), fusion)
    assert scores == pytest.approx([0.25 * 0.9 / 0.8, 0.25 * 0.5 / 0.8 + 0.75 * 0.5, 0.25 * 0.1 / 0.8 + 0.75 * 0.25])


def test_the_units_are_the_questions_means_and_a_weak_match_stays_weak() -> None:
    strong, weak = found(("a", 0.2, 30.0), ("b", 0.6, 10.0)), found(("a", 0.2, 3.0), ("b", 0.6, 1.0))
    fusion = replace(tune([strong, weak] * 20, [("a",), ("b",)] * 20, metric=ndcg_at), weight=0.5)
    assert (fusion.dense_unit, fusion.lexical_unit) == pytest.approx((0.4, 16.5))
    assert [ranked(one, fusion)[0] for one in (strong, weak)] == ["a", "b"]


def test_without_units_scores_are_scaled_within_the_question() -> None:
    scores = fuse(found(("a", 0.9, 0.0), ("b", 0.5, 10.0), ("c", 0.1, 5.0)), Fusion(0.25))
    assert scores == pytest.approx([0.25, 0.25 * 0.5 + 0.75, 0.75 * 0.5])


def test_equal_scores_and_no_candidates_do_no_harm() -> None:
    assert fuse(found(("a", 0.5, 0.0), ("b", 0.5, 0.0)), Fusion()).tolist() == [0.0, 0.0]
    nothing = [found(("a", 0.0, 0.0), ("b", 0.0, 0.0)), found()] * 20
    assert ranked(nothing[0], tune(nothing, [("a",)] * 40, metric=ndcg_at)) == ["a", "b"]
    assert ranked(found(), Fusion(0.5)) == []


@pytest.mark.parametrize(("right", "weight_side"), [("a", 1.0), ("b", 0.0)])
def test_the_weight_goes_where_the_right_passages_are(right: str, weight_side: float) -> None:
    questions = [found(("a", 0.9, 1.0), ("b", 0.2, 9.0))] * 40
    fusion = tune(questions, [(right,)] * 40, metric=ndcg_at)
    assert abs(fusion.weight - weight_side) <= 0.5
    assert ranked(questions[0], fusion)[0] == right


def test_below_thirty_questions_neither_weight_nor_units_are_learnt() -> None:
    assert tune([found(("a", 0.9, 1.0))] * 29, [("a",)] * 29, metric=ndcg_at) == Fusion()


def test_below_thirty_questions_a_known_weight_stays_in_units_of_the_scores_of_now() -> None:
    known = Fusion(0.3, Matching(0.5, 0.25, 0.1), 9.0, 9.0)
    questions = [found(("a", 0.9, 1.0), ("b", 0.2, 9.0))] * 29
    fusion = tune(questions, [("a",)] * 29, metric=ndcg_at, known=known)
    assert (fusion.weight, fusion.matching) == (0.3, known.matching)
    assert (fusion.dense_unit, fusion.lexical_unit) == pytest.approx((0.7, 9.0))
    learnt = tune([*questions, *questions], [("a",)] * 58, metric=ndcg_at, known=known)
    assert learnt.weight > 0.3 and learnt.matching == known.matching
