"""What a person does with questions: looks into a file, splits anew, edits, adds, excludes, judges evidence."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.errors import QuestionError
from engine.questions.columns import Header, Preview
from engine.questions.shares import Shares
from engine.records import Question, Split

if TYPE_CHECKING:
    from engine.jobs import Monitor
    from engine.session import Session

Judgement = Literal["exclude", "include", "confirm", "drop"]
_AUDITED_IDS = 20


@dataclass(frozen=True, slots=True)
class PreviewQuestions:
    """Look into a question file: its columns, its first rows, and what the columns probably are."""

    path: str
    header: Header = "auto"

    def run(self, session: Session, monitor: Monitor) -> Preview:
        """Return the preview. Raises QuestionError when the file can't be read."""
        from engine.questions.reader import QuestionReader
        from engine.questions.row_reader import RowReader

        return QuestionReader(RowReader(check=monitor.check)).preview(Path(self.path), self.header)


@dataclass(frozen=True, slots=True)
class SplitReport:
    """The sizes after a new split, how many questions changed sides, and the runs that learned from the old one."""

    sizes: dict[Split, int]
    moved: int
    runs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitQuestions:
    """Divide all questions anew. The same questions give the same split."""

    shares: Shares
    also_given: bool = False  # draw those too whose split their file gave
    seed: int = 0

    def run(self, session: Session, monitor: Monitor) -> SplitReport:
        """Return the new sizes. Raises QuestionError when there are no questions."""
        from engine.questions.shares import kept_shares
        from engine.questions.split import assign, document_groups

        workspace = session.workspace
        questions = workspace.questions.every()
        if not questions:
            raise QuestionError("There are no questions to split.", hint="Import some first.")
        monitor.progress("Splitting", 0, len(questions))
        given = {} if self.also_given else {one.id: one.split for one in questions if one.split_given}
        assigned = assign(
            questions,
            given=given,
            divisible=document_groups({row.id: row.group for row in workspace.documents.list()}),
            copies=workspace.likeness.pairs(),
            shares=kept_shares(workspace, self.shares),
            seed=self.seed,
            check=monitor.check,
        )
        moved = sum(one.split != other.split for one, other in zip(questions, assigned, strict=True))
        monitor.check()
        detail = f"{self.shares.train:g}/{self.shares.validation:g}/{self.shares.test:g}, {moved} moved"
        workspace.questions.add_many(assigned, action="questions split", detail=detail)
        monitor.progress("Splitting", len(questions), len(questions))
        runs = tuple(run.id for run in workspace.runs.list()) if moved else ()
        return SplitReport(workspace.questions.counts(), moved, runs)


@dataclass(frozen=True, slots=True)
class JudgeQuestions:
    """Exclude questions or take them back in; confirm or drop the evidence that was found for them."""

    question_ids: tuple[str, ...]
    judgement: Judgement

    def run(self, session: Session, monitor: Monitor) -> int:
        """Return how many questions changed. Raises QuestionError when one isn't there."""
        monitor.check()
        stored = session.workspace.questions
        before = [stored.get(question_id) for question_id in self.question_ids]
        after = [_judged(question, self.judgement) for question in before]
        changed = [new for old, new in zip(before, after, strict=True) if new != old]
        if changed:
            ids = ", ".join(question.id for question in changed[:_AUDITED_IDS])
            names = {
                "exclude": "excluded",
                "include": "included",
                "confirm": "evidence confirmed",
                "drop": "evidence dropped",
            }
            stored.add_many(changed, action=f"questions: {names[self.judgement]}", detail=f"{len(changed)}: {ids}")
        return len(changed)


@dataclass(frozen=True, slots=True)
class EditQuestion:
    """Change a question, its answers or its split; its evidence is looked for anew where its answers changed."""

    question_id: str
    question: str | None = None
    answers: tuple[str, ...] | None = None
    split: Split | None = None
    unanswerable: bool | None = (
        None  # True: the documents do not answer it; False: they do, known or not; None: as told
    )

    def run(self, session: Session, monitor: Monitor) -> Question:
        """Return the question as it is now. Raises QuestionError when it isn't there or would be empty."""
        stored = session.workspace.questions
        old = stored.get(self.question_id)
        if self.answers is None and self.unanswerable is None:
            answers, unanswerable = old.answers, old.unanswerable
        else:
            kept = () if self.unanswerable else old.answers
            answers = kept if self.answers is None else _cleaned(self.answers)
            unanswerable = bool(self.unanswerable)
            _check_answers(answers, unanswerable=self.unanswerable)
        new = replace(
            old,
            question=old.question if self.question is None else self.question.strip(),
            answers=answers,
            unanswerable=unanswerable,
            split=self.split or old.split,
            split_given=old.split_given or self.split is not None,
            edited=True,
        )
        _check(new)
        if unanswerable:  # evidence beside no answer would be learnt as a passage to refuse
            new = replace(new, evidence=(), link="", score=1.0, state="")
        if answers != old.answers and answers and new.state != "confirmed":
            new = _linked(session, monitor, new, context="", document=old.document_id) or new
        stored.add_many([new], action="question edited", detail=new.id)
        return new


