"""The dense index: nearest passages by cosine. The only importer of faiss; a cache, rebuilt from the stored vectors."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import faiss
import numpy as np
from datasets import Dataset, disable_progress_bars

from engine.workspace.vectors import Segment
from engine.workspace.workspace import Workspace

FLAT_MAX = 150_000  # passages up to which every vector is compared: some 10 ms a question on one core
SHRUNK = 0.5  # below this share of FLAT_MAX an inverted file becomes flat again
GROWN = 4.0  # an inverted file that has grown so many times over is divided anew
CELLS = 1024
PROBED = 192  # cells searched for a question: recall@10 .98 of 200,000; 48 of them gave .89
SAMPLE = 64 * CELLS  # vectors the cells are found on
ROUNDS = 8  # of k-means
RESCORED = 2  # times as many are taken from the 8-bit cells, and ranked by their exact cosines


class Vectors(Protocol):
    """Where an index takes its vectors from: the workspace's store, or what was just made."""

    def segments(self, encoder: str) -> tuple[int, ...]: ...

    def read(self, segment: int) -> Segment | None: ...


class DenseIndex:
    """The vectors of one encoder, searched exactly while they are few, by cells when they are many.

    `refresh` follows the store segment by segment: what was added or removed costs time, what stayed doesn't. Vectors
    stay where they are stored, mapped into memory; the flat index holds a copy, the cells a byte a value.
    Safe on any thread.
    """

    def __init__(
        self, store: Vectors, encoder: str, dimension: int, *, flat_max: int = FLAT_MAX, cells: int = CELLS
    ) -> None:
        self.dimension = dimension
        self._store = store
        self._encoder = encoder
        self._flat_max = flat_max
        self._cells = cells
        self._guard = threading.RLock()
        self._segments: dict[int, Segment] = {}
        self._index: faiss.Index = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._divided = 0  # how many vectors there were when the cells were found; 0 while flat
        self._locate()

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def divided(self) -> bool:
        """Whether the vectors are many enough to lie in cells."""
        return self._divided > 0

    def refresh(self) -> None:
        """Bring the index up to what is stored. Raises DamagedError when stored vectors were altered."""
        with self._guard:
            stored = set(self._store.segments(self._encoder))
            new: dict[int, Segment] = {}
            for number in sorted(stored - self._segments.keys()):
                segment = self._store.read(number)
                if segment is not None and len(segment.numbers):
                    new[number] = segment
            # After the reading, which may fail: what is taken off here must go from the index below.
            gone = [self._segments.pop(number) for number in self._segments.keys() - stored]
            if not gone and not new:
                return
            self._segments |= new
            added = [segment.numbers for segment in new.values()]
            lost = np.concatenate([segment.numbers for segment in gone] + added)
            self._locate()
            if self._must_rebuild():
                self._rebuild()
                return
            if self._index.ntotal:
                self._index.remove_ids(lost)
            for segment in new.values():
                self._add(segment)

    def search(
        self, queries: np.ndarray, *, top_k: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return row numbers and cosines of the nearest passages, both of shape (len(queries), top_k), best first.

        `allowed` are the row numbers that may be found; None for all. Where there are fewer, −1 and −inf follow.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        with self._guard:
            if not self.divided:
                return self._search_all(queries, top_k, allowed)
            if allowed is not None and len(allowed) <= self._flat_max:
                return _best(queries @ self.vectors(self.known(allowed)).T, self.known(allowed), top_k)
            return self._search_cells(queries, top_k, allowed)

    def known(self, numbers: np.ndarray) -> np.ndarray:
        """Return those of the row numbers that have a vector, in their order."""
        if not len(self._numbers):
            return np.empty(0, dtype=np.int64)
        places = np.minimum(np.searchsorted(self._numbers, numbers), len(self._numbers) - 1)
        return np.asarray(numbers, dtype=np.int64)[self._numbers[places] == numbers]

    def vectors(self, numbers: np.ndarray) -> np.ndarray:
        """Return the stored vectors of known row numbers, float32 of shape (len(numbers), dimension)."""
        with self._guard:
            found = np.empty((len(numbers), self.dimension), dtype=np.float32)
            places = np.searchsorted(self._numbers, numbers)
            parts = self._parts[places]
            for part in np.unique(parts):
                rows = np.flatnonzero(parts == part)
                found[rows] = self._matrices[part][self._places[places[rows]]]
            return found

    def _search_all(self, queries: np.ndarray, top_k: int, allowed: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        if not len(self):
            return _best(np.empty((len(queries), 0), dtype=np.float32), np.empty(0, dtype=np.int64), top_k)
        chosen = None if allowed is None else faiss.SearchParameters(sel=faiss.IDSelectorBatch(allowed))
        cosines, numbers = self._index.search(queries, top_k, params=chosen)
        return numbers, np.where(numbers < 0, -np.inf, cosines)

    def _search_cells(
        self, queries: np.ndarray, top_k: int, allowed: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        chosen = faiss.SearchParametersIVF(nprobe=PROBED)
        if allowed is not None:
            chosen = faiss.SearchParametersIVF(nprobe=self._cells, sel=faiss.IDSelectorBatch(allowed))
        _, rough = self._index.search(queries, RESCORED * top_k, params=chosen)
        numbers = np.full((len(queries), top_k), -1, dtype=np.int64)
        cosines = np.full((len(queries), top_k), -np.inf, dtype=np.float32)
        for row, query in enumerate(queries):
            near = rough[row][rough[row] >= 0]
            numbers[row], cosines[row] = (one[0] for one in _best((self.vectors(near) @ query)[None], near, top_k))
        return numbers, cosines

    def _locate(self) -> None:
        """Note where each row number's vector stands. A number in two segments is the later one's."""
        segments = [self._segments[number] for number in sorted(self._segments, reverse=True)]
        self._matrices = [segment.matrix for segment in segments]
        empty = np.empty(0, dtype=np.int64)
        numbers = np.concatenate([empty, *(segment.numbers for segment in segments)])
        parts = np.repeat(np.arange(len(segments), dtype=np.int32), [len(segment.numbers) for segment in segments])
        places = np.concatenate([empty, *(segment.places for segment in segments)]).astype(np.int32)
        self._numbers, first = np.unique(numbers, return_index=True)
        self._parts = parts[first]
        self._places = places[first]

    def _must_rebuild(self) -> bool:
        count = len(self)
        if not self.divided:
            return count > self._flat_max
        return count < SHRUNK * self._flat_max or count > GROWN * self._divided

    def _rebuild(self) -> None:
        count = len(self)
        if count <= self._flat_max:
            self._index, self._divided = faiss.IndexIDMap2(faiss.IndexFlatIP(self.dimension)), 0
        else:
            self._index, self._divided = self._divide(), count
        for segment in self._segments.values():
            self._add(segment)

    def _divide(self) -> faiss.Index:
        """Find the cells on a sample of the vectors, the same one for the same vectors."""
        coarse = faiss.IndexFlatIP(self.dimension)
        index = faiss.IndexIVFScalarQuantizer(
            coarse, self.dimension, self._cells, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        index.own_fields = True
        coarse.this.disown()
        index.by_residual = False
        index.cp.niter = ROUNDS
        index.cp.spherical = True
        sample = np.linspace(0, len(self) - 1, min(len(self), SAMPLE)).astype(np.int64)
        index.train(self.vectors(self._numbers[sample]))
        return index

    def _add(self, segment: Segment) -> None:
        live = segment.matrix[segment.places] if len(segment.places) != len(segment.matrix) else segment.matrix
        self._index.add_with_ids(np.ascontiguousarray(live, dtype=np.float32), segment.numbers)


def _best(cosines: np.ndarray, numbers: np.ndarray, top_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the best `top_k` of each row, padded with −1 and −inf; `cosines` has shape (questions, len(numbers))."""
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :top_k]
    padding = ((0, 0), (0, top_k - order.shape[1]))
    found = np.pad(numbers[order], padding, constant_values=-1)
    return found, np.pad(np.take_along_axis(cosines, order, axis=1), padding, constant_values=-np.inf)


@dataclass(frozen=True, slots=True)
class _Fresh:
    """Vectors that are not stored."""

    segment: Segment

    def segments(self, encoder: str) -> tuple[int, ...]:
        return (0,)

    def read(self, segment: int) -> Segment:
        return self.segment


def index_of(workspace: Workspace, passage_ids: Sequence[str], vectors: np.ndarray) -> DenseIndex:
    """Return an index over `vectors` just made, of shape (len(passage_ids), dimension); what is gone is left out."""
    known = workspace.documents.passage_numbers(passage_ids)
    places = np.array([place for place, name in enumerate(passage_ids) if name in known], dtype=np.int64)
    numbers = np.array([known[name] for name in passage_ids if name in known], dtype=np.int64)
    index = DenseIndex(_Fresh(Segment(numbers, places, vectors)), "", vectors.shape[1])
    index.refresh()
    return index


def stored_vectors(workspace: Workspace, encoder: str) -> tuple[list[str], np.ndarray]:
    """Return the ids of all passages with a vector under this encoder key, and the vectors, in memory."""
    ids: list[str] = []
    parts: list[np.ndarray] = []
    for number in workspace.vectors.segments(encoder):
        segment = workspace.vectors.read(number)
        if segment is not None:
            names = workspace.documents.passage_ids(segment.numbers.tolist())
            there = [row for row, passage in enumerate(segment.numbers.tolist()) if passage in names]
            ids += [names[int(segment.numbers[row])] for row in there]
            parts.append(segment.matrix[segment.places[there]])
    return ids, np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.float32)


def passage_dataset(titles: Sequence[str], texts: Sequence[str], vectors: np.ndarray) -> Dataset:
    """Return passages with their vectors (n, D) as transformers' `custom` index wants them, in memory."""
    dataset = Dataset.from_dict({"title": list(titles), "text": list(texts), "embeddings": list(vectors)})
    index = faiss.IndexFlatIP(vectors.shape[1])
    disable_progress_bars()
    dataset.add_faiss_index("embeddings", custom_index=index)
    return dataset
