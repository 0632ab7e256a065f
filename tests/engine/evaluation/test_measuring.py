"""What is made of two runs' scores."""

from __future__ import annotations

import numpy as np

from engine.evaluation.measuring import _bleu_compared
from engine.evaluation.scores import Scores


def test_five_points_of_bleu_are_the_smallest_difference_that_counts() -> None:
    rows = np.tile([8.0, 6, 5, 4, 10, 9, 8, 7, 10, 10], (200, 1))  # matches, runs of one to four words, lengths
    changed = rows.copy()
    changed[::4, 0] += np.random.default_rng(0).choice([-1, 1], 50)
    theirs, ours = (
        Scores((), np.zeros((200, 0)), bleu_statistics=counts, bleu_rows=tuple(range(200)))
        for counts in (rows, changed)
    )
    found = _bleu_compared(ours, theirs, [str(row // 2) for row in range(200)], seed=0)
    assert -5 < found.interval[0] < -0.05 and 0.05 < found.interval[1] < 5
    assert found.verdict == "no difference shown"