@dataclass(frozen=True, slots=True)
class AddQuestion:
    """Add a question by hand."""

    question: str
    answers: tuple[str, ...] = ()
    context: str = ""  # where the answer stands, word for word
    document: str = ""  # its id, path, file name or title
    split: Split | None = None  # None: as its document's other questions, else drawn
    unanswerable: bool = False  # the documents do not answer it

    def run(self, session: Session, monitor: Monitor) -> Question:
        """Return the new question. Raises QuestionError when it is empty or there already."""
        from engine.questions.shares import kept_shares
        from engine.questions.split import assign, document_groups

        stored = session.workspace.questions
        answers = _cleaned(self.answers)
        _check_answers(answers, unanswerable=self.unanswerable or None)
        digest = hashlib.sha256("\0".join([self.question.strip(), *answers, self.context]).encode()).hexdigest()
        made = Question(
            f"own-{digest[:12]}", self.question.strip(), answers, unanswerable=self.unanswerable, edited=True, line=0
        )
        _check(made)
        known = stored.every()
        if any(question.id == made.id for question in known):
            raise QuestionError("This question is there already.", hint="Edit it instead.")
        made = _linked(session, monitor, made, context=self.context, document=self.document) or made
        given = {made.id: self.split} if self.split else {}
        divisible = document_groups({row.id: row.group for row in session.workspace.documents.list()})
        shares = kept_shares(session.workspace)
        copies = session.workspace.likeness.pairs()
        (made,) = assign([made], given=given, settled=known, divisible=divisible, copies=copies, shares=shares)
        stored.add_many([made], action="question added by hand", detail=made.id)
        return made


def _judged(question: Question, judgement: Judgement) -> Question:
    if judgement in ("exclude", "include"):
        return replace(question, excluded=judgement == "exclude")
    if judgement == "confirm":
        return replace(question, state="confirmed") if question.evidence else question
    return replace(question, state="dropped", evidence=(), link="", score=1.0)


def _cleaned(answers: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answer.strip() for answer in answers if answer.strip()))


def _check_answers(answers: tuple[str, ...], *, unanswerable: bool | None) -> None:
    if unanswerable and answers:
        raise QuestionError("A question with an answer can't be unanswerable.", hint="Leave out one of the two.")
    if unanswerable is None and not answers:
        raise QuestionError(
            "The question has no answer.", hint="Give one, or say that the documents do not answer the question."
        )


def _check(question: Question) -> None:
    from engine.questions.raw import QUESTION_CHARACTERS_MAX

    if not question.question:
        raise QuestionError("The question is empty.", hint="Write a question, or exclude it.")
    if len(question.question) > QUESTION_CHARACTERS_MAX:
        raise QuestionError("The question is too long.", hint=f"Keep it below {QUESTION_CHARACTERS_MAX:,} characters.")


def _linked(session: Session, monitor: Monitor, question: Question, *, context: str, document: str) -> Question | None:
    """The question with the evidence found for it; None when there is none."""
    from engine.questions.raw import RawQuestion
    from engine.questions.workspace_linker import WorkspaceLinker

    linker = WorkspaceLinker.over(session.workspace, monitor)
    named = (document,) if document else ()
    raw = RawQuestion(
        question.question, question.answers, context=context, documents=named, unanswerable=question.unanswerable
    )
    if document and linker.unknown_names(raw):
        raise QuestionError(f"There is no document {document!r}.", hint="List the documents to see their names.")
    evidence = linker.link(raw)
    if evidence is None or not evidence.passages:
        return None
    return replace(
        question,
        evidence=evidence.passages,
        document_id=evidence.document_id,
        group=question.group or linker.groups.get(evidence.document_id, "") or evidence.document_id,
        link=evidence.link,
        score=evidence.score,
        state="check" if evidence.link in ("fuzzy", "answer") else "",
    )
