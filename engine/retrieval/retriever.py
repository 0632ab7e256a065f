"""The retriever: question → passages, by both indexes and their fusion."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Literal

import numpy as np

from engine.jobs import Monitor
from engine.records import Fusion, Hit, Passage, Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.fusion import Candidates, followed, fuse, rerank
from engine.retrieval.index import DenseIndex
from engine.retrieval.lexical import CANDIDATES, LexicalIndex
from engine.retrieval.reranker import Reranker
from engine.session import TUNED, Session
from engine.workspace.scope import EVERYTHING, Scope
from engine.workspace.vectors import VectorStore
from engine.workspace.workspace import Workspace

Mode = Literal["hybrid", "dense", "lexical"]
Words = list[dict[int, float]]  # for each question the lexical scores of its passages by row number
Near = tuple[np.ndarray, np.ndarray]  # for each question its vector, and its nearest passages by row number

RERANKED = 20  # of the fused ranking, what a reranker reads: each costs as much as embedding a passage
SEGMENT = 2000  # passages embedded between two publications at most
KEPT_EVERY_S = 20.0  # of a slow encoder: what a crash can cost


class Retriever:
    """Answers with hits: passages with their fused, dense and lexical scores."""

    def __init__(
        self,
        *,
        workspace: Workspace,
        encoder: Encoder,
        index: DenseIndex,
        fusion: Fusion,
        reranker: Reranker | None = None,
        rerank_weight: float = 0.0,
    ) -> None:
        """`encoder` embeds the questions."""
        self._reranker = reranker
        self._rerank_weight = rerank_weight
        self.encoder = encoder
        self.index = index
        self.fusion = fusion
        self._workspace = workspace
        self.lexical = LexicalIndex(workspace)
        # One thread, so that its database connection stays; it ends with the retriever.
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="words")

    def search(
        self,
        questions: Sequence[str],
        *,
        top_k: int,
        mode: Literal["hybrid", "dense"] = "hybrid",
        scope: Scope = EVERYTHING,
        hidden: Sequence[Collection[str]] = (),
        check: Callable[[], None] = lambda: None,
    ) -> list[list[Hit]]:
        """Return for each question its best passages within `scope`, at most `top_k`, best first.

        One that is removed meanwhile is left out. `hidden` names for each question passages that are passed over as if
        they were not there. `check` is called between what a reranker reads. Raises QuestionError when no document is
        within the scope.
        """
        results: list[list[Hit]] = []
        # A deeper search gives the same passages other lexical scores, and so another order: what it finds comes after.
        deeper = mode == "hybrid" and top_k > CANDIDATES
        depth = CANDIDATES if deeper else max(top_k, CANDIDATES)
        candidates = self.candidates(questions, mode=mode, top_k=depth, scope=scope)
        more = self.candidates(questions, mode=mode, top_k=top_k, scope=scope) if deeper else ()
        for row, found in enumerate(candidates):
            if hidden:
                found = found.without(hidden[row])
            if mode == "hybrid":
                scores = self._reranked(questions[row], found, fuse(found, self.fusion), check)
                if deeper:
                    rest = more[row].without({*found.passage_ids, *(hidden[row] if hidden else ())})
                    scores = followed(scores, fuse(rest, self.fusion))
                    found = found.followed_by(rest)
            else:
                scores = found.dense
            order = np.argsort(-scores, kind="stable")[:top_k]
            passages = self._workspace.documents.passages_by_id([found.passage_ids[row] for row in order])
            results.append(
                [
                    Hit(
                        passages[found.passage_ids[row]],
                        float(scores[row]),
                        dense=float(found.dense[row]),
                        lexical=None if mode == "dense" else float(found.lexical[row]),
                    )
                    for row in order
                    if found.passage_ids[row] in passages
                ]
            )
        return results

    def candidates(
        self,
        questions: Sequence[str],
        *,
        mode: Literal["hybrid", "dense"] = "hybrid",
        top_k: int = CANDIDATES,
        scope: Scope = EVERYTHING,
    ) -> list[Candidates]:
        """Return what the indexes found for each question, with both scores of every candidate."""
        allowed = self._workspace.selection.passages_within(scope) if scope.limits else None

        def by_words() -> Words:
            matching = self.fusion.matching
            return [
                dict(self.lexical.search(one, top_k=top_k, matching=matching, allowed=allowed)) for one in questions
            ]

        def by_meaning() -> Near:
            vectors = self.encoder.encode(questions, questions=True)
            return vectors, self.index.search(vectors, top_k=top_k, allowed=allowed)[0]

        if mode == "dense":
            lexical, (vectors, near) = [{} for _ in questions], by_meaning()
        else:
            lexical, (vectors, near) = self._both(by_words, by_meaning)
        return [
            self._scored(vector, numbers[numbers >= 0], found)
            for vector, numbers, found in zip(vectors, near, lexical, strict=True)
        ]

    def cosines(self, questions: Sequence[str], passage_ids: Sequence[Collection[str]]) -> list[np.ndarray]:
        """Return the dense scores of the passages named for each question, whether or not a search would find them."""
        scores: list[np.ndarray] = []
        vectors = self.encoder.encode(questions, questions=True)
        for vector, ids in zip(vectors, passage_ids, strict=True):
            numbers = self._workspace.documents.passage_numbers([*ids]).values()
            scores.append(self.index.vectors(self.index.known(np.array([*numbers], dtype=np.int64))) @ vector)
        return scores

    def best(self, found: Candidates, fused: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Return the rows of the candidates that a reranker reads, and what it reads of them."""
        rows = np.argsort(-fused, kind="stable")[:RERANKED]
        passages = self._workspace.documents.passages_by_id([found.passage_ids[row] for row in rows])
        rows = np.array([row for row in rows.tolist() if found.passage_ids[row] in passages], dtype=np.int64)
        return rows, [passages[found.passage_ids[row]].indexed_text for row in rows]

    def _reranked(self, question: str, found: Candidates, fused: np.ndarray, check: Callable[[], None]) -> np.ndarray:
        if self._reranker is None or not len(fused):
            return fused
        rows, texts = self.best(found, fused)
        scores = self._reranker.scores(question, texts, check=check)
        return rerank(fused, rows, scores, weight=self._rerank_weight)

    def _both(self, by_words: Callable[[], Words], by_meaning: Callable[[], Near]) -> tuple[Words, Near]:
        """Do both: at once over many passages, where either takes as long as the other, if there is a core for each.

        Over few the second thread would cost the embedding of the question more than it saves.
        """
        if self.lexical.exact or self.encoder.device.cores == 1:
            return by_words(), by_meaning()
        words = self._beside.submit(by_words)
        try:
            with self.encoder.device.core_spared():
                near = by_meaning()
        finally:
            wait([words])
        return words.result(), near

    def _scored(self, vector: np.ndarray, near: np.ndarray, lexical: Mapping[int, float]) -> Candidates:
        numbers = self.index.known(np.array(list(dict.fromkeys([*near.tolist(), *lexical])), dtype=np.int64))
        ids = self._workspace.documents.passage_ids(numbers.tolist())
        there = np.array([number for number in numbers.tolist() if number in ids], dtype=np.int64)
        return Candidates(
            tuple(ids[number] for number in there.tolist()),
            self.index.vectors(there) @ vector,
            np.array([lexical.get(number, 0.0) for number in there.tolist()]),
        )


