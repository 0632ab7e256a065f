"""The regression set: questions that experts pinned, asked of every new run; what got worse is named."""

from __future__ import annotations

from collections.abc import Sequence

from engine.evaluation.measuring import WORSE_BY
from engine.evaluation.metrics import answer_match, hit_rank
from engine.evaluation.outcome import Asker, Outcome
from engine.evaluation.report import PinnedReport, PinnedResult
from engine.evaluation.scores import accepted
from engine.records import Question, Run


def pinned_report(asker: Asker, run: Run, other: Run, questions: Sequence[Question]) -> PinnedReport:
    """Ask both runs the pinned questions.

    Worse is an F1 lower by 5 points or more, or evidence that the run read before and does not read now.
    """
    ours, theirs = asker.outcome(run, questions), asker.outcome(other, questions)
    results = tuple(_result(question, row, (run, ours), (other, theirs)) for row, question in enumerate(questions))
    worse = tuple(result.question for result in results if result.worse)
    return PinnedReport(run.id, other.id, results, worse)


def _result(question: Question, row: int, ours: tuple[Run, Outcome], theirs: tuple[Run, Outcome]) -> PinnedResult:
    known = accepted(question)
    values: list[tuple[str, float, int | None, bool]] = []
    for run, outcome in (ours, theirs):
        answer = outcome.answers[row]
        rank = hit_rank(outcome.retrieved[row], question.evidence)
        judged = answer_match(answer, known)["f1"] if known or question.unanswerable else 0.0
        values.append((answer, judged, rank, rank is not None and rank <= run.passages_shown))
    (answer, now, rank, reads), (before, then, rank_before, read) = values
    return PinnedResult(
        id=question.id,
        question=question.question,
        gold=question.answers,
        answer=answer,
        before=before,
        f1=now,
        before_f1=then,
        hit_rank=rank,
        before_hit_rank=rank_before,
        worse=now < then - WORSE_BY or (read and not reads and now <= then),
    )
