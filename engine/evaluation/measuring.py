"""From what runs said to a report: scores, comparison, the parts of the questions, and a row a question."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.evaluation.abstention import RIGHT_FROM_F1
from engine.evaluation.asked import KNOWN, UNSEEN, Subject
from engine.evaluation.grounding import answer_spans
from engine.evaluation.measure import Measures
from engine.evaluation.metrics import bleu_of, hit_rank
from engine.evaluation.outcome import Outcome
from engine.evaluation.report import (
    LESS_IS_BETTER,
    Breakdown,
    Comparison,
    Difference,
    Flag,
    Part,
    QuestionResult,
    largest,
)
from engine.evaluation.scores import Grounds, Scores, accepted, answer_scores, retrieval_scores
from engine.evaluation.significance import FEWEST_GROUPS, SMALLEST_DIFFERENCE, compare, compare_statistic
from engine.questions.split import group_of, part_of
from engine.records import Citation, Passage, Question, Run

WORSE_BY = 0.05  # F1 of one question: less is a matter of wording
_DOCUMENTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Measured:
    """One run's scores on the questions."""

    run: Run
    outcome: Outcome
    retrieval: Scores
    answers: Scores
    oracle: Scores


@dataclass(frozen=True, slots=True)
class Measurer:
    """Measures runs on the same questions with the same passages."""

    measures: Measures
    questions: Sequence[Question]
    passages: dict[str, Passage]  # every passage that is evidence or was retrieved

    @property
    def documents(self) -> list[str]:
        """What each question is about: its document, or what stands for it."""
        return [group_of(question) for question in self.questions]

    @property
    def groups(self) -> list[str]:
        """What is resampled: the documents, or where they are too few to say anything of others the passages.

        Of these documents the questions still say something then, each passage's together.
        """
        documents = self.documents
        return documents if len(set(documents)) >= FEWEST_GROUPS else [part_of(question) for question in self.questions]

    def measured(self, run: Run, outcome: Outcome) -> Measured:
        """Score what a run found and said."""
        return Measured(
            run,
            outcome,
            self.retrieval(outcome.retrieved),
            answer_scores(self.measures, self.questions, outcome.answers, grounds=self._grounds(run, outcome)),
            answer_scores(self.measures, self.questions, outcome.oracle_answers, applies=_has_evidence),
        )

    def retrieval(self, ranked: Sequence[Sequence[str]]) -> Scores:
        """Score a ranking."""
        documents = {passage_id: passage.document_id for passage_id, passage in self.passages.items()}
        return retrieval_scores(self.measures, self.questions, ranked, documents)

    def answers(self, answers: Sequence[str]) -> Scores:
        """Score answers alone."""
        return answer_scores(self.measures, self.questions, answers)

    def _grounds(self, run: Run, outcome: Outcome) -> Grounds:
        reads = run.passages_shown
        return Grounds(
            cited=[[(document, start, end) for _, document, start, end, _ in said.citations] for said in outcome.said],
            read=[
                [self.passages[one].text for one in ids[:reads] if one in self.passages] for ids in outcome.retrieved
            ],
            gold=[self._gold(question) for question in self.questions],
        )

    def _gold(self, question: Question) -> list[list[tuple[str, int, int]]]:
        evidence = [self.passages[one] for one in question.evidence if one in self.passages]
        if not evidence:
            return []
        return answer_spans(accepted(question), [(one.document_id, one.start, one.text) for one in evidence])


