"""Jobs that search and answer: one question, its answer as a stream, or many in batches."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine.jobs import Monitor
from engine.records import AS_TUNED, Answer, Asking, Hit
from engine.retrieval.job import checked_question
from engine.workspace.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from engine.session import Session


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The passages found for a question."""

    question: str
    run: str
    hits: tuple[Hit, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SearchMany:
    """Find the best passages for each question, without an answer.

    Where the run was found better so, its generator says which of them answer, and those come first.
    """

    questions: tuple[str, ...]
    top_k: int = 5
    run_name: str = "active"
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    scope: Scope = EVERYTHING

    def run(self, session: Session, monitor: Monitor) -> tuple[SearchResult, ...]:
        from engine.generation.rag import open_search
        from engine.retrieval.base_fusion import current_run

        asked = [checked_question(question) for question in self.questions]
        scope = self.scope.checked()
        # Words are found without a weight of theirs against the vectors: not one passage is embedded for it.
        by_words = self.mode == "lexical"
        run = session.finished_run(self.run_name) if by_words else current_run(session, self.run_name, monitor)
        search = open_search(session, run, monitor, mode=self.mode)
        started = time.perf_counter()
        found = search(asked, top_k=self.top_k, scope=scope)
        spent_ms = (time.perf_counter() - started) * 1000 / max(len(asked), 1)
        return tuple(
            SearchResult(question, run.id, tuple(hits), {"retrieve": spent_ms})
            for question, hits in zip(asked, found, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Search:
    """Find the best passages for one question, without an answer."""

    question: str
    top_k: int = 5
    run_name: str = "active"
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    scope: Scope = EVERYTHING

    def run(self, session: Session, monitor: Monitor) -> SearchResult:
        return SearchMany((self.question,), self.top_k, self.run_name, self.mode, self.scope).run(session, monitor)[0]


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
