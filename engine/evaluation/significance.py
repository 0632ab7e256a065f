"""How sure a number is: bootstrap intervals over groups of questions, and the paired test between two runs.

Questions about one document stand and fall together, so documents (groups) are resampled, not questions: Efron &
Tibshirani 1993; paired, for two systems on the same questions: Koehn 2004. With few groups the percentile interval is
too narrow; it is widened by t_{n-1}/z · sqrt(n/(n-1)) (Hesterberg 2015, section 4.3, "expanded percentile interval").
A difference is claimed only where a second test agrees: the signs of the documents' differences flipped at random
(Fisher 1935), which is exact where nothing differs; the bootstrap alone is too bold when documents differ in size.
BLEU has no difference of a single document: there the two runs' counts change places (Riezler & Maxwell 2005).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from statistics import NormalDist

import numpy as np

from engine.evaluation.report import Difference, Verdict

RESAMPLES = 10_000
SMALLEST_DIFFERENCE = 0.05  # 5 points: a difference below it is not worth a change of model
FEWEST_GROUPS = 8  # below it, a resample is too often the same few documents for the interval to mean anything
FEWEST_QUESTIONS = 20
_UNTOLD = Difference(0.0, (0.0, 0.0), 1.0, "not enough questions to tell", 0, FEWEST_QUESTIONS)
_SURE = 0.05
_Z95, _Z80 = NormalDist().inv_cdf(0.975), NormalDist().inv_cdf(0.8)
_ROUNDING = 1e-9
_BLOCK = 500  # resamples drawn at a time, so that 10,000 groups stay below 50 MB


def intervals(
    values: np.ndarray, groups: Sequence[str], *, seed: int, resamples: int = RESAMPLES
) -> list[tuple[float, float]]:
    """The 95 % interval of the mean of each column of `values` (questions, metrics), NaN where a metric doesn't apply.

    A column without any value has the interval (0, 0). With a single group its questions are resampled.
    """
    groups = _at_least_two(groups)
    means, replicates, group_counts = _replicates(values, groups, seed=seed, resamples=resamples)
    return [
        _interval(_widened(replicates[:, column], mean, group_counts[column])) if group_counts[column] else (0.0, 0.0)
        for column, mean in enumerate(means)
    ]


def statistic_interval(
    statistics: np.ndarray,
    groups: Sequence[str],
    statistic: Callable[[Sequence[float]], float],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> tuple[float, float]:
    """The 95 % interval of a corpus-level `statistic` (BLEU) of the summed rows of `statistics` (questions, counts)."""
    if len(statistics) == 0:
        return (0.0, 0.0)
    groups = _at_least_two(groups)
    sums, _ = _sums(np.asarray(statistics, dtype=np.float64), groups)
    drawn = np.array([statistic(row) for row in _resampled(sums, seed=seed, resamples=resamples)])
    return _interval(_widened(drawn, statistic(sums.sum(axis=0)), len(sums)))


def compare(
    ours: np.ndarray,
    theirs: np.ndarray,
    groups: Sequence[str],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    smallest_difference: float = SMALLEST_DIFFERENCE,
) -> list[Difference]:
    """Ours minus theirs for each column (metric) of two arrays (questions, metrics) over the same questions.

    Better or worse: the 95 % interval leaves 0 out, and so does the sign-flip test (p < .05). "No difference shown"
    where the interval holds nothing of `smallest_difference` or more, so that such a difference would have been seen.
    Everything else is "not enough questions to tell", and so are fewer than 8 groups or 20 questions. Where less is
    better, hand both in negated.
    """
    differences = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    means, replicates, group_counts = _replicates(differences, groups, seed=seed, resamples=resamples)
    p_values = _flipped_p_values(differences, groups, seed=seed, flips=resamples)
    present = np.count_nonzero(~np.isnan(differences), axis=0)
    return [
        _judged(
            (mean, p_values[column]),
            replicates[:, column],
            questions=int(present[column]),
            groups=group_counts[column],
            smallest_difference=smallest_difference,
        )
        for column, mean in enumerate(means)
    ]


def compare_statistic(
    ours: np.ndarray,
    theirs: np.ndarray,
    groups: Sequence[str],
    statistic: Callable[[Sequence[float]], float],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    smallest_difference: float = SMALLEST_DIFFERENCE,
) -> Difference:
    """Ours minus theirs by a corpus-level `statistic` (BLEU) of summed rows (questions, counts), told like a mean's."""
    if not len(ours):
        return _UNTOLD
    columns = ours.shape[1]
    sums, size = _sums(np.hstack([ours, theirs]), groups)  # (G, 2C)

    def difference(row: np.ndarray) -> float:
        return statistic(row[:columns]) - statistic(row[columns:])

    whole = sums.sum(axis=0)
    seen = difference(whole)
    gap = sums[:, columns:] - sums[:, :columns]
    exchanged = np.hstack([gap, -gap])  # what a group adds where its rows change places
    as_large = sum(
        abs(difference(whole + row)) >= abs(seen) - _ROUNDING
        for signs in _signs(size, seed=seed, flips=resamples)
        for row in (signs < 0) @ exchanged
    )
    return _judged(
        (seen, (as_large + 1) / (resamples + 1)),
        np.array([difference(row) for row in _resampled(sums, seed=seed, resamples=resamples)]),
        questions=len(ours),
        groups=size,
        smallest_difference=smallest_difference,
    )


