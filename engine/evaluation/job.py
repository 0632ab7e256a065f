"""The jobs of evaluation: measure a run, read what was measured, amend a question, ask the pinned ones."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import msgspec

from engine.errors import EngineError
from engine.evaluation.report import PinnedReport, QuestionResult, Report, decoded, write_lines
from engine.jobs import Monitor, Skipped
from engine.records import Amendment, Passage, Question, Run, Split
from engine.session import BASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.evaluation.outcome import Asker, Outcome
    from engine.session import Session

Value = TypeVar("Value")

_WORDS_PER_TOKEN = 0.75  # of English, about


@dataclass(frozen=True, slots=True)
class QuestionDetail:
    """One question of a report with the passages it is about."""

    result: QuestionResult
    against: str  # the other run; "" without one
    reads: int  # how many passages this run's generator was shown
    gold: tuple[Passage, ...]
    retrieved: tuple[Passage, ...]
    against_retrieved: tuple[Passage, ...]
    amendment: Amendment


@dataclass(frozen=True, slots=True)
class ReadReport:
    """The report of a run that was evaluated before; None where it was not."""

    run_name: str = "active"
    split: Split = "test"

    def run(self, session: Session, monitor: Monitor) -> Report | None:
        runs, run_id = session.workspace.runs, session.run(self.run_name).id
        whole = decoded(runs.report(run_id, _whole_key(self.split)), Report)
        return whole or decoded(runs.report(run_id, self.split), Report)


@dataclass(frozen=True, slots=True)
class ReadPerQuestion:
    """Every question of a run's report; () where the run was not evaluated on this split."""

    run_name: str = "active"
    split: Split = "test"

    def run(self, session: Session, monitor: Monitor) -> tuple[QuestionResult, ...]:
        stored = session.workspace.runs.report(session.run(self.run_name).id, _questions_key(self.split))
        return decoded(stored, tuple[QuestionResult, ...]) or ()


@dataclass(frozen=True, slots=True)
class ReadQuestion:
    """One question of a run's report, with its gold and its retrieved passages. Raises QuestionError."""

    question_id: str
    run_name: str = "active"
    split: Split = "test"

    def run(self, session: Session, monitor: Monitor) -> QuestionDetail:
        from engine.errors import QuestionError

        report = ReadReport(self.run_name, self.split).run(session, monitor)
        rows = ReadPerQuestion(self.run_name, self.split).run(session, monitor)
        result = next((row for row in rows if row.id == self.question_id), None)
        if report is None or result is None:
            raise QuestionError(
                f"There is no result for the question {self.question_id}.",
                hint="Evaluate the run first; the results list the questions that were asked.",
            )
        ids = (*result.evidence, *result.retrieved, *result.against_retrieved)
        held = session.workspace.documents.passages_by_id(ids)
        gold, retrieved, other = (
            tuple(held[one] for one in chosen if one in held)
            for chosen in (result.evidence, result.retrieved, result.against_retrieved)
        )
        return QuestionDetail(
            result=result,
            against=report.against.run if report.against else "",
            reads=session.run(report.run).passages_shown,
            gold=gold,
            retrieved=retrieved,
            against_retrieved=other,
            amendment=replace(
                session.workspace.amendments.get(self.question_id),
                excluded=session.workspace.questions.get(self.question_id).excluded,
            ),
        )


@dataclass(frozen=True, slots=True)
class Amend:
    """Correct, exclude or pin a question. None leaves a thing as it is; `as_imported` drops corrections first."""

    question_id: str
    question: str | None = None
    answers: tuple[str, ...] | None = None
    excluded: bool | None = None
    pinned: bool | None = None
    reason: str = ""
    as_imported: bool = False

    def run(self, session: Session, monitor: Monitor) -> Amendment:
        from engine.errors import QuestionError
        from engine.questions.job import EditQuestion, JudgeQuestions

        if self.answers is not None and not any(answer.strip() for answer in self.answers):
            raise QuestionError("A correction can't be empty.", hint="Give an answer, or exclude the question.")
        before = session.workspace.questions.get(self.question_id)
        amendment = session.workspace.amendments.get(self.question_id)
        wording = self.question if not self.as_imported else amendment.imported_question
        answers = self.answers if not self.as_imported else amendment.imported_answers
        done: list[str] = []
        if wording is not None or answers is not None:
            unanswerable = amendment.imported_unanswerable if self.as_imported and answers is not None else None
            EditQuestion(self.question_id, wording, answers, unanswerable=unanswerable).run(session, monitor)
            done.append("taken as imported" if self.as_imported else "corrected")
        if self.as_imported:
            amendment = replace(amendment, imported_question=None, imported_answers=None, imported_unanswerable=False)
        else:
            amendment = replace(
                amendment,
                imported_question=_first(amendment.imported_question, before.question if wording is not None else None),
                imported_answers=_first(amendment.imported_answers, before.answers if answers is not None else None),
                imported_unanswerable=amendment.imported_unanswerable
                if amendment.imported_answers is not None
                else answers is not None and before.unanswerable,
            )
        if self.excluded is not None:
            JudgeQuestions((self.question_id,), "exclude" if self.excluded else "include").run(session, monitor)
            done.append("excluded" if self.excluded else "included")
        if self.pinned is not None:
            done.append("pinned" if self.pinned else "unpinned")
            amendment = replace(amendment, pinned=self.pinned)
        excluded = session.workspace.questions.get(self.question_id).excluded
        amendment = replace(amendment, excluded=excluded, reason=self.reason or amendment.reason)
        return session.workspace.amendments.put(amendment, action=" and ".join(done)) if done else amendment


