"""Confidence: a probability fitted on answered and unanswerable questions, and none where too few were measured."""

from __future__ import annotations

import numpy as np
import pytest

from engine.generation.confidence import NAMES, confidence, features, fit
from engine.generation.reading import Draft
from engine.records import Hit, Passage


def hit(score: float, dense: float, lexical: float) -> Hit:
    return Hit(Passage("d:0", "d", "T", "text", None, "", 0, 4), score, dense, lexical)


def examples(questions: int) -> tuple[np.ndarray, np.ndarray]:
    chance = np.random.default_rng(0)
    answerable = np.arange(questions) % 2 == 0
    known = chance.normal(size=(questions, len(NAMES)))
    known[:, 0] += 2.0 * answerable
    return known, answerable


def test_it_learns_which_questions_the_documents_answer() -> None:
    known, answerable = examples(1000)
    calibration = fit(known, answerable)
    assert calibration is not None
    sure = np.array([confidence(calibration, row) for row in known])
    assert sure[answerable].mean() > 0.7 > 0.3 > sure[~answerable].mean()
    # A probability: among those said to be 70 to 90 % likely, about that share is answered.
    likely = (sure > 0.7) & (sure < 0.9)
    assert answerable[likely].mean() == pytest.approx(0.8, abs=0.1)


def test_the_suggested_risk_leaves_one_answerable_question_in_twenty_without() -> None:
    known, answerable = examples(400)
    calibration = fit(known, answerable)
    assert calibration is not None
    refused = [1 - confidence(calibration, row) > calibration.risk for row in known[answerable]]
    assert np.mean(refused) == pytest.approx(0.05, abs=0.01)


def test_a_perfect_sign_gives_finite_weights() -> None:
    known, answerable = examples(80)
    known[:, 1] = answerable * 10.0
    calibration = fit(known, answerable)
    assert calibration is not None and np.isfinite(calibration.weights).all()


def test_without_enough_questions_there_is_no_calibration() -> None:
    assert fit(*examples(40)) is None
    known, _ = examples(100)
    assert fit(known, np.ones(100, dtype=bool)) is None


def test_features_are_those_that_are_named() -> None:
    known = features(
        "How long is it?", [hit(0.9, 0.6, 8.0), hit(0.5, 0.4, 4.0)], Draft("14 days", 0.5, 0.8, -3.0, ()), 1.0
    )
    assert len(known) == len(NAMES)
    assert known[:6].tolist() == pytest.approx([0.6, 0.2, 2.0, 1.0, 0.4, 1.0])
    assert np.isfinite(features("", [], Draft("", 0.0, 0.0, 0.0, ()), 0.0)).all()


def test_the_words_of_an_unspaced_question_are_counted_as_the_index_sees_them() -> None:
    spaced = features("how long is it kept", [hit(0.9, 0.6, 10.0)], Draft("", 0.0, 0.0, 0.0, ()), 0.0)
    unspaced = features("保存多久", [hit(0.9, 0.6, 8.0)], Draft("", 0.0, 0.0, 0.0, ()), 0.0)
    assert (spaced[2], unspaced[2]) == (2.0, 2.0)


def test_what_lies_far_outside_of_what_was_fitted_makes_no_more_sure_than_its_border() -> None:
    known, answerable = examples(400)
    calibration = fit(known, answerable)
    assert calibration is not None
    centre, scale = np.array(calibration.centre), np.array(calibration.scale)
    assert confidence(calibration, centre + 40 * scale) == pytest.approx(confidence(calibration, centre + 3 * scale))
    assert confidence(calibration, centre + 2 * scale) != confidence(calibration, centre + 3 * scale)


def test_answerable_questions_count_as_much_as_the_others_however_many_those_are() -> None:
    known, answerable = examples(300)
    once = fit(known, answerable)
    missing = known[~answerable]
    twice = fit(np.vstack([known, missing, missing]), np.append(answerable, np.zeros(2 * len(missing), dtype=bool)))
    assert once is not None and twice is not None
    for row in known[:20]:
        assert confidence(twice, row) == pytest.approx(confidence(once, row), abs=0.02)
