"""From what a run said to numbers: a value for each question and metric, their means, BLEU and its counts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from engine.evaluation.abstention import RIGHT_FROM_F1, Abstention
from engine.evaluation.grounding import Span
from engine.evaluation.measure import Measures
from engine.evaluation.metrics import ROUGE_TYPES, bleu_of
from engine.evaluation.report import (
    CITATION_METRICS,
    LESS_IS_BETTER,
    MATCH_METRICS,
    RETRIEVAL_METRICS,
    SUPPORT_METRICS,
    Interval,
    largest,
)
from engine.evaluation.significance import intervals, statistic_interval
from engine.records import Question


@dataclass(frozen=True, slots=True)
class Scores:
    """Values by question (rows) and metric (columns), NaN where a metric doesn't apply to a question."""

    metrics: tuple[str, ...]
    values: np.ndarray  # (questions, metrics)
    bleu: float | None = None
    bleu_signature: str = ""
    bleu_statistics: np.ndarray = field(default_factory=lambda: np.zeros((0, 10)))  # of questions with a known answer
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

    def of_question(self, row: int) -> dict[str, float]:
        """The values of one question, by metric, where they apply."""
        return {
            name: float(value)
            for name, value in zip(self.metrics, self.values[row], strict=True)
            if not np.isnan(value)
        }

    def only(self, rows: Sequence[int]) -> dict[str, float]:
        """The means over some of the questions, BLEU over their counts."""
        part = Scores(self.metrics, self.values[list(rows)]).means()
        if self.bleu is None:
            return part
        wanted = set(rows)
        held = [place for place, row in enumerate(self.bleu_rows) if row in wanted]
        return {**part, "bleu": bleu_of(self.bleu_statistics[held].sum(axis=0)) if held else 0.0}

    @property
    def rising(self) -> np.ndarray:
        """The values with those negated of which less is better."""
        signs = [-1.0 if name in LESS_IS_BETTER else 1.0 for name in self.metrics]
        return self.values * np.array(signs)

    def intervals(self, groups: Sequence[str], *, seed: int) -> dict[str, Interval]:
        """The 95 % interval of every mean, and of BLEU."""
        found = {
            metric: _within(interval, most=largest(metric))
            for metric, interval in zip(self.metrics, intervals(self.values, groups, seed=seed), strict=True)
        }
        if self.bleu is not None:
            held = [groups[row] for row in self.bleu_rows]
            interval = statistic_interval(self.bleu_statistics, held, bleu_of, seed=seed)
            found["bleu"] = _within(interval, most=largest("bleu"))
        return found


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer stands on, one entry a question in each."""

    cited: Sequence[Sequence[Span]]
    read: Sequence[Sequence[str]]  # the texts that the generator was shown
    gold: Sequence[Sequence[Sequence[Span]]]  # alternatives; () where the question has no evidence


def retrieval_scores(
    measures: Measures,
    questions: Sequence[Question],
    ranked: Sequence[Sequence[str]],
    document_of: Mapping[str, str],
) -> Scores:
    """Score ranked passage ids. Questions without evidence don't count. `document_of` is by passage id."""
    rows = [row for row, question in enumerate(questions) if question.evidence]
    predictions = [list(ranked[row]) for row in rows]
    references = [list(questions[row].evidence) for row in rows]
    found = {
        **measures.compute("retrieval", predictions=predictions, references=references),
        **measures.compute(
            "documents",
            predictions=[[document_of.get(one, "") for one in ids] for ids in predictions],
            references=[[document_of.get(one, one) for one in ids] for ids in references],
        ),
    }
    return Scores(RETRIEVAL_METRICS, _scattered(found, RETRIEVAL_METRICS, rows, len(questions)))


