"""Looks over a question file as a whole: what is there twice, contradicts itself, leaks, or has no evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.questions.folding import folded
from engine.questions.problems import ProblemKind, QuestionProblem, shown
from engine.questions.raw import RawQuestion
from engine.questions.workspace_linker import WorkspaceLinker
from engine.records import Question, Split


@dataclass(slots=True)
class Review:
    """Takes a file's questions in their order, and says at its end what is wrong with them."""

    path: str
    file_split: Split | None
    has_documents: bool
    _problems: list[QuestionProblem] = field(default_factory=list)
    _asked: dict[str, tuple[Question, str]] = field(default_factory=dict)  # folded question → its first, and place
    _places: dict[str, str] = field(default_factory=dict)  # id → where its first stands
    _tested: dict[str, tuple[Question, str]] = field(default_factory=dict)  # folded → those given to the test split
    _trained: set[str] = field(default_factory=set)

    def take(
        self, raw: RawQuestion, question: Question, linker: WorkspaceLinker, *, is_new: bool, own_context: bool
    ) -> None:
        """Look at one question. `own_context`: its context was in no document and has become one."""
        asked = folded(raw.question)
        if not is_new:
            first = self._places.get(question.id, "another record")
            self._note(raw, "duplicate", f"It is the same as {first}: it is imported once.", left_out=True)
            return
        self._places[question.id] = raw.place
        first = self._asked.setdefault(asked, (question, raw.place))
        if first[0] is not question and _differ(first[0], question):
            self._note(raw, "other answers", f"The same question has other answers at {first[1]}.")
        split = raw.split or self.file_split
        if split == "test":
            self._tested.setdefault(asked, (question, raw.place))
        elif split == "train":
            self._trained.add(asked)
        self._check_evidence(raw, question, linker, own_context=own_context)

    def found(self, known: Mapping[str, Question]) -> list[QuestionProblem]:
        """Return the problems, those that show only in all questions together (`known`, by id) among them."""
        trained = self._trained | {
            folded(question.question) for question in known.values() if question.split == "train"
        } if self._tested else set()  # fmt: skip
        for asked, (question, place) in self._tested.items():
            if asked in trained:
                self._problems.append(
                    QuestionProblem(
                        self.path, question.line, place, "in training too",
                        "It is given to the test split, but stands among the training questions too: what it measures "
                        "was learnt by heart.", left_out=False, question=shown(question.question),
                    )
                )  # fmt: skip
        return self._problems

    def _check_evidence(
        self, raw: RawQuestion, question: Question, linker: WorkspaceLinker, *, own_context: bool
    ) -> None:
        for name in linker.unknown_names(raw)[:1]:
            self._note(raw, "unknown document", f"It names the document {name[:80]!r}, which is not in the workspace.")
        if question.unanswerable:
            return
        if raw.context.strip() and raw.answers and not _is_in(raw):
            self._note(raw, "answer not in context", "None of its answers stands in its context.")
        if not question.evidence:
            reason = "No passage of the documents holds its answer, or several do and rank alike: it is not trained on."
            self._note(raw, "no evidence", reason)
        elif own_context and self.has_documents:
            reason = "Its context is in no imported document: it has become a small document of its own."
            self._note(raw, "no evidence", reason)

    def _note(self, raw: RawQuestion, kind: ProblemKind, reason: str, *, left_out: bool = False) -> None:
        self._problems.append(
            QuestionProblem(self.path, raw.line, raw.place, kind, reason, left_out, shown(raw.question))
        )


def _is_in(raw: RawQuestion) -> bool:
    context = folded(raw.context)
    return any(folded(answer) in context for answer in raw.answers)


def _differ(one: Question, other: Question) -> bool:
    if one.unanswerable != other.unanswerable:
        return True
    return not {folded(answer) for answer in one.answers} & {folded(answer) for answer in other.answers}
