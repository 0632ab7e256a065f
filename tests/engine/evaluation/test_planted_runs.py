"""Planted runs: one truly better by five points, one equal, one worse, 200 simulated test sets each."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from engine.evaluation.significance import compare

SETS = 200
DOCUMENTS = 400  # with about 6 questions each: by the rule of `questions_needed`, doubled, enough to see 5 points
CHANGED = 0.14  # of the answers, from right to wrong or back, in a run that is no better
_DOCUMENT_SPREAD = 0.10  # standard deviation of how much a document suits one run more than the other


def planted(gain: float, *, documents: int, seed: int) -> tuple[np.ndarray, list[str]]:
    """Ours minus theirs, (questions, sets): -1, 0 or 1 by right and wrong, with `gain` more right on average."""
    random = np.random.default_rng(seed)
    groups = np.repeat(np.arange(documents), random.integers(1, 12, size=documents))
    drift = random.normal(0, _DOCUMENT_SPREAD, size=(documents, SETS))[groups]
    drawn = random.random((len(groups), SETS))
    won = np.clip((CHANGED + gain + drift) / 2, 0, 1)
    lost = np.clip((CHANGED - gain - drift) / 2, 0, 1)
    return np.where(drawn < won, 1.0, np.where(drawn > 1 - lost, -1.0, 0.0)), [str(group) for group in groups]


def verdicts(gain: float, *, documents: int, seed: int = 11) -> Counter[str]:
    differences, groups = planted(gain, documents=documents, seed=seed)
    return Counter(one.verdict for one in compare(differences, np.zeros_like(differences), groups, seed=0))


@pytest.mark.parametrize(("gain", "right"), [(0.05, "better"), (0.0, "no difference shown"), (-0.05, "worse")])
def test_the_verdict_on_a_planted_run_is_right_where_there_are_enough_questions(gain: float, right: str) -> None:
    found = verdicts(gain, documents=DOCUMENTS)

    assert found[right] >= 0.95 * SETS, found
    if gain <= 0:
        assert found["better"] <= 0.05 * SETS, found


def test_with_too_few_questions_it_says_so_and_is_hardly_ever_wrong() -> None:
    better, equal, worse = (verdicts(gain, documents=60) for gain in (0.05, 0.0, -0.05))

    assert equal["better"] + worse["better"] <= 0.05 * SETS
    assert equal["worse"] + better["worse"] <= 0.05 * SETS
    assert better["not enough questions to tell"] >= 0.3 * SETS
    assert better["no difference shown"] <= 0.05 * SETS


def test_as_many_questions_as_it_asks_for_are_enough_four_times_in_five() -> None:
    differences, groups = planted(0.05, documents=60, seed=3)
    asked = [one.questions_needed for one in compare(differences, np.zeros_like(differences), groups, seed=0)]
    wanted = float(np.median([needed for needed in asked if needed]))

    found = verdicts(0.05, documents=round(60 * wanted / len(groups)))

    assert found["better"] >= 0.75 * SETS, (wanted, found)