def answer_scores(
    measures: Measures,
    questions: Sequence[Question],
    answers: Sequence[str],
    *,
    grounds: Grounds | None = None,
    applies: Callable[[Question], bool] = lambda question: True,
) -> Scores:
    """Score answers, "" where the run abstained. Without an accepted answer, only unanswerable questions count.

    Citations and support are scored where `grounds` is given, for the answers that were given.
    """
    rows = [
        row
        for row, question in enumerate(questions)
        if (question.unanswerable or any(accepted(question))) and applies(question)
    ]
    matches = measures.compute(
        "answer", predictions=[answers[row] for row in rows], references=[accepted(questions[row]) for row in rows]
    )
    # Overlap with nothing means nothing: BLEU and ROUGE leave unanswerable questions out.
    overlap_rows = [row for row in rows if accepted(questions[row])]
    predictions = [answers[row] for row in overlap_rows]
    references = [accepted(questions[row]) for row in overlap_rows]
    rouge = measures.compute("rouge", predictions=predictions, references=references)
    bleu = measures.compute("bleu", predictions=predictions, references=references)
    asked = [row for row, question in enumerate(questions) if applies(question)]
    total = len(questions)
    columns = {
        **_columns(matches, MATCH_METRICS, rows, total),
        **_columns(rouge, ROUGE_TYPES, overlap_rows, total),
        **(_grounded(measures, questions, answers, grounds) if grounds else {}),
        **_columns({"answered": [float(bool(answers[row])) for row in asked]}, ("answered",), asked, total),
    }
    return Scores(
        tuple(columns),
        np.column_stack(list(columns.values())),
        bleu=float(bleu["bleu"]) if bleu else 0.0,
        bleu_signature=str(bleu.get("signature", "")),
        bleu_statistics=np.array(bleu.get("statistics", ()), dtype=np.float64).reshape(-1, 10),
        bleu_rows=tuple(overlap_rows),
    )


def abstention_scores(
    measures: Measures,
    questions: Sequence[Question],
    answers: Sequence[str],
    confidences: Sequence[float],
    f1: np.ndarray,
) -> Abstention | None:
    """How well the confidence tells right from wrong. Only questions with a known answer, or known to have none."""
    rows = [row for row in range(len(questions)) if not np.isnan(f1[row])]
    found = measures.compute(
        "abstention",
        predictions=[{"confidence": confidences[row], "declined": not answers[row]} for row in rows],
        references=[
            {"right": bool(f1[row] >= RIGHT_FROM_F1), "answerable": not questions[row].unanswerable} for row in rows
        ],
    )
    return msgspec.convert(found, Abstention) if found else None


def _grounded(
    measures: Measures, questions: Sequence[Question], answers: Sequence[str], grounds: Grounds
) -> dict[str, np.ndarray]:
    given = [row for row in range(len(questions)) if answers[row]]
    support = measures.compute(
        "grounding", predictions=[answers[row] for row in given], references=[list(grounds.read[row]) for row in given]
    )
    checked = [row for row in given if grounds.gold[row]]
    cited = measures.compute(
        "citations",
        predictions=[_named(grounds.cited[row]) for row in checked],
        references=[[_named(spans) for spans in grounds.gold[row]] for row in checked],
    )
    return {
        **_columns(cited, CITATION_METRICS, checked, len(questions)),
        **_columns(support, SUPPORT_METRICS, given, len(questions)),
    }


def _named(spans: Sequence[Span]) -> list[dict[str, str | int]]:
    return [{"document": document, "start": start, "end": end} for document, start, end in spans]


def _within(interval: Interval, *, most: float) -> Interval:
    """The interval cut to what the metric can be; widening for few documents may pass the ends."""
    low, high = interval
    return max(0.0, low), min(most, high)


def accepted(question: Question) -> list[str]:
    """The known answers that say something; none where the question can't be answered."""
    return [] if question.unanswerable else [answer for answer in question.answers if answer.strip()]


def _columns(
    found: dict[str, list[float]], names: Sequence[str], rows: Sequence[int], total: int
) -> dict[str, np.ndarray]:
    return dict(zip(names, _scattered(found, names, rows, total).T, strict=True))


def _scattered(found: dict[str, list[float]], names: Sequence[str], rows: Sequence[int], total: int) -> np.ndarray:
    values = np.full((total, len(names)), np.nan)
    for column, name in enumerate(names):
        if name in found:
            values[list(rows), column] = found[name]
    return values