def vectors_key(session: Session, model: str) -> str:
    """The name under which vectors of this encoder are stored: another weight, another name."""
    return model if model.startswith(TUNED) else f"{model}:{session.library.get(model).digest[:16]}"


def embed_missing(session: Session, encoder: Encoder, model: str, monitor: Monitor) -> int:
    """Embed the passages that have no vector of this encoder yet, and publish them in segments.

    Returns how many were embedded. Stopped half-way, every vector that is done stays and the next call goes on.
    """
    key = vectors_key(session, model)
    with session.guard(f"vectors of {key}"):
        return _embed(session, encoder, key, monitor)


def _embed(session: Session, encoder: Encoder, key: str, monitor: Monitor) -> int:
    missing = session.workspace.vectors.missing(key)
    for start in range(0, len(missing), SEGMENT):
        _embed_segment(
            session.workspace,
            encoder,
            key,
            missing[start : start + SEGMENT],
            lambda done, start=start: monitor.progress("Embedding passages", start + done, len(missing)),
            monitor.clock,
        )
    return len(missing)


def _embed_segment(
    workspace: Workspace,
    encoder: Encoder,
    key: str,
    passages: Sequence[Passage],
    report: Callable[[int], None],
    clock: Callable[[], float],
) -> None:
    vectors = np.full((len(passages), encoder.dimension), np.nan, dtype=np.float32)
    kept = np.zeros(len(passages), dtype=bool)
    kept_s = clock()

    def keep() -> None:
        done = np.flatnonzero(~np.isnan(vectors[:, 0]) & ~kept)
        _keep(workspace, key, [passages[row] for row in done], vectors[done])
        kept[done] = True

    def follow(done: int) -> None:
        nonlocal kept_s
        if clock() - kept_s >= KEPT_EVERY_S:
            keep()
            kept_s = clock()
        report(done)

    try:
        encoder.encode([encoder.input_of(passage) for passage in passages], report=follow, into=vectors)
    finally:  # cancelled, too
        keep()


