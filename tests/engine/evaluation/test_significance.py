"""The bootstrap says what a planted difference is, and admits when there are too few questions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.evaluation.significance import compare, compare_statistic, intervals, statistic_interval

GROUPS = [f"document {row // 6}" for row in range(600)]


def _hits(share: float, *, seed: int, questions: int = 600) -> np.ndarray:
    return (np.random.default_rng(seed).random((questions, 1)) < share).astype(float)


def _run_pair(gain: float, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two runs that agree on most questions; ours gains `gain` by turning wrong answers right (or back)."""
    random = np.random.default_rng(seed)
    theirs = (random.random(600) < 0.5).astype(float)
    # 4 % go one way or the other by chance, `gain` goes one way by design.
    noise = random.random(600)
    ours = theirs.copy()
    ours[noise < 0.04] = (random.random(600) < 0.5).astype(float)[noise < 0.04]
    planted = noise > 1 - 2 * abs(gain)
    ours[planted] = 1.0 if gain > 0 else 0.0
    return ours[:, None], theirs[:, None]


def test_the_interval_holds_the_mean_and_narrows_with_more_documents() -> None:
    values = _hits(0.4, seed=1)

    (low, high) = intervals(values, GROUPS, seed=0)[0]
    (low_few, high_few) = intervals(values[:120], GROUPS[:120], seed=0)[0]

    assert low < values.mean() < high
    assert high - low < (high_few - low_few)
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.24 / 600), rel=0.2)


def test_questions_of_one_document_are_not_independent() -> None:
    """A document all right or all wrong: the interval over documents is wider than over questions."""
    values = np.repeat(_hits(0.5, seed=3, questions=100), 6, axis=0)

    (low, high) = intervals(values, GROUPS, seed=0)[0]
    (low_alone, high_alone) = intervals(values, [str(row) for row in range(600)], seed=0)[0]

    assert high - low > 2 * (high_alone - low_alone)


def test_the_same_seed_gives_the_same_numbers() -> None:
    ours, theirs = _run_pair(0.05, seed=0)

    assert compare(ours, theirs, GROUPS, seed=5) == compare(ours, theirs, GROUPS, seed=5)


@pytest.mark.parametrize(("gain", "verdict"), [(0.05, "better"), (-0.05, "worse")])
def test_a_planted_difference_of_five_points_is_found(gain: float, verdict: str) -> None:
    found = [compare(*_run_pair(gain, seed=seed), GROUPS, seed=seed)[0] for seed in range(40)]

    assert [one.verdict for one in found].count(verdict) >= 38
    assert all(one.p_value < 0.05 for one in found if one.verdict == verdict)


def test_equal_runs_are_hardly_ever_called_different() -> None:
    verdicts = [
        compare(*_run_pair(0.0, seed=seed), GROUPS, seed=seed, resamples=2000)[0].verdict for seed in range(200)
    ]

    assert verdicts.count("better") <= 10  # 5 %
    assert verdicts.count("better") + verdicts.count("worse") <= 20
    assert "no difference shown" in verdicts


def test_identical_runs_show_no_difference() -> None:
    values = _hits(0.4, seed=1)

    found = compare(values, values, GROUPS, seed=0)[0]

    assert (found.difference, found.interval, found.p_value, found.verdict) == (
        0.0,
        (0.0, 0.0),
        1.0,
        "no difference shown",
    )


def test_few_questions_never_tell_whatever_the_difference() -> None:
    found = compare(np.ones((10, 1)), np.zeros((10, 1)), [str(row) for row in range(10)], seed=0)[0]

    assert found.verdict == "not enough questions to tell"
    assert found.questions_needed == 20


@pytest.mark.parametrize(("questions", "documents", "needed"), [(14, 10, 20), (30, 7, 35)])
def test_a_sure_difference_needs_no_more_than_the_fewest_questions_and_documents(
    questions: int, documents: int, needed: int
) -> None:
    ours = np.random.default_rng(0).normal(0.5, 0.3, (questions, 1))
    groups = [str(row % documents) for row in range(questions)]

    found = compare(ours, np.zeros_like(ours), groups, seed=0)[0]

    assert found.interval[0] > 0
    assert (found.verdict, found.questions_needed) == ("not enough questions to tell", needed)


def test_one_document_never_tells() -> None:
    found = compare(np.ones((100, 1)), np.zeros((100, 1)), ["one"] * 100, seed=0)[0]

    assert found.verdict == "not enough questions to tell"
    assert found.questions_needed == 800


def test_a_wide_interval_says_how_many_questions_would_tell() -> None:
    ours, theirs = _hits(0.5, seed=1, questions=60), _hits(0.5, seed=2, questions=60)

    found = compare(ours, theirs, GROUPS[:60], seed=0)[0]

    assert found.verdict == "not enough questions to tell"
    assert 600 < found.questions_needed < 3000


def test_questions_that_a_metric_does_not_apply_to_do_not_count() -> None:
    ours = np.ones((40, 2))
    theirs = np.zeros((40, 2))
    ours[30:, 1] = np.nan
    groups = [str(row) for row in range(40)]

    whole, part = compare(ours, theirs, groups, seed=0)

    assert (whole.questions, part.questions) == (40, 30)
    assert (part.difference, part.verdict) == (1.0, "better")


def test_a_metric_that_applies_to_nothing_says_so() -> None:
    nothing = np.full((30, 1), np.nan)

    assert compare(nothing, nothing, GROUPS[:30], seed=0)[0].verdict == "not enough questions to tell"
    assert intervals(nothing, GROUPS[:30], seed=0) == [(0.0, 0.0)]


def test_a_single_document_still_has_an_interval_of_some_width() -> None:
    low, high = intervals(_hits(0.5, seed=1, questions=40), ["one"] * 40, seed=0)[0]

    assert high - low > 0.2


def test_a_corpus_statistic_is_resampled_by_its_counts() -> None:
    counts = np.array([[1.0, 2.0], [2.0, 2.0]] * 50)

    low, high = statistic_interval(counts, [str(row) for row in range(100)], lambda row: row[0] / row[1], seed=0)

    assert low < 0.75 < high
    assert high - low < 0.15


@pytest.mark.parametrize("gain", [0.05, 0.0, -0.05])
def test_a_corpus_statistic_that_is_a_mean_is_compared_as_means_are(gain: float) -> None:
    ours, theirs = (np.hstack([values, np.ones((600, 1))]) for values in _run_pair(gain, seed=0))

    found = compare_statistic(ours, theirs, GROUPS, lambda row: row[0] / row[1], seed=5)

    (mean,) = compare(ours[:, :1], theirs[:, :1], GROUPS, seed=5)
    assert (found.difference, *found.interval) == pytest.approx((mean.difference, *mean.interval))
    assert replace(found, difference=0.0, interval=(0.0, 0.0)) == replace(mean, difference=0.0, interval=(0.0, 0.0))


def test_a_corpus_statistic_of_nothing_says_so() -> None:
    nothing = np.zeros((0, 2))

    found = compare_statistic(nothing, nothing, [], lambda row: row[0] / row[1], seed=0)

    assert (found.verdict, found.questions) == ("not enough questions to tell", 0)
