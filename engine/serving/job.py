"""Jobs that answer: one question as a stream, or many in batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.jobs import Monitor
from engine.records import AS_TUNED, Answer, Asking
from engine.retrieval.job import checked_question
from engine.workspace.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from engine.session import Session


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """Answer one question from the documents, its text streaming as Token events."""

    question: str
    run_name: str = "active"
    asking: Asking = AS_TUNED
    scope: Scope = EVERYTHING

    def run(self, session: Session, monitor: Monitor) -> Answer:
        from engine.generation.rag import open_rag
        from engine.retrieval.base_fusion import current_run

        question, scope = checked_question(self.question), self.scope.checked()
        rag = open_rag(session, current_run(session, self.run_name, monitor), monitor)
        return rag.answer(question, monitor=monitor, asking=self.asking, scope=scope)


@dataclass(frozen=True, slots=True)
class AnswerBatch:
    """Answer many questions in batches: faster than one at a time, without a stream and without the cache."""

    questions: tuple[str, ...]
    run_name: str = "active"
    asking: Asking = AS_TUNED
    scope: Scope = EVERYTHING

    def run(self, session: Session, monitor: Monitor) -> tuple[Answer, ...]:
        from engine.generation.rag import open_rag
        from engine.retrieval.base_fusion import current_run

        asked, scope = [checked_question(question) for question in self.questions], self.scope.checked()
        rag = open_rag(session, current_run(session, self.run_name, monitor), monitor)
        return tuple(rag.answer_many(asked, monitor=monitor, asking=self.asking, scope=scope))
