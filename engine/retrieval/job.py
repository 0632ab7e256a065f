"""The job that brings the index up to date, and what may be asked of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.documents.content import clean
from engine.errors import QuestionError
from engine.jobs import Monitor

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


def checked_question(question: str) -> str:
    """Return the question without space around it. Raises QuestionError for an overlong one or one without a word."""
    question = clean(question).strip()
    if not any(character.isalnum() for character in question):
        raise QuestionError("The question is empty.", hint="Type a question.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise QuestionError(
            f"The question has {len(question):,} characters.",
            hint=f"Ask with at most {MAX_QUESTION_CHARACTERS:,} characters.",
        )
    return question
