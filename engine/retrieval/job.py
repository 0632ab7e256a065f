"""Jobs of retrieval: bring the index up to date, and search it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine.documents.content import clean
from engine.errors import QuestionError
from engine.jobs import Monitor
from engine.records import Hit
from engine.workspace.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from engine.session import Session

MAX_QUESTION_CHARACTERS = 100_000


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What building the index did."""

    embedded: int  # passages that were new
    passages: int
    seconds: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The passages found for a question."""

    question: str
    run: str
    hits: tuple[Hit, ...]
    timings_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BuildIndex:
    """Embed what has no vector yet, and weigh the base's two indexes on the questions. Only what is new costs time."""

    run_name: str = "active"

    def run(self, session: Session, monitor: Monitor) -> IndexReport:
        from engine.retrieval.base_fusion import current_run
        from engine.retrieval.retriever import embed_missing, load_passage_encoder

        started = time.perf_counter()
        run = session.run(self.run_name)
        embedded = embed_missing(session, load_passage_encoder(session, run), run.indexed_by, monitor)
        current_run(session, self.run_name, monitor)
        return IndexReport(embedded, session.workspace.documents.passage_count(), time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class SearchMany:
    """Find the best passages for each question, without an answer."""

    questions: tuple[str, ...]
    top_k: int = 5
    run_name: str = "active"
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    scope: Scope = EVERYTHING

    def run(self, session: Session, monitor: Monitor) -> tuple[SearchResult, ...]:
        from engine.retrieval.base_fusion import current_run
        from engine.retrieval.retriever import open_retriever

        asked = [checked_question(question) for question in self.questions]
        scope = self.scope.checked()
        run = current_run(session, self.run_name, monitor)
        retriever = open_retriever(session, run, monitor)
        started = time.perf_counter()
        found = retriever.search(asked, top_k=self.top_k, mode=self.mode, scope=scope)
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


def checked_question(question: str) -> str:
    """Return the question without space around it. Raises QuestionError for an empty or overlong one."""
    question = clean(question).strip()
    if not question:
        raise QuestionError("The question is empty.", hint="Type a question.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise QuestionError(
            f"The question has {len(question):,} characters.",
            hint=f"Ask with at most {MAX_QUESTION_CHARACTERS:,} characters.",
        )
    return question
