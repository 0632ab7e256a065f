"""What people said about questions while looking at results: pinned, why, and how they were imported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from engine.errors import QuestionError
from engine.records import Amendment
from engine.workspace.audit import AuditLog
from engine.workspace.database import Database, decoded, encoded


class AmendmentStore:
    """The amendments of a workspace, one a question."""

    def __init__(self, database: Database, audit: AuditLog, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    def all(self) -> dict[str, Amendment]:
        """Return the amendments by question id."""
        rows = self._database.rows("SELECT question, json FROM amendments ORDER BY question")
        return {row[0]: decoded(row[1], Amendment) for row in rows}

    def get(self, question_id: str) -> Amendment:
        """Return what holds of a question; an empty amendment where nothing was said."""
        row = self._database.row("SELECT json FROM amendments WHERE question = ?", (question_id,))
        return decoded(row[0], Amendment) if row else Amendment(question_id)

    def put(self, amendment: Amendment, *, action: str) -> Amendment:
        """Keep an amendment, and note in the audit what was done to which question (never its words).

        Raises QuestionError when there is no such question.
        """
        timed = replace(amendment, time=self._clock().isoformat(timespec="seconds"))
        with self._database.transaction() as connection:
            if not self._database.count("SELECT count(*) FROM questions WHERE id = ?", (timed.question_id,)):
                raise QuestionError(
                    f"There is no question {timed.question_id}.", hint="List the questions to see their ids."
                )
            connection.execute("INSERT OR REPLACE INTO amendments VALUES (?, ?)", (timed.question_id, encoded(timed)))
            self._audit.record(f"question {action}", timed.question_id)
        return timed