@dataclass(frozen=True, slots=True)
class ListAmendments:
    """What people said about questions: corrections, exclusions, pins."""

    def run(self, session: Session, monitor: Monitor) -> tuple[Amendment, ...]:
        return tuple(session.workspace.amendments.all().values())


@dataclass(frozen=True, slots=True)
class CheckPinned:
    """Ask a run and the one before it the pinned questions; None where none is pinned.

    Raises RunError for a run that is not finished.
    """

    run_name: str = "active"
    against: str = ""  # "" is the run it was trained from

    def run(self, session: Session, monitor: Monitor) -> PinnedReport | None:
        from engine.evaluation.asked import pinned
        from engine.evaluation.outcome import Asker
        from engine.evaluation.regression import pinned_report

        asker = Asker(session, monitor)
        run = session.finished_run(self.run_name)
        questions = pinned(session)
        if not questions:
            return None
        other = session.finished_run(self.against or run.parent or BASE)
        report = pinned_report(asker, run, other, questions)
        stored = msgspec.json.encode(report).decode("utf-8")
        with session.workspace.transaction():
            asker.check_documents()
            session.workspace.runs.save_report(run.id, _PINNED, stored)
        return report


@dataclass(frozen=True, slots=True)
class ReadPinned:
    """What a run said to the pinned questions; None where it was not asked."""

    run_name: str = "active"

    def run(self, session: Session, monitor: Monitor) -> PinnedReport | None:
        return decoded(session.workspace.runs.report(session.run(self.run_name).id, _PINNED), PinnedReport)


