"""What is wrong with a question file: every problem of it, collected before any is shown."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

ProblemKind = Literal[
    "unreadable", "empty", "too long", "duplicate", "other answers", "answer not in context", "no evidence",
    "unknown document", "in training too", "split",
]  # fmt: skip
KEPT_MAX = 5000  # of one import; beyond, they are only counted
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class QuestionProblem:
    """One thing wrong with one record."""

    path: str
    line: int  # 1-based: a line of text, a row of a sheet, the position in an array; 0 for the file as a whole
    place: str  # the same as a person calls it
    kind: ProblemKind
    reason: str  # a sentence
    left_out: bool  # whether the record was not imported
    question: str = ""


@dataclass(slots=True)
class ProblemList:
    """The problems of an import, file by file in the order of their lines."""

    found: list[QuestionProblem] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, problem: QuestionProblem) -> None:
        """Take a problem in."""
        self.counts[problem.kind] += 1
        if len(self.found) < KEPT_MAX:
            self.found.append(problem)

    def sort(self) -> None:
        """Bring them into the order of the files and their lines."""
        order = {path: number for number, path in enumerate(dict.fromkeys(one.path for one in self.found))}
        self.found.sort(key=lambda problem: (order[problem.path], problem.line))


def shown(question: str) -> str:
    """Return a question as a line of a list shows it."""
    return " ".join(question.split())[:_SHOWN_CHARACTERS]
