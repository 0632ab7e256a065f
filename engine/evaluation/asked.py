"""Which questions are asked, and what is known of each: its document, kind and lengths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.errors import QuestionError
from engine.evaluation.question_kinds import kind_of
from engine.records import Passage, Question, Split
from engine.workspace.documents import DocumentRow

if TYPE_CHECKING:
    from engine.session import Session

KNOWN, UNSEEN = "new questions on known documents", "documents never seen"
NO_DOCUMENT = "(no document)"

_PASSAGE_WORDS = (50, 100, 200)
_ANSWER_WORDS = (3, 10, 25)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a question is about and how it is shaped: what results are broken down by."""

    documents: tuple[str, ...]  # ids of the documents with evidence
    title: str
    known: bool | None  # training questions were about one of them; None without a document
    kind: str
    passage_length: str
    answer_length: str


def held_out(session: Session, split: Split) -> tuple[Question, ...]:
    """The questions of a split; for validation, where it was held out of the training questions or is all there was to
    train on, what training held out.

    Raises QuestionError where there are none.
    """
    questions = session.workspace.questions.list(split)
    if split == "validation":
        from engine.questions.split import lesson

        trained = [question for question in session.workspace.questions.list("train") if question.evidence]
        if not trained or not questions:
            marked = [question for question in questions if question.evidence]
            questions = lesson(trained, marked)[1] or questions
    if not questions and any(one.split == split for one in session.workspace.questions.every()):
        raise QuestionError(
            f"All {split} questions are excluded.", hint="Include some of them again, or import more questions."
        )
    if not questions:
        raise QuestionError(
            f"There are no {split} questions to evaluate with.",
            hint=f'Import questions that the model was not trained on, or mark some of them with the split "{split}".',
        )
    return questions


def untrained(session: Session, questions: Sequence[Question], runs: Sequence[str]) -> tuple[Question, ...]:
    """Those that none of `runs` trained on: a question may have had another split then, or in the workspace where an
    imported run was trained. Raises QuestionError where all were."""
    from engine.questions.identity import fingerprints

    trained = {question for run in runs for question in session.workspace.runs.trained(run)}
    known = zip(questions, fingerprints(questions, session.workspace), strict=True)
    left = tuple(question for question, fingerprint in known if trained.isdisjoint((question.id, fingerprint)))
    if not left:
        raise QuestionError(
            "The runs were trained on all of these questions, when they were not held out.",
            hint="Train a new run, or import questions that the runs were not trained on.",
        )
    return left


def pinned(session: Session) -> tuple[Question, ...]:
    """The regression set: the pinned questions of every split, without the excluded ones."""
    ids = [one.question_id for one in session.workspace.amendments.all().values() if one.pinned]
    questions = [session.workspace.questions.get(question_id) for question_id in ids]
    return tuple(question for question in questions if not question.excluded)


def subjects(session: Session, questions: Sequence[Question], runs: Sequence[str]) -> tuple[Subject, ...]:
    """What is known of each question. A document is known when questions about it were trained on, by any of `runs`."""
    passages = session.workspace.documents.passages_by_id([one for question in questions for one in question.evidence])
    trained = session.workspace.questions.list("train")
    learned = {question.document_id for question in trained if question.document_id}
    for run in runs:
        learned |= session.workspace.runs.learned(run)
    rows = {row.id: row for row in session.workspace.documents.list()}
    return tuple(_subject(question, passages, rows, learned) for question in questions)


def length_band(words: int, bounds: Sequence[int]) -> str:
    """Which band a number of words falls into.

    >>> length_band(3, (3, 10)), length_band(4, (3, 10)), length_band(11, (3, 10))
    ('up to 3 words', '4 to 10 words', 'more than 10 words')
    """
    lowest = 0
    for bound in bounds:
        if words <= bound:
            return f"{lowest + 1} to {bound} words" if lowest else f"up to {bound} words"
        lowest = bound
    return f"more than {lowest} words"


def _subject(
    question: Question, passages: Mapping[str, Passage], rows: Mapping[str, DocumentRow], learned: set[str]
) -> Subject:
    evidence = [passages[one] for one in question.evidence if one in passages]
    documents = tuple(dict.fromkeys([*filter(None, [question.document_id]), *(one.document_id for one in evidence)]))
    answers = [answer for answer in question.answers if answer.strip()]
    first = rows.get(documents[0]) if documents else None
    return Subject(
        documents=documents,
        title=first.title if first else documents[0] if documents else NO_DOCUMENT,
        known=any(one in learned for one in documents) if documents else None,
        kind=kind_of(question.question, first.language if first else ""),
        passage_length=length_band(len(evidence[0].text.split()), _PASSAGE_WORDS) if evidence else "no evidence",
        answer_length=length_band(len(answers[0].split()), _ANSWER_WORDS) if answers else "no answer",
    )