_PINNED = "test/pinned"


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Ask a run every question of a split, compare with another run, and say how sure the difference is.

    Stopped and run again, it goes on: what a run said is kept until the run, the documents or the question change.
    """

    run_name: str = "active"
    split: Split = "test"
    against: str | None = "base"
    seed: int = 0

    def run(self, session: Session, monitor: Monitor) -> Report:
        from engine.evaluation.asked import held_out, pinned, subjects, untrained
        from engine.evaluation.measure import load_measures
        from engine.evaluation.measuring import Measurer, breakdowns, compared, results, split_parts
        from engine.evaluation.outcome import Asker
        from engine.evaluation.provenance import provenance
        from engine.evaluation.scores import abstention_scores
        from engine.evaluation.significance import FEWEST_GROUPS
        from engine.questions.repeats import with_repeats
        from engine.retrieval.base_fusion import current_run

        started = time.perf_counter()
        current_run(session, BASE, monitor)
        asker = Asker(session, monitor)
        run = session.finished_run(self.run_name)
        other = session.finished_run(self.against) if self.against else None
        if other is not None and other.id == run.id:
            other = None
        run_ids = [run.id, *([other.id] if other else [])]
        held = held_out(session, self.split)
        questions = with_repeats(untrained(session, held, run_ids), session.workspace, monitor)
        notes = _notes(session, questions, trained=len(held) - len(questions))
        outcome = asker.outcome(run, questions)
        latency = asker.latency(run, questions)
        baselines = asker.baselines(run, questions)
        theirs: Outcome | None = None
        if other is not None:
            try:
                theirs = asker.outcome(other, questions)
            except EngineError as error:  # a damaged run costs the comparison and nothing else
                monitor.report(Skipped(f"run {other.id}", error.message))
                notes.append(f"The run {other.id} could not be asked, so nothing is compared with it: {error.message}")
                other = None
        pins = pinned(session)
        regression = _regression(asker, run, other or session.run(run.parent or BASE), pins, notes)
        asked_s = time.perf_counter() - started

        monitor.progress("Comparing", 0, None)
        asker.check_documents()
        with session.workspace.scratch() as scratch:
            measures = load_measures(scratch)
            shown = {one for ranked in (outcome, theirs) if ranked for ids in ranked.retrieved for one in ids}
            shown |= {one for rankings in baselines.rankings.values() for ids in rankings for one in ids[:5]}
            shown |= {one for question in questions for one in question.evidence}
            measurer = Measurer(measures, questions, session.workspace.documents.passages_by_id(list(shown)))
            ours = measurer.measured(run, outcome)
            against = measurer.measured(other, theirs) if other and theirs else None
            confidences = [said.confidence for said in outcome.said]
            knows = abstention_scores(measures, questions, outcome.answers, confidences, ours.answers.column("f1"))
            beside = {str(mode): measurer.retrieval(ranked).means() for mode, ranked in baselines.rankings.items()}
            for name, said in baselines.answers.items():
                beside[name] = {**beside.get(name, {}), **measurer.answers(said).means()}
        groups, documents = measurer.groups, len(set(measurer.documents))
        if documents < FEWEST_GROUPS <= len(set(groups)):
            about_few = "1 document" if documents == 1 else f"{documents} documents"
            notes.append(
                f"All questions are about {about_few}: intervals and verdicts hold for what is asked there, "
                "and say nothing about other documents."
            )
        about = subjects(session, questions, [run.id, *([other.id] if other else [])])
        amendments = session.workspace.amendments.all()
        rows = results(
            measurer,
            ours,
            against,
            about,
            amended={question.id for question in questions if question.edited},
            pinned={one.question_id for one in amendments.values() if one.pinned},
        )
        monitor.check()
        report = Report(
            run=run.id,
            split=self.split,
            questions=len(questions),
            retrieval=ours.retrieval.means(),
            answers=ours.answers.means(),
            oracle_answers=ours.oracle.means(),
            intervals={
                **ours.retrieval.intervals(groups, seed=self.seed),
                **ours.answers.intervals(groups, seed=self.seed),
            },
            against=compared(ours, against, groups, seed=self.seed) if against else None,
            baselines=beside,
            per_question="",
            bleu_signature=ours.answers.bleu_signature,
            groups=documents,
            with_evidence=sum(1 for question in questions if question.evidence),
            parts=split_parts(ours, against, about, groups, seed=self.seed),
            breakdowns=breakdowns(ours, against, about, groups, seed=self.seed),
            abstention=knows,
            latency=latency,
            provenance=provenance(session, run, questions, seed=self.seed),
            pinned=regression,
            notes=tuple(notes),
            seconds=time.perf_counter() - started,
            timings_s={"asking": asked_s, "comparing": time.perf_counter() - started - asked_s},
        )
        with session.workspace.transaction():  # what is removed from now on takes the report's quotes along
            asker.check_documents()
            report = replace(report, per_question=_kept(session, run.id, self.split, rows))
            _save(session, report)
        return report


def _first(known: Value | None, now: Value | None) -> Value | None:
    return known if known is not None else now


def _regression(
    asker: Asker, run: Run, other: Run, questions: Sequence[Question], notes: list[str]
) -> PinnedReport | None:
    from engine.evaluation.regression import pinned_report

    if not questions or run.id == other.id:
        return None
    try:
        return pinned_report(asker, run, other, questions)
    except EngineError as error:
        notes.append(f"The pinned questions could not be compared with run {other.id}: {error.message}")
        return None


def _notes(session: Session, questions: Sequence[Question], *, trained: int) -> list[str]:
    """What a reader of the numbers has to know about the questions."""
    from engine.generation.prompt import MAX_ANSWER_TOKENS

    notes: list[str] = []
    excluded = sum(question.excluded for question in session.workspace.questions.every())
    if excluded:
        notes.append(f"{excluded} of the workspace's questions are excluded by hand and were not asked.")
    if trained:
        notes.append(f"{trained} questions were not asked: a run was trained on them, when they were not held out.")
    silent = sum(not question.unanswerable and not any(map(str.strip, question.answers)) for question in questions)
    if silent:
        notes.append(f"{silent} questions have no known answer: they count for retrieval only.")
    unlinked = sum(not question.evidence and not question.unanswerable for question in questions)
    if unlinked:
        notes.append(f"{unlinked} questions have no evidence in the documents: they count for the answers only.")
    most = MAX_ANSWER_TOKENS * _WORDS_PER_TOKEN
    long = sum(
        bool(question.answers) and min(len(answer.split()) for answer in question.answers) > most
        for question in questions
    )
    if long:
        told = f"longer than what a model writes ({MAX_ANSWER_TOKENS} tokens): they can't be met whole."
        notes.append(f"{long} known answers are {told}")
    return notes


def _kept(session: Session, run_id: str, split: Split, results: Sequence[QuestionResult]) -> str:
    """Keep the rows in the workspace; in the clear as a file beside it only where the workspace is not protected."""
    workspace = session.workspace
    workspace.runs.save_report(run_id, _questions_key(split), msgspec.json.encode(results).decode("utf-8"))
    if workspace.protected:
        return ""
    path = workspace.reports_folder / f"{run_id}-{split}.jsonl"
    write_lines(path, results)
    return str(path)


def _save(session: Session, report: Report) -> None:
    """Keep the report whole until a document is removed, and for good what quotes none of them."""
    scores = replace(
        report, pinned=None, breakdowns=tuple(one for one in report.breakdowns if one.by != "document"), notes=()
    )
    with session.workspace.transaction():
        for key, kept in ((report.split, scores), (_whole_key(report.split), report)):
            session.workspace.runs.save_report(report.run, key, msgspec.json.encode(kept).decode("utf-8"))


def _whole_key(split: Split) -> str:
    return f"{split}/report"


def _questions_key(split: Split) -> str:
    return f"{split}/questions"