def _judged(
    seen: tuple[float, float], replicates: np.ndarray, *, questions: int, groups: int, smallest_difference: float
) -> Difference:
    """What is told of a difference and its p-value, by its resampled ones."""
    if not groups:
        return _UNTOLD
    difference, p_value = seen
    low, high = _interval(_widened(replicates, difference, groups))
    verdict = _verdict((low, high), p_value, questions, groups, smallest_difference)
    needed = 0
    if verdict == "not enough questions to tell":
        needed = max(FEWEST_QUESTIONS, math.ceil(questions * FEWEST_GROUPS / groups))
        if not _leaves_out_zero((low, high), p_value):  # else only their number is wanting
            needed = max(needed, _needed(abs(difference), (high - low) / 2, questions, smallest_difference))
    return Difference(float(difference), (low, high), p_value, verdict, questions, needed)


def _needed(difference: float, half_width: float, questions: int, smallest_difference: float) -> int:
    """About how many questions would tell: enough to see `smallest_difference` in four of five tries, and enough for
    the interval around what is seen now to leave out either 0 or `smallest_difference`.

    The half-width shrinks with the square root of the number of questions.
    """
    seen = (_Z95 + _Z80) / _Z95 * half_width / smallest_difference
    settled = half_width / max(difference, smallest_difference - difference)
    needed = math.ceil(questions * max(seen, settled) ** 2)
    return needed if half_width and needed > questions else questions + max(1, questions // 10)


def _at_least_two(groups: Sequence[str]) -> Sequence[str]:
    """The groups, or each question for itself: one group resampled is always itself, an interval of no width."""
    return groups if len(set(groups)) > 1 else [str(place) for place in range(len(groups))]


def _leaves_out_zero(interval: tuple[float, float], p_value: float) -> bool:
    return not interval[0] <= 0 <= interval[1] and p_value < _SURE


def _verdict(
    interval: tuple[float, float], p_value: float, questions: int, groups: int, smallest_difference: float
) -> Verdict:
    low, high = interval
    if questions < FEWEST_QUESTIONS or groups < FEWEST_GROUPS:
        return "not enough questions to tell"
    if _leaves_out_zero(interval, p_value):
        return "better" if low > 0 else "worse"
    small = -smallest_difference < low and high < smallest_difference
    return "no difference shown" if small else "not enough questions to tell"


def _flipped_p_values(differences: np.ndarray, groups: Sequence[str], *, seed: int, flips: int) -> list[float]:
    """Two-sided, for each column: how often the summed difference is as large with the groups' signs flipped at random.

    Never 0: what was seen counts as one of the flips (Phipson & Smyth 2010).
    """
    sums, size = _sums(np.nan_to_num(differences), groups)  # (G, M)
    seen = np.abs(sums.sum(axis=0))
    as_large = np.zeros(sums.shape[1])
    for signs in _signs(size, seed=seed, flips=flips):
        as_large += (np.abs(signs @ sums) >= seen - _ROUNDING).sum(axis=0)
    return [float(count) for count in (as_large + 1) / (flips + 1)]


def _signs(groups: int, *, seed: int, flips: int) -> Iterator[np.ndarray]:
    """Draw a sign for each group, `flips` times, in blocks of shape (block, G)."""
    random = np.random.default_rng(seed + 1)
    for start in range(0, flips, _BLOCK):
        yield random.integers(0, 2, size=(min(_BLOCK, flips - start), groups)) * 2.0 - 1.0


def _replicates(
    values: np.ndarray, groups: Sequence[str], *, seed: int, resamples: int
) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Means (M,), resampled means (R, M), and for each column how many groups have a value."""
    values = np.asarray(values, dtype=np.float64)
    present = ~np.isnan(values)
    sums, _ = _sums(np.where(present, values, 0.0), groups)  # (G, M)
    counts, _ = _sums(present.astype(np.float64), groups)  # (G, M)
    group_counts = [int(count) for count in np.count_nonzero(counts, axis=0)]
    columns = values.shape[1]
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.nan_to_num(sums.sum(axis=0) / counts.sum(axis=0))
        drawn = _resampled(np.hstack([sums, counts]), seed=seed, resamples=resamples)  # (R, 2M)
        replicates = drawn[:, :columns] / drawn[:, columns:]
    # A resample without any question of this column says nothing: it takes the mean.
    return means, np.where(np.isnan(replicates), means, replicates), group_counts


def _sums(values: np.ndarray, groups: Sequence[str]) -> tuple[np.ndarray, int]:
    _, places = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    size = int(places.max()) + 1 if len(places) else 0
    sums = np.zeros((size, values.shape[1]))
    np.add.at(sums, places, values)
    return sums, size


def _resampled(sums: np.ndarray, *, seed: int, resamples: int) -> np.ndarray:
    """Draw as many groups as there are, with replacement, `resamples` times, and add up their rows: (R, columns)."""
    random = np.random.default_rng(seed)
    size = len(sums)
    drawn = np.zeros((resamples, sums.shape[1]))
    if size == 0:
        return drawn
    for start in range(0, resamples, _BLOCK):
        rows = min(_BLOCK, resamples - start)
        picked = random.integers(0, size, size=(rows, size)) + np.arange(rows)[:, None] * size
        weights = np.bincount(picked.ravel(), minlength=rows * size).reshape(rows, size)  # (block, G)
        drawn[start : start + rows] = weights.astype(np.float64) @ sums
    return drawn


def _widened(replicates: np.ndarray, centre: float, groups: int) -> np.ndarray:
    if groups < 2:
        return replicates
    z = NormalDist().inv_cdf(0.975)
    nu = groups - 1
    # Student's t by its normal expansion (Abramowitz & Stegun 26.7.5); within 1 % from 3 degrees of freedom.
    t = z + (z**3 + z) / (4 * nu) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * nu**2)
    return centre + (replicates - centre) * (t / z) * math.sqrt(groups / nu)


def _interval(replicates: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(replicates, [0.025, 0.975])
    return float(low), float(high)
