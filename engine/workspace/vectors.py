"""Embeddings of passages: float32 matrices as objects, with a row for each that says which encoder made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np

from engine.errors import DamagedError
from engine.records import Passage
from engine.workspace import dbapi
from engine.workspace.database import AMONG, Database, listed
from engine.workspace.objects import ObjectStore
from engine.workspace.passages import PASSAGE_COLUMNS, to_passage

_STORED = np.dtype("<f4")


class VectorStore:
    """Segments of vectors, appended as passages come and rewritten when passages go."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database = database
        self._objects = objects

    def missing(self, encoder: str) -> tuple[Passage, ...]:
        """Return the passages that have no vector under this encoder key, in the order of import."""
        rows = self._database.rows(
            f"SELECT {PASSAGE_COLUMNS} FROM passages JOIN documents ON documents.id = passages.document_id "
            "WHERE passages.rowid NOT IN (SELECT passage FROM vectors JOIN segments "
            "ON segments.rowid = vectors.segment WHERE segments.encoder = ?) ORDER BY passages.rowid",
            (encoder,),
        )
        return tuple(to_passage(row) for row in rows)

    def add(self, encoder: str, passage_ids: Sequence[str], vectors: np.ndarray) -> None:
        """Keep `vectors`, float32 of shape (len(passage_ids), dimension).

        A passage that has one under this encoder key gets the new one; passages removed meanwhile are left out.
        """
        if vectors.ndim != 2 or len(vectors) != len(passage_ids):
            raise ValueError(f"{len(passage_ids)} passages can't have vectors of shape {vectors.shape}.")
        with self._database.transaction() as connection:
            rows = self._database.rows(f"SELECT id, rowid FROM passages WHERE id {AMONG}", (listed(passage_ids),))
            known = {row[0]: row[1] for row in rows}
            live = [place for place, passage in enumerate(passage_ids) if passage in known]
            if not live:
                return
            passages = [known[passage_ids[place]] for place in live]
            connection.execute(
                f"DELETE FROM vectors WHERE passage {AMONG} "
                "AND segment IN (SELECT rowid FROM segments WHERE encoder = ?)",
                (listed(passages), encoder),
            )
            self._add_segment(encoder, passages, vectors[live])

    def all(self, encoder: str) -> tuple[list[str], np.ndarray]:
        """Return the ids of all live passages with a vector, and the vectors: float32 of shape (len(ids), dimension).

        Raises DamagedError when stored vectors are not what was written; those are forgotten, to be made again.
        """
        ids: list[str] = []
        parts: list[np.ndarray] = []
        for segment in self._database.rows("SELECT * FROM segments WHERE encoder = ? ORDER BY rowid", (encoder,)):
            rows = self._database.rows(
                "SELECT passages.id, vectors.place FROM vectors JOIN passages ON passages.rowid = vectors.passage "
                "WHERE vectors.segment = ? ORDER BY vectors.place",
                (segment["rowid"],),
            )
            try:
                matrix = self._matrix(segment)
            except DamagedError:
                if self._drop_segment(segment["rowid"]):  # its passages are missing now: the next build repairs it
                    raise
                return self.all(encoder)  # another thread has rewritten it meanwhile
            ids.extend(row[0] for row in rows)
            parts.append(matrix[[row[1] for row in rows]])
        if not ids:
            return [], np.zeros((0, 0), dtype=np.float32)
        return ids, np.concatenate([part for part in parts if len(part)]).astype(np.float32, copy=False)

    def drop(self, encoder: str) -> None:
        """Forget all vectors of this encoder key."""
        with self._database.transaction():
            for row in self._database.rows("SELECT rowid FROM segments WHERE encoder = ?", (encoder,)):
                self._drop_segment(row[0])

    def segments_of(self, passages: Iterable[int]) -> tuple[int, ...]:
        """Return the segments that hold vectors of these passages (by row number)."""
        rows = self._database.rows(f"SELECT DISTINCT segment FROM vectors WHERE passage {AMONG}", (listed(passages),))
        return tuple(row[0] for row in rows)

    def rewrite(self, segments: Iterable[int]) -> None:
        """Write these segments anew with their live rows only: a text can be guessed from its vector."""
        with self._database.transaction():
            for number in segments:
                segment = self._database.rows("SELECT * FROM segments WHERE rowid = ?", (number,))[0]
                rows = self._database.rows(
                    "SELECT place, passage FROM vectors WHERE segment = ? ORDER BY place", (number,)
                )
                matrix: np.ndarray | None = None
                with suppress(DamagedError):  # made again at the next build
                    matrix = self._matrix(segment)
                self._drop_segment(number)
                if rows and matrix is not None:
                    live = matrix[[row[0] for row in rows]]
                    self._add_segment(segment["encoder"], [row[1] for row in rows], live)

    def _add_segment(self, encoder: str, passages: Sequence[int], vectors: np.ndarray) -> None:
        matrix = np.ascontiguousarray(vectors, dtype=_STORED)
        digest = self._objects.publish(matrix.data.cast("B"))
        with self._database.transaction() as connection:
            segment = connection.execute(
                "INSERT INTO segments (encoder, digest, rows, dimension) VALUES (?, ?, ?, ?)",
                (encoder, digest, *matrix.shape),
            ).lastrowid
            connection.executemany(
                "INSERT INTO vectors (segment, place, passage) VALUES (?, ?, ?)",
                [(segment, place, passage) for place, passage in enumerate(passages)],
            )
            self._objects.refer(digest, f"vectors:{segment}")

    def _drop_segment(self, number: int) -> bool:
        """Forget a segment and tell whether it was there."""
        with self._database.transaction() as connection:
            there = connection.execute("DELETE FROM segments WHERE rowid = ?", (number,)).rowcount > 0
            self._objects.release(f"vectors:{number}")
        return there

    def _matrix(self, segment: dbapi.Row) -> np.ndarray:
        stored = np.frombuffer(self._objects.read(segment["digest"]), dtype=_STORED)
        if stored.size != segment["rows"] * segment["dimension"]:
            raise DamagedError("Vectors of the workspace are damaged.", hint="Build the index again.")
        return stored.reshape(segment["rows"], segment["dimension"])
