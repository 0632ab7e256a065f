"""Which documents are nearly the same: sketches of their words, compared where a band of them agrees."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from engine.workspace.database import AMONG, Database, listed

SKETCH_VALUES = 64
SIMILARITY_MIN = 0.8  # share of three-word runs in common, as the sketches estimate it

_BANDS = 8  # of 8 values each: two documents of similarity .8 share one with probability .77, of .9 with .99
_CANDIDATES_MAX = 50


class LikenessStore:
    """The sketches of the documents, and the pairs found to be nearly the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_many(self, sketches: Iterable[tuple[str, bytes]]) -> None:
        """Keep the sketch (64 uint32) of each document and note which earlier one it is most like."""
        with self._database.transaction() as connection:
            for document_id, sketch in sketches:
                bands = list(_bands(sketch))
                nearest = self._nearest(document_id, sketch, bands)
                connection.execute("INSERT OR REPLACE INTO sketches VALUES (?, ?)", (document_id, sketch))
                connection.executemany(
                    "INSERT OR IGNORE INTO bands VALUES (?, ?)", [(band, document_id) for band in bands]
                )
                if nearest is not None:
                    connection.execute("INSERT OR REPLACE INTO likenesses VALUES (?, ?, ?)", (document_id, *nearest))

    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Return the ids of each document that is nearly the same as an earlier one, and of that one."""
        return tuple((row[0], row[1]) for row in self._database.rows("SELECT document_id, other_id FROM likenesses"))

    def _nearest(self, document_id: str, sketch: bytes, bands: list[int]) -> tuple[str, float] | None:
        rows = self._database.rows(
            "SELECT document_id, sketch FROM sketches WHERE document_id IN "
            f"(SELECT document_id FROM bands WHERE band {AMONG} AND document_id != ? LIMIT {_CANDIDATES_MAX})",
            (listed(bands), document_id),
        )
        own = _values(sketch)
        scored = [(float((_values(row[1]) == own).mean()), row[0]) for row in rows]
        similarity, nearest = max(scored, default=(0.0, ""))
        return (nearest, similarity) if similarity >= SIMILARITY_MIN else None


def _values(sketch: bytes) -> np.ndarray:
    return np.frombuffer(sketch, dtype="<u4")


def _bands(sketch: bytes) -> Iterable[int]:
    """Each band of the sketch as a number that SQLite can hold; its place is part of it."""
    size = len(sketch) // _BANDS
    for place in range(_BANDS):
        digest = hashlib.blake2b(sketch[place * size : (place + 1) * size], digest_size=8, salt=bytes([place])).digest()
        yield int.from_bytes(digest, "little", signed=True)
