"""From what a run said to numbers: a value for each question and metric, their means, BLEU and its counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.evaluation.measure import Measures
from engine.evaluation.metrics import ROUGE_TYPES, bleu_of
from engine.evaluation.report import MATCH_METRICS, RETRIEVAL_METRICS, Interval
from engine.evaluation.significance import intervals, statistic_interval
from engine.records import Question

_ANSWER_COLUMNS = (*MATCH_METRICS, *ROUGE_TYPES, "answered")


@dataclass(frozen=True, slots=True)
class Scores:
    """Values by question (rows) and metric (columns), NaN where a metric doesn't apply to a question."""

    metrics: tuple[str, ...]
    values: np.ndarray  # (questions, metrics)
    bleu: float | None = None
    bleu_signature: str = ""
    bleu_statistics: np.ndarray | None = None  # (questions with an accepted answer, 10)
    bleu_rows: tuple[int, ...] = ()  # which question each of them is

    def means(self) -> dict[str, float]:
        """The mean of each metric over the questions that it applies to; 0 where it applies to none."""
        present = ~np.isnan(self.values)
        sums = np.where(present, self.values, 0.0).sum(axis=0)
        counts = np.maximum(present.sum(axis=0), 1)
        means = {name: float(value) for name, value in zip(self.metrics, sums / counts, strict=True)}
        return means if self.bleu is None else {**means, "bleu": self.bleu}

    def column(self, metric: str) -> np.ndarray:
        """The values of one metric, shape (questions,)."""
        return self.values[:, self.metrics.index(metric)]

    def intervals(self, groups: Sequence[str], *, seed: int) -> dict[str, Interval]:
        """The 95 % interval of every mean, and of BLEU."""
        found = {
            metric: _within(interval, most=1.0)
            for metric, interval in zip(self.metrics, intervals(self.values, groups, seed=seed), strict=True)
        }
        if self.bleu_statistics is not None:
            held = [groups[row] for row in self.bleu_rows]
            found["bleu"] = _within(statistic_interval(self.bleu_statistics, held, bleu_of, seed=seed), most=100.0)
        return found


def retrieval_scores(measures: Measures, questions: Sequence[Question], ranked: Sequence[Sequence[str]]) -> Scores:
    """Score ranked passage ids. Questions without evidence don't count."""
    rows = [row for row, question in enumerate(questions) if question.evidence]
    found = measures.compute(
        "retrieval",
        predictions=[list(ranked[row]) for row in rows],
        references=[list(questions[row].evidence) for row in rows],
    )
    return Scores(RETRIEVAL_METRICS, _scattered(found, RETRIEVAL_METRICS, rows, len(questions)))


def answer_scores(
    measures: Measures,
    questions: Sequence[Question],
    answers: Sequence[str],
    *,
    applies: Callable[[Question], bool] = lambda question: True,
) -> Scores:
    """Score answers, "" where the run abstained. Without an accepted answer, only unanswerable questions count."""
    rows = [
        row
        for row, question in enumerate(questions)
        if (question.unanswerable or any(_accepted(question))) and applies(question)
    ]
    matches = measures.compute(
        "answer", predictions=[answers[row] for row in rows], references=[_accepted(questions[row]) for row in rows]
    )
    # Overlap with nothing means nothing: BLEU and ROUGE leave unanswerable questions out.
    overlap_rows = [row for row in rows if _accepted(questions[row])]
    predictions = [answers[row] for row in overlap_rows]
    references = [_accepted(questions[row]) for row in overlap_rows]
    rouge = measures.compute("rouge", predictions=predictions, references=references)
    bleu = measures.compute("bleu", predictions=predictions, references=references)
    asked = [row for row, question in enumerate(questions) if applies(question)]
    answered = {"answered": [float(bool(answers[row])) for row in asked]}
    total = len(questions)
    values = np.hstack(
        [
            _scattered(matches, MATCH_METRICS, rows, total),
            _scattered(rouge, ROUGE_TYPES, overlap_rows, total),
            _scattered(answered, ("answered",), asked, total),
        ]
    )
    return Scores(
        _ANSWER_COLUMNS,
        values,
        bleu=float(bleu["bleu"]) if bleu else 0.0,
        bleu_signature=str(bleu.get("signature", "")),
        bleu_statistics=np.array(bleu["statistics"], dtype=np.float64) if bleu else None,
        bleu_rows=tuple(overlap_rows),
    )


def _within(interval: Interval, *, most: float) -> Interval:
    """The interval cut to what the metric can be; widening for few documents may pass the ends."""
    low, high = interval
    return max(0.0, low), min(most, high)


def _accepted(question: Question) -> list[str]:
    return [] if question.unanswerable else [answer for answer in question.answers if answer.strip()]


def _scattered(found: dict[str, list[float]], names: Sequence[str], rows: Sequence[int], total: int) -> np.ndarray:
    values = np.full((total, len(names)), np.nan)
    for column, name in enumerate(names):
        if name in found:
            values[list(rows), column] = found[name]
    return values
