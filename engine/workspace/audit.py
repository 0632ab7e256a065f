"""The audit: an append-only list of what was done, each row sealed with the digest of the one before."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from engine.workspace.database import Database

_FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that was done."""

    sequence: int
    time: str  # ISO 8601, UTC
    action: str
    detail: str
    digest: str  # SHA-256 (hex) over the digest before and this row


class AuditLog:
    """Records actions in the transaction that does them."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    def record(self, action: str, detail: str = "") -> None:
        """Add a row, durable together with the transaction it stands in."""
        with self._database.transaction() as connection:
            last = connection.execute("SELECT digest FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
            time = self._clock().isoformat(timespec="milliseconds")
            digest = _seal(last[0] if last else _FIRST, time, action, detail)
            connection.execute(
                "INSERT INTO audit (time, action, detail, digest) VALUES (?, ?, ?, ?)", (time, action, detail, digest)
            )

    def list(self) -> tuple[AuditRow, ...]:
        """Return all rows, oldest first."""
        rows = self._database.rows("SELECT sequence, time, action, detail, digest FROM audit ORDER BY sequence")
        return tuple(AuditRow(*row) for row in rows)

    def broken_at(self) -> int | None:
        """Return the sequence number of the first row that doesn't follow from those before it, None when all do."""
        before = _FIRST
        for expected, row in enumerate(self.list(), start=1):
            if row.sequence != expected or row.digest != _seal(before, row.time, row.action, row.detail):
                return expected
            before = row.digest
        return None


def _seal(before: str, time: str, action: str, detail: str) -> str:
    content = "\x1f".join((before, time, action, detail))
    return hashlib.sha256(content.encode()).hexdigest()
