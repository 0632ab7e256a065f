"""The retriever: question → passages, by both indexes and their fusion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from engine.jobs import Monitor
from engine.records import Fusion, Hit, Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.fusion import Candidates, fuse
from engine.retrieval.index import DenseIndex
from engine.retrieval.lexical import LexicalIndex
from engine.session import TUNED, Session
from engine.workspace.workspace import Workspace

Mode = Literal["hybrid", "dense", "lexical"]

CANDIDATES = 100  # taken from each index before fusion
SEGMENT = 2000  # passages embedded between two publications: what a crash can cost


class Retriever:
    """Answers with hits: passages with their fused, dense and lexical scores."""

    def __init__(self, *, workspace: Workspace, encoder: Encoder, index: DenseIndex, fusion: Fusion) -> None:
        """`encoder` embeds the questions."""
        self.encoder = encoder
        self.index = index
        self.fusion = fusion
        self._workspace = workspace
        self.lexical = LexicalIndex(workspace)

    def search(self, questions: Sequence[str], *, top_k: int, mode: Mode = "hybrid") -> list[list[Hit]]:
        """Return for each question its best passages, at most `top_k`, best first."""
        results: list[list[Hit]] = []
        for found in self.candidates(questions, mode=mode, top_k=max(top_k, CANDIDATES)):
            if mode == "hybrid":
                scores = fuse(found, self.fusion)
            else:
                scores = found.dense if mode == "dense" else found.lexical
            order = np.argsort(-scores, kind="stable")[:top_k]
            passages = self._workspace.documents.passages_by_id([found.passage_ids[row] for row in order])
            results.append(
                [
                    Hit(
                        passages[found.passage_ids[row]],
                        float(scores[row]),
                        dense=None if mode == "lexical" else float(found.dense[row]),
                        lexical=None if mode == "dense" else float(found.lexical[row]),
                    )
                    for row in order
                ]
            )
        return results

    def candidates(
        self, questions: Sequence[str], *, mode: Mode = "hybrid", top_k: int = CANDIDATES
    ) -> list[Candidates]:
        """Return what the indexes found for each question, with both scores of every candidate."""
        if mode == "lexical":
            dense = [np.empty(0, dtype=np.int64)] * len(questions)
            vectors = np.zeros((len(questions), self.encoder.dimension), dtype=np.float32)
        else:
            vectors = self.encoder.encode(questions, questions=True)
            dense = list(self.index.search(vectors, top_k=top_k)[0])
        found: list[Candidates] = []
        for question, vector, rows in zip(questions, vectors, dense, strict=True):
            lexical = (
                {}
                if mode == "dense"
                else dict(self.lexical.search(question, top_k=top_k, matching=self.fusion.matching))
            )
            ids = list(dict.fromkeys([*(self.index.passage_ids[row] for row in rows), *lexical]))
            ids = [passage_id for passage_id in ids if passage_id in self.index.row_of]
            where = [self.index.row_of[passage_id] for passage_id in ids]
            found.append(
                Candidates(
                    tuple(ids),
                    self.index.vectors[where] @ vector if where else np.empty(0, dtype=np.float32),
                    np.array([lexical.get(passage_id, 0.0) for passage_id in ids]),
                )
            )
        return found


def vectors_key(session: Session, model: str) -> str:
    """The name under which vectors of this encoder are stored: another weight, another name."""
    return model if model.startswith(TUNED) else f"{model}:{session.library.get(model).digest[:16]}"


def embed_missing(session: Session, encoder: Encoder, model: str, monitor: Monitor) -> int:
    """Embed the passages that have no vector of this encoder yet, and publish them in segments.

    Returns how many were embedded. Stopped half-way, the published segments stay and the next call goes on.
    """
    key = vectors_key(session, model)
    with session.guard(f"vectors of {key}"):
        return _embed(session, encoder, key, monitor)


def _embed(session: Session, encoder: Encoder, key: str, monitor: Monitor) -> int:
    missing = session.workspace.vectors.missing(key)
    for start in range(0, len(missing), SEGMENT):
        segment = missing[start : start + SEGMENT]
        vectors = encoder.encode(
            [encoder.input_of(passage) for passage in segment],
            report=lambda done, start=start: monitor.progress("Embedding passages", start + done, len(missing)),
        )
        session.workspace.vectors.add(key, [passage.id for passage in segment], vectors)
    return len(missing)


def load_encoder(session: Session, model: str) -> Encoder:
    """Load an encoder by name; the one used last stays loaded."""
    return session.loaded("encoder", model, lambda: Encoder(session.model_files(model), session.device))


def load_passage_encoder(session: Session, run: Run) -> Encoder:
    """Load what embeds a run's passages: the questions' encoder, or one of their own."""
    if not run.passage_encoder:
        return load_encoder(session, run.encoder)
    model = run.passage_encoder
    return session.loaded("passage encoder", model, lambda: Encoder(session.model_files(model), session.device))


def load_retriever(session: Session, run: Run, monitor: Monitor) -> Retriever:
    """Load a run's retriever, its index brought up to date."""
    encoder = load_encoder(session, run.encoder)
    embed_missing(session, load_passage_encoder(session, run), run.indexed_by, monitor)
    ids, vectors = session.workspace.vectors.all(vectors_key(session, run.indexed_by))
    if not ids:
        vectors = np.empty((0, encoder.dimension), dtype=np.float32)
    return Retriever(workspace=session.workspace, encoder=encoder, index=DenseIndex(ids, vectors), fusion=run.fusion)


def open_retriever(session: Session, run: Run, monitor: Monitor) -> Retriever:
    """Return the run's retriever; the one asked last stays loaded until documents or the run change."""
    key = (run.id, run.encoder, run.passage_encoder, run.fusion, session.workspace.index_version)
    return session.loaded("retriever", key, lambda: load_retriever(session, run, monitor))