def _keep(workspace: Workspace, key: str, passages: Sequence[Passage], vectors: np.ndarray) -> None:
    """Store the vectors of the passages that are still what was embedded: a record of the same id may have another text
    by now."""
    with workspace.transaction():
        now = workspace.documents.passages_by_id([passage.id for passage in passages])
        same = [row for row, passage in enumerate(passages) if now.get(passage.id) == passage]
        workspace.vectors.add(key, [passages[row].id for row in same], vectors[same])


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
    """Load a run's retriever with an index of its own: what is imported later doesn't change it."""
    index = _up_to_date(session, run, monitor, DenseIndex)
    return _bound(session, run, index)


def open_retriever(session: Session, run: Run, monitor: Monitor) -> Retriever:
    """Return the run's retriever; the one asked last stays loaded, and its index follows the documents."""

    def held(store: VectorStore, key: str, dimension: int) -> DenseIndex:
        return session.loaded("dense index", key, lambda: DenseIndex(store, key, dimension))

    def load() -> Retriever:
        index = _up_to_date(session, run, monitor, held)
        return _bound(session, run, index)

    models = (run.encoder, run.passage_encoder, run.reranker, run.rerank_weight)
    key = (run.id, *models, run.fusion, session.workspace.index_version)
    return session.loaded("retriever", key, load)


def load_reranker(session: Session, model: str) -> Reranker:
    """Load a reranker by name; the one used last stays loaded."""
    return session.loaded("reranker", model, lambda: Reranker(session.model_files(model), session.device))


def _bound(session: Session, run: Run, index: DenseIndex) -> Retriever:
    return Retriever(
        workspace=session.workspace,
        encoder=load_encoder(session, run.encoder),
        index=index,
        fusion=run.fusion,
        reranker=load_reranker(session, run.reranker) if run.reranker else None,
        rerank_weight=run.rerank_weight,
    )


def _up_to_date(
    session: Session, run: Run, monitor: Monitor, make: Callable[[VectorStore, str, int], DenseIndex]
) -> DenseIndex:
    """Embed what has no vector yet, and return an index over all that have."""
    encoder = load_passage_encoder(session, run)
    embed_missing(session, encoder, run.indexed_by, monitor)
    index = make(session.workspace.vectors, vectors_key(session, run.indexed_by), encoder.dimension)
    index.refresh()
    return index
