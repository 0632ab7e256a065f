"""The job that measures a run on held-out questions, beside another run and the untuned baselines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.errors import QuestionError
from engine.evaluation.report import Comparison, QuestionResult, Report, decoded, write_lines
from engine.jobs import Monitor
from engine.records import Question, Split

if TYPE_CHECKING:
    from engine.evaluation.outcome import Outcome
    from engine.evaluation.scores import Scores
    from engine.session import Session


@dataclass(frozen=True, slots=True)
class ReadReport:
    """The report of a run that was evaluated before; None where it was not."""

    run_name: str = "active"
    split: Split = "test"

    def run(self, session: Session, monitor: Monitor) -> Report | None:
        stored = session.workspace.runs.report(session.run(self.run_name).id, self.split)
        return decoded(stored, Report)


@dataclass(frozen=True, slots=True)
class ReadPerQuestion:
    """Every question of a run's report; () where the run was not evaluated on this split."""

    run_name: str = "active"
    split: Split = "test"

    def run(self, session: Session, monitor: Monitor) -> tuple[QuestionResult, ...]:
        stored = session.workspace.runs.report(session.run(self.run_name).id, _questions_key(self.split))
        return decoded(stored, tuple[QuestionResult, ...]) or ()


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Ask a run every question of a split, compare with another run, and say how sure the difference is.

    Stopped and run again, it goes on: what a run said is kept until the run, the documents or the questions change.
    """

    run_name: str = "active"
    split: Split = "test"
    against: str | None = "base"
    seed: int = 0

    def run(self, session: Session, monitor: Monitor) -> Report:
        from engine.evaluation.measure import load_measures
        from engine.evaluation.outcome import baseline_rankings, outcome_of
        from engine.evaluation.scores import answer_scores, retrieval_scores
        from engine.questions.split import group_of

        started = time.perf_counter()
        run = session.run(self.run_name)
        other = session.run(self.against) if self.against else None
        if other is not None and other.id == run.id:
            other = None
        questions = held_out(session, self.split)
        ours = outcome_of(session, run, questions, split=self.split, monitor=monitor)
        theirs = outcome_of(session, other, questions, split=self.split, monitor=monitor) if other else None
        rankings = baseline_rankings(session, questions, split=self.split, monitor=monitor)
        asked_s = time.perf_counter() - started

        monitor.progress("Comparing", 0, None)
        with session.workspace.scratch() as scratch:
            measures = load_measures(scratch)
            retrieval = retrieval_scores(measures, questions, ours.retrieved)
            answers = answer_scores(measures, questions, ours.answers)
            oracle = answer_scores(measures, questions, ours.oracle_answers, applies=_has_evidence)
            baselines = {
                name: retrieval_scores(measures, questions, ranked).means() for name, ranked in rankings.items()
            }
            their_scores = None
            if theirs is not None:
                their_scores = (
                    retrieval_scores(measures, questions, theirs.retrieved),
                    answer_scores(measures, questions, theirs.answers),
                    answer_scores(measures, questions, theirs.oracle_answers, applies=_has_evidence),
                )
        groups = [group_of(question) for question in questions]
        comparison = None
        if other is not None and their_scores is not None:
            head = "f1" if other.generator != run.generator else "hit@1"
            comparison = _compared(other.id, (retrieval, answers), their_scores, groups, head=head, seed=self.seed)
        monitor.check()

        results = _results(questions, ours, theirs, answers, oracle, their_scores[1] if their_scores else None)
        report = Report(
            run=run.id,
            split=self.split,
            questions=len(questions),
            retrieval=retrieval.means(),
            answers=answers.means(),
            oracle_answers=oracle.means(),
            intervals={**retrieval.intervals(groups, seed=self.seed), **answers.intervals(groups, seed=self.seed)},
            against=comparison,
            baselines=baselines,
            per_question=_kept(session, run.id, self.split, results),
            bleu_signature=answers.bleu_signature,
            seconds=time.perf_counter() - started,
            groups=len(set(groups)),
            with_evidence=sum(1 for question in questions if question.evidence),
            timings_s={"asking": asked_s, "comparing": time.perf_counter() - started - asked_s},
        )
        session.workspace.runs.save_report(run.id, self.split, msgspec.json.encode(report).decode("utf-8"))
        return report


def held_out(session: Session, split: Split) -> tuple[Question, ...]:
    """The questions of a split; for validation, where the workspace has none, those that training held out.

    Raises QuestionError where there are none.
    """
    questions = session.workspace.questions.list(split)
    if not questions and split == "validation":
        from engine.questions.split import hold_out

        trained = [question for question in session.workspace.questions.list("train") if question.evidence]
        questions = hold_out(trained)[1]
    if not questions:
        raise QuestionError(
            f"There are no {split} questions to evaluate with.",
            hint=f'Import questions that the model was not trained on, or mark some of them with the split "{split}".',
        )
    return questions


def _has_evidence(question: Question) -> bool:
    return bool(question.evidence)


def _compared(
    other_id: str,
    ours: tuple[Scores, Scores],
    theirs: tuple[Scores, Scores, Scores],
    groups: Sequence[str],
    *,
    head: str,
    seed: int,
) -> Comparison:
    from engine.evaluation.significance import compare

    metrics = {
        metric: difference
        for mine, their in zip(ours, theirs[:2], strict=True)
        for metric, difference in zip(mine.metrics, compare(mine.values, their.values, groups, seed=seed), strict=True)
    }
    first = metrics[head]
    retrieval, answers, oracle = theirs
    return Comparison(
        run=other_id,
        metric=head,
        difference=first.difference,
        interval=first.interval,
        p_value=first.p_value,
        verdict=first.verdict,
        questions_needed=first.questions_needed,
        metrics=metrics,
        retrieval=retrieval.means(),
        answers=answers.means(),
        oracle_answers=oracle.means(),
    )


def _results(
    questions: Sequence[Question],
    ours: Outcome,
    theirs: Outcome | None,
    answers: Scores,
    oracle: Scores,
    their_answers: Scores | None,
) -> tuple[QuestionResult, ...]:
    from engine.evaluation.metrics import hit_rank

    def value(scores: Scores | None, metric: str, row: int) -> float:
        found = float(scores.column(metric)[row]) if scores is not None else 0.0
        return found if found == found else 0.0  # NaN: the metric doesn't apply to this question

    return tuple(
        QuestionResult(
            id=question.id,
            question=question.question,
            gold=question.answers,
            answer=ours.answers[row],
            oracle_answer=ours.oracle_answers[row],
            against_answer=theirs.answers[row] if theirs else "",
            exact_match=value(answers, "exact_match", row),
            strict_exact_match=value(answers, "strict_exact_match", row),
            f1=value(answers, "f1", row),
            oracle_f1=value(oracle, "f1", row),
            against_f1=value(their_answers, "f1", row),
            hit_rank=hit_rank(ours.retrieved[row], question.evidence),
            evidence=question.evidence,
            retrieved=ours.retrieved[row],
            confidence=ours.confidences[row],
            abstained=not ours.answers[row],
        )
        for row, question in enumerate(questions)
    )


def _kept(session: Session, run_id: str, split: Split, results: Sequence[QuestionResult]) -> str:
    """Keep the rows in the workspace; in the clear as a file beside it only where the workspace is not protected."""
    workspace = session.workspace
    workspace.runs.save_report(run_id, _questions_key(split), msgspec.json.encode(results).decode("utf-8"))
    if workspace.protected:
        return ""
    path = workspace.reports_folder / f"{run_id}-{split}.jsonl"
    write_lines(path, results)
    return str(path)


def _questions_key(split: Split) -> str:
    return f"{split}/questions"
