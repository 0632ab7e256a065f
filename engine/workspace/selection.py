"""Which passages a scope chooses, and the tags and dates that documents are chosen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from engine.errors import DocumentError, QuestionError
from engine.workspace.answers import AnswerCache
from engine.workspace.database import AMONG, Database, listed
from engine.workspace.scope import Scope

MAX_TAG_CHARACTERS = 60


class Selection:
    """Tags and dates of documents, and the passages within a scope."""

    def __init__(self, database: Database, answers: AnswerCache) -> None:
        self._database = database
        self._answers = answers

    def passages_within(self, scope: Scope) -> np.ndarray:
        """Return the row numbers of the passages of the documents within `scope`, int64.

        Raises QuestionError when no document is.
        """
        folders = [folder.rstrip("/\\") + separator for folder in scope.folders for separator in ("/", "\\")]
        given = "(SELECT value FROM json_each({}))".format
        rows = self._database.rows(
            "SELECT documents.rowid FROM documents WHERE "
            f"(?1 = '[]' OR documents.id IN {given('?1')} OR documents.path IN {given('?1')}) AND (?2 = '[]' OR EXISTS "
            "(SELECT 1 FROM json_each(?2) WHERE substr(documents.path, 1, length(value)) = value)) AND (?3 = '[]' OR "
            f"documents.id IN (SELECT document_id FROM document_tags WHERE tag IN {given('?3')})) "
            "AND (?4 = '' OR date >= ?4) AND (?5 = '' OR (date != '' AND date <= ?5))",
            (listed(scope.documents), listed(folders), listed(scope.tags), scope.since, scope.until),
        )
        if not rows:
            raise QuestionError(
                "No document is within these filters.", hint="Take one of them away, or tag or import documents."
            )
        found = self._database.rows(
            "SELECT passages.rowid FROM documents CROSS JOIN passages ON passages.document_id = documents.id "
            f"WHERE documents.rowid {AMONG}",
            (listed(row[0] for row in rows),),
        )
        return np.fromiter((row[0] for row in found), dtype=np.int64, count=len(found))

    def tag(self, ids: Sequence[str], *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> None:
        """Give documents tags and take others from them.

        Raises DocumentError when a document is not there or a tag is none.
        """
        for name in add:
            if not name.strip() or len(name) > MAX_TAG_CHARACTERS or not name.isprintable():
                raise DocumentError(
                    f"{name[:80]!r} can't be a tag.",
                    hint=f"Write some word, of at most {MAX_TAG_CHARACTERS} characters.",
                )
        add = [name.strip() for name in add]
        with self._database.transaction() as connection:
            known = self._database.rows(f"SELECT id FROM documents WHERE id {AMONG}", (listed(ids),))
            for missing in set(ids) - {row[0] for row in known}:
                raise DocumentError(f"There is no document {missing}.", hint="List the documents to see their ids.")
            connection.executemany(
                "DELETE FROM document_tags WHERE document_id = ? AND tag = ?",
                [(document, tag) for document in ids for tag in remove],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO document_tags VALUES (?, ?)",
                [(document, tag) for document in ids for tag in add],
            )
            self._answers.clear()  # an answer within a tag may not be the same any more

    def redate(self, dates: Mapping[str, str]) -> None:
        """Give the documents of these paths the ISO dates that their files were last changed on."""
        with self._database.transaction() as connection:
            changed = connection.executemany(
                "UPDATE documents SET date = ?2 WHERE path = ?1 AND date != ?2", list(dates.items())
            ).rowcount
            if changed:
                self._answers.clear()  # an answer within a span of time may not be the same any more

    def tags(self) -> tuple[str, ...]:
        """Return every tag in use, in order."""
        return tuple(row[0] for row in self._database.rows("SELECT DISTINCT tag FROM document_tags ORDER BY tag"))