def compared(ours: Measured, theirs: Measured, groups: Sequence[str], *, seed: int) -> Comparison:
    """This run minus the other one by every metric, and by the one that stands for all."""
    metrics: dict[str, Difference] = {}
    for mine, their in ((ours.retrieval, theirs.retrieval), (ours.answers, theirs.answers)):
        found = compare(mine.rising, their.rising, groups, seed=seed)
        metrics |= {name: _as_it_is(name, one) for name, one in zip(mine.metrics, found, strict=True)}
    metrics["bleu"] = _as_it_is("bleu", _bleu_compared(ours.answers, theirs.answers, groups, seed=seed))
    head = head_metric(ours.run, theirs.run)
    first = metrics[head]
    return Comparison(
        run=theirs.run.id,
        metric=head,
        difference=first.difference,
        interval=first.interval,
        p_value=first.p_value,
        verdict=first.verdict,
        questions_needed=first.questions_needed,
        metrics=metrics,
        retrieval=theirs.retrieval.means(),
        answers=theirs.answers.means(),
        oracle_answers=theirs.oracle.means(),
    )


def head_metric(run: Run, other: Run) -> str:
    """What a comparison is judged by: the answers, or retrieval where only that differs."""
    return "f1" if other.generator != run.generator else "hit@1"


def split_parts(
    ours: Measured, theirs: Measured | None, subjects: Sequence[Subject], groups: Sequence[str], *, seed: int
) -> tuple[Part, ...]:
    """New questions on known documents, and documents never seen, each by itself."""
    names = [None if one.known is None else KNOWN if one.known else UNSEEN for one in subjects]
    return tuple(
        _part(name, [row for row, found in enumerate(names) if found == name], ours, theirs, groups, seed=seed)
        for name in (KNOWN, UNSEEN)
        if name in names
    )


def breakdowns(
    ours: Measured, theirs: Measured | None, subjects: Sequence[Subject], groups: Sequence[str], *, seed: int
) -> tuple[Breakdown, ...]:
    """Where it fails: by document, question type, passage length and answer length."""
    ways: tuple[tuple[str, Callable[[Subject], str]], ...] = (
        ("question type", lambda one: one.kind),
        ("answer length", lambda one: one.answer_length),
        ("passage length", lambda one: one.passage_length),
        ("document", lambda one: one.title),
    )
    found: list[Breakdown] = []
    for by, name_of in ways:
        rows: dict[str, list[int]] = {}
        for row, subject in enumerate(subjects):
            rows.setdefault(name_of(subject), []).append(row)
        if by.endswith("length"):
            order = sorted(rows.items(), key=lambda item: _least_words(item[0]))
        else:
            order = sorted(rows.items(), key=lambda item: (-len(item[1]), item[0]))[:_DOCUMENTS_SHOWN]
        # A document is one group: there is nothing to resample, so it is shown without a verdict.
        tells = by != "document"
        found.append(
            Breakdown(
                by, tuple(_part(name, held, ours, theirs, groups, seed=seed, tells=tells) for name, held in order)
            )
        )
    return tuple(found)


def results(
    measurer: Measurer,
    ours: Measured,
    theirs: Measured | None,
    subjects: Sequence[Subject],
    *,
    amended: set[str],
    pinned: set[str],
) -> tuple[QuestionResult, ...]:
    """A row a question: what was found, what was said, what is wrong with it."""
    return tuple(
        _result(measurer, row, ours, theirs, subjects[row], amended=amended, pinned=pinned)
        for row in range(len(measurer.questions))
    )


def _result(
    measurer: Measurer,
    row: int,
    ours: Measured,
    theirs: Measured | None,
    subject: Subject,
    *,
    amended: set[str],
    pinned: set[str],
) -> QuestionResult:
    question = measurer.questions[row]
    said = ours.outcome.said[row]
    scores = {**ours.retrieval.of_question(row), **ours.answers.of_question(row)}
    their = {**theirs.retrieval.of_question(row), **theirs.answers.of_question(row)} if theirs else {}
    result = QuestionResult(
        id=question.id,
        question=question.question,
        gold=question.answers,
        answer=said.answer,
        oracle_answer=ours.outcome.oracle_answers[row],
        against_answer=theirs.outcome.said[row].answer if theirs else "",
        exact_match=scores.get("exact_match", 0.0),
        strict_exact_match=scores.get("strict_exact_match", 0.0),
        f1=scores.get("f1", 0.0),
        oracle_f1=ours.oracle.of_question(row).get("f1", 0.0),
        against_f1=their.get("f1", 0.0),
        hit_rank=hit_rank(ours.outcome.retrieved[row], question.evidence),
        evidence=question.evidence,
        retrieved=ours.outcome.retrieved[row],
        confidence=said.confidence,
        abstained=said.abstained,
        against_retrieved=theirs.outcome.retrieved[row] if theirs else (),
        against_hit_rank=hit_rank(theirs.outcome.retrieved[row], question.evidence) if theirs else None,
        scores=scores,
        against_scores=their,
        citations=tuple(_citation(measurer, one) for one in said.citations),
        document=subject.title,
        known_document=subject.known,
        kind=subject.kind,
        amended=question.id in amended,
        pinned=question.id in pinned,
    )
    return replace(result, flags=flags_of(result, question, reads=ours.run.passages_shown))


