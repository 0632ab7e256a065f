"""Answers kept from before, valid only as long as the documents they came from stay as they are."""

from __future__ import annotations

from engine.workspace.database import Database

_CLEARINGS = "answers_cleared"


class AnswerCache:
    """Answers as JSON under a key of the asker's making."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        """Return the JSON kept under `key`, None when there is none."""
        row = self._database.row("SELECT json FROM cached_answers WHERE key = ?", (key,))
        return row[0] if row else None

    def put(self, key: str, json: str, *, since: int | None = None) -> None:
        """Keep `json` under `key` until the documents change; not at all where they have since `since` clearings."""
        with self._database.transaction() as connection:
            if since is None or since == self.clearings():
                connection.execute("INSERT OR REPLACE INTO cached_answers VALUES (?, ?)", (key, json))

    def clearings(self) -> int:
        """Return how often everything was dropped: what was begun before may quote a document that is gone."""
        row = self._database.row("SELECT value FROM settings WHERE key = ?", (_CLEARINGS,))
        return int(row[0]) if row else 0

    def clear(self) -> int:
        """Drop everything and return how much that was."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO settings VALUES (?, '1') "
                "ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1",
                (_CLEARINGS,),
            )
            return int(connection.execute("DELETE FROM cached_answers").rowcount)
