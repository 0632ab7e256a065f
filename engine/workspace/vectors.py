"""Embeddings of passages: float32 matrices as objects, with a row for each that says which encoder made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from engine.errors import DamagedError
from engine.records import Passage
from engine.workspace import dbapi
from engine.workspace.database import AMONG, Database, listed
from engine.workspace.objects import ObjectStore
from engine.workspace.passages import PASSAGE_COLUMNS, to_passage

_STORED = np.dtype("<f4")


@dataclass(frozen=True, slots=True)
class Segment:
    """Vectors as they are stored, mapped into memory where the workspace is not encrypted."""

    numbers: np.ndarray  # int64: the passage's row number, of each live row
    places: np.ndarray  # int64: where in the matrix each live row stands
    matrix: np.ndarray  # float32 of shape (stored rows, dimension)


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

    def segments(self, encoder: str) -> tuple[int, ...]:
        """Return the numbers of the segments of this encoder key. A segment's vectors never change."""
        rows = self._database.rows("SELECT rowid FROM segments WHERE encoder = ? ORDER BY rowid", (encoder,))
        return tuple(row[0] for row in rows)

    def read(self, segment: int) -> Segment | None:
        """Return a segment's live rows; None when it is there no more.

        Raises DamagedError when the stored vectors are not what was written; those are forgotten, to be made again.
        """
        row = self._database.row("SELECT * FROM segments WHERE rowid = ?", (segment,))
        if row is None:
            return None
        live = self._database.rows("SELECT passage, place FROM vectors WHERE segment = ? ORDER BY place", (segment,))
        try:
            matrix = self._matrix(row)
        except DamagedError:
            if self._drop_segment(segment):  # its passages are missing now: the next build repairs it
                raise
            return None  # another thread has rewritten it meanwhile
        numbers = np.fromiter((found[0] for found in live), dtype=np.int64, count=len(live))
        places = np.fromiter((found[1] for found in live), dtype=np.int64, count=len(live))
        return Segment(numbers, places, matrix)

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
        stored = np.frombuffer(self._objects.mapped(segment["digest"]), dtype=_STORED)
        if stored.size != segment["rows"] * segment["dimension"]:
            raise DamagedError("Vectors of the workspace are damaged.", hint="Build the index again.")
        return stored.reshape(segment["rows"], segment["dimension"])