def flags_of(result: QuestionResult, question: Question, *, reads: int) -> tuple[Flag, ...]:
    """What is wrong with an answer: worse than the other run's, not found, found but not read, better left unsaid."""
    judged = "f1" in result.scores
    wrong = judged and result.f1 < RIGHT_FROM_F1
    found = result.hit_rank is not None and result.hit_rank <= reads
    flags: list[Flag] = []
    if judged and "f1" in result.against_scores and result.f1 < result.against_f1 - WORSE_BY:
        flags.append("got worse")
    if question.evidence and not found:
        flags.append("retrieval missed")
    if question.evidence and found and wrong:
        flags.append("reader missed")
    if not result.abstained and wrong and (question.unanswerable or not found):
        flags.append("should have abstained")
    return tuple(flags)


def _part(
    name: str,
    rows: Sequence[int],
    ours: Measured,
    theirs: Measured | None,
    groups: Sequence[str],
    *,
    seed: int,
    tells: bool = True,
) -> Part:
    held = [groups[row] for row in rows]
    part = Part(name, len(rows), len(set(held)), ours.retrieval.only(rows), ours.answers.only(rows))
    if theirs is None:
        return part
    head = head_metric(ours.run, theirs.run)
    mine, their = (ours.answers, theirs.answers) if head in ours.answers.metrics else (ours.retrieval, theirs.retrieval)
    value = their.only(rows)[head]
    if not tells:
        return replace(part, metric=head, against_value=value)
    column = mine.metrics.index(head)
    only = list(rows)
    (difference,) = compare(mine.values[only, column, None], their.values[only, column, None], held, seed=seed)
    return replace(part, metric=head, against=difference, against_value=value)


def _bleu_compared(ours: Scores, theirs: Scores, groups: Sequence[str], *, seed: int) -> Difference:
    return compare_statistic(
        ours.bleu_statistics,
        theirs.bleu_statistics,
        [groups[row] for row in ours.bleu_rows],
        bleu_of,
        seed=seed,
        smallest_difference=SMALLEST_DIFFERENCE * largest("bleu"),
    )


def _as_it_is(name: str, found: Difference) -> Difference:
    """The difference as the metric counts it: within what it can differ by, and not negated where less is better."""
    most = largest(name)
    low, high = max(-most, found.interval[0]), min(most, found.interval[1])
    if name in LESS_IS_BETTER:
        return replace(found, difference=-found.difference, interval=(-high, -low))
    return replace(found, interval=(low, high))


def _citation(measurer: Measurer, span: tuple[str, str, int, int, str]) -> Citation:
    passage_id, document_id, start, end, quote = span
    passage = measurer.passages.get(passage_id)
    return Citation(
        passage_id,
        document_id,
        passage.title if passage else "",
        passage.page if passage else None,
        start,
        end,
        quote,
    )


def _least_words(band: str) -> int:
    """Where a band of lengths begins, for their natural order."""
    numbers = [int(word) for word in band.split() if word.isdigit()]
    if not numbers:
        return -1
    return 0 if band.startswith("up") else numbers[0]


def _has_evidence(question: Question) -> bool:
    return bool(question.evidence)
