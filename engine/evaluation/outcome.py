"""What a run found and said when asked every question of a split: asked once, then read from the workspace."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from engine import __version__
from engine.errors import QuestionError
from engine.evaluation.report import decoded
from engine.generation.rag import open_rag
from engine.jobs import Monitor
from engine.records import Answer, Hit, Passage, Question, Run, Split
from engine.retrieval.retriever import Mode, Retriever, open_retriever
from engine.session import BASE, Session

DEPTH = 20  # passages retrieved: the deepest any metric looks
_BATCH = 32  # questions between two reports of progress
_MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One value a question in each tuple. An answer is "" where the run abstained."""

    key: str  # of the run, the documents and the questions it stands for
    retrieved: tuple[tuple[str, ...], ...]
    answers: tuple[str, ...]
    confidences: tuple[float, ...]
    oracle_answers: tuple[str, ...]  # "" where the question has no evidence


@dataclass(frozen=True, slots=True)
class _Rankings:
    key: str
    modes: dict[str, tuple[tuple[str, ...], ...]]


def outcome_of(session: Session, run: Run, questions: Sequence[Question], *, split: Split, monitor: Monitor) -> Outcome:
    """Ask `run` the questions, end to end and with the right passages given, or read what it said before."""
    slot = f"{split}/outcome"
    key = _key(session, run, questions)
    stored = session.workspace.runs.report(run.id, slot)
    known = decoded(stored, Outcome)
    if known is not None and known.key == key:
        return known
    rag = open_rag(session, run, monitor)
    if not rag.retriever.index.passage_ids:
        raise QuestionError(
            "There is nothing to answer from: the workspace has no documents.", hint="Add documents first."
        )
    texts = [question.question for question in questions]
    hits = _hits(rag.retriever, texts, mode="hybrid", stage=f"Searching with run {run.id}", monitor=monitor)
    answers = rag.answer_many(texts, monitor=monitor, hits=hits, stage=f"Answering with run {run.id}")
    given = [row for row, question in enumerate(questions) if question.evidence]
    passages = _evidence(session, [questions[row] for row in given], most=run.passages_per_answer)
    told = rag.answer_many(
        [texts[row] for row in given],
        monitor=monitor,
        passages=passages,
        stage=f"Reading the right passage with run {run.id}",
    )
    oracle = dict(zip(given, told, strict=True))
    outcome = Outcome(
        key=key,
        retrieved=_ids(hits),
        answers=tuple(_said(answer) for answer in answers),
        confidences=tuple(answer.confidence for answer in answers),
        oracle_answers=tuple(_said(oracle[row]) if row in oracle else "" for row in range(len(questions))),
    )
    session.workspace.runs.save_report(run.id, slot, msgspec.json.encode(outcome).decode("utf-8"))
    return outcome


def baseline_rankings(
    session: Session, questions: Sequence[Question], *, split: Split, monitor: Monitor
) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Untuned retrieval of the same questions: BM25 alone, dense alone, and both fused."""
    slot = f"{split}/baselines"
    base = session.run(BASE)
    key = _key(session, base, questions)
    stored = session.workspace.runs.report(BASE, slot)
    known = decoded(stored, _Rankings)
    if known is not None and known.key == key:
        return known.modes
    retriever = open_retriever(session, base, monitor)
    texts = [question.question for question in questions]
    modes = {
        mode: _ids(_hits(retriever, texts, mode=mode, stage=f"Untuned retrieval, {mode}", monitor=monitor))
        for mode in _MODES
    }
    session.workspace.runs.save_report(BASE, slot, msgspec.json.encode(_Rankings(key, modes)).decode("utf-8"))
    return modes


def _key(session: Session, run: Run, questions: Sequence[Question]) -> str:
    """Identity is content: the models, the documents, the questions, and this version of the program."""
    models = [run.encoder, run.passage_encoder, run.generator]
    bound = [__version__, run.id, models, run.fusion, run.reading, run.passages_per_answer, run.settings]
    content = [bound, session.workspace.index_version, DEPTH, list(questions)]
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()


def _hits(retriever: Retriever, texts: Sequence[str], *, mode: Mode, stage: str, monitor: Monitor) -> list[list[Hit]]:
    found: list[list[Hit]] = []
    monitor.progress(stage, 0, len(texts))
    for start in range(0, len(texts), _BATCH):
        found.extend(retriever.search(texts[start : start + _BATCH], top_k=DEPTH, mode=mode))
        monitor.progress(stage, len(found), len(texts))
    return found


def _ids(hits: Sequence[Sequence[Hit]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(hit.passage.id for hit in found) for found in hits)


def _evidence(session: Session, questions: Sequence[Question], *, most: int) -> list[list[Passage]]:
    wanted = [question.evidence[:most] for question in questions]
    held = session.workspace.documents.passages_by_id([passage_id for ids in wanted for passage_id in ids])
    return [[held[passage_id] for passage_id in ids if passage_id in held] for ids in wanted]


def _said(answer: Answer) -> str:
    return "" if answer.abstained else answer.answer
