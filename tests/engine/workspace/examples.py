"""Tiny documents, passages, questions and runs for the tests of the workspace."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from engine.records import Document, Fusion, Heading, Passage, Question, Run

PASSPHRASE = "eight rainy Tuesdays"


def clock() -> datetime:
    """Return always the same moment."""
    return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def document(name: str, text: str = "Aspirin thins the blood. Take it with water.", *, path: str = "") -> Document:
    """Make a document whose id is `name`."""
    return Document(
        id=name,
        title=f"Title of {name}",
        path=path or f"/files/{name}.txt",
        digest=hashlib.sha256(text.encode()).hexdigest(),
        kind="txt",
        text=text,
        page_starts=(0, 25),
        headings=(Heading(0, 1, "Use"),),
        group="leaflets",
    )


def passages(of: Document) -> tuple[Passage, ...]:
    """Cut a document into sentences."""
    cut: list[Passage] = []
    start = 0
    for sentence in of.text.split(". "):
        end = min(start + len(sentence) + 1, len(of.text))
        cut.append(Passage(f"{of.id}:{start}", of.id, of.title, of.text[start:end], 1, "Use", start, end))
        start = end + 1
    return tuple(cut)


def question(name: str, *evidence: str, of: str = "", split: str = "train") -> Question:
    """Make a question with evidence in the document `of`."""
    return Question(
        id=name,
        question=f"What about {name}?",
        answers=("blood", "the blood"),
        evidence=evidence,
        split=split,  # type: ignore[arg-type]
        group="g",
        document_id=of,
        source="/files/questions.json",
    )


def run(name: str, *, state: str = "finished", encoder: str = "all-MiniLM-L6-v2") -> Run:
    """Make a run of bundled models."""
    return Run(
        id=name,
        what="all",
        encoder=encoder,
        generator="flan-t5-small",
        fusion=Fusion(0.7),
        state=state,  # type: ignore[arg-type]
        before={"ndcg@10": 0.5},
        after={"ndcg@10": 0.6},
    )
