"""Documents and their passages: imported, replaced and removed as a whole, with everything derived from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from engine.errors import DocumentError
from engine.jobs import Skipped
from engine.records import Document, Passage, ScannedPage
from engine.workspace import dbapi
from engine.workspace.answers import AnswerCache
from engine.workspace.audit import AuditLog
from engine.workspace.database import AMONG, Database, decoded, encoded, listed
from engine.workspace.document_rows import document_row, to_document
from engine.workspace.matching import matched_text, query_terms
from engine.workspace.objects import ObjectStore
from engine.workspace.passages import PASSAGE_COLUMNS, to_passage, to_row
from engine.workspace.relinking import find_again
from engine.workspace.runs import RunStore
from engine.workspace.vectors import VectorStore

_PASSAGES = f"SELECT {PASSAGE_COLUMNS} FROM passages JOIN documents ON documents.id = passages.document_id"

ImportedDocument = tuple[Document, Sequence[Passage], str]  # the last is the original's object digest, "" for none
_Link = tuple[int, int, str, str, tuple[str, ...]]
_PASSAGES_AT_ONCE = 500
_ABOUT_TERMS_MAX = 64


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A line of the document list."""

    id: str
    title: str
    path: str
    kind: str
    pages: int  # 0 where the format has none
    passages: int
    digest: str
    group: str
    characters: int
    language: str = ""  # ISO 639-1 code; "" unknown
    notes: tuple[str, ...] = ()
    confidence: float | None = None  # of the words recognised in scans, 0 to 1
    near_duplicate_of: str = ""  # title of an earlier document that is nearly the same
    similarity: float = 0.0  # share of three-word runs in common with it, 0 to 1
    date: str = ""  # ISO date the file was last changed on; "" unknown
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RemovalReport:
    """What went with the removed documents."""

    documents: int
    passages: int
    questions: int
    cached_answers: int
    runs_that_learned_from_it: tuple[str, ...]


class DocumentStore:
    """The documents of a workspace, their passages and the lexical index over them."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        vectors: VectorStore,
        answers: AnswerCache,
        runs: RunStore,
        audit: AuditLog,
    ) -> None:
        self._database = database
        self._objects = objects
        self._vectors = vectors
        self._answers = answers
        self._runs = runs
        self._audit = audit

    def add(self, document: Document, passages: Sequence[Passage], *, original: str = "") -> None:
        """Import one document; `original` is the object digest of the file it came from. See `add_many`."""
        self.add_many([(document, passages, original)])

    def add_many(
        self, items: Iterable[ImportedDocument], *, progress: Callable[[int, int], None] = lambda done, total: None
    ) -> None:
        """Import documents with their passages, all or none.

        A document of the same path is replaced when its content differs, and left alone when not; questions keep
        their evidence where the text it stood in is still there. `progress` hears how many passages are stored; what
        it raises undoes everything. Raises DocumentError when an id belongs to a document of another path.
        """
        with self._database.transaction() as connection:
            held = self.paths()
            owners = {document_id: path for path, (document_id, _) in held.items()}
            new: dict[str, ImportedDocument] = {}
            for item in items:
                document = item[0]
                if held.get(document.path, ("", ""))[1] == document.digest:
                    continue
                if owners.setdefault(document.id, document.path) != document.path:
                    raise DocumentError(
                        f"{document.path} would take the id {document.id} of {owners[document.id]}.",
                        hint="Remove one of the two, or give the record another id.",
                    )
                new[document.path] = item
            if not new:
                return
            old = [held[path][0] for path in new if path in held]
            links = self._links_of(old)
            tags = self._database.rows(
                "SELECT path, tag FROM document_tags JOIN documents ON documents.id = document_tags.document_id "
                f"WHERE document_id {AMONG}",
                (listed(old),),
            )
            self._delete(old)
            self._insert(connection, list(new.values()), progress)
            connection.executemany(
                "INSERT INTO document_tags VALUES (?, ?)", [(new[path][0].id, tag) for path, tag in tags]
            )
            self._relink(connection, links, {held[path][0]: item for path, item in new.items() if path in held})
            self._audit.record("documents added", f"{len(new)}, {len(old)} of them in place of older ones")
            self._changed(connection)

    def get(self, document_id: str) -> Document:
        """Return a document with its text. Raises DocumentError when there is none of this id."""
        row = self._database.row("SELECT * FROM documents WHERE id = ?", (document_id,))
        if row is None:
            raise _no_document(document_id)
        return to_document(row)

    def find(self, *, digest: str | None = None, path: str | None = None) -> Document | None:
        """Return the first document of this content or path, None when there is none."""
        row = self._database.row(
            "SELECT * FROM documents WHERE (?1 IS NULL OR digest = ?1) AND (?2 IS NULL OR path = ?2) ORDER BY rowid",
            (digest, path),
        )
        return None if row is None else to_document(row)

    def list(self) -> tuple[DocumentRow, ...]:
        """Return a line for each document, in the order of import."""
        rows = self._database.rows(
            "SELECT documents.id, documents.title, documents.path, documents.kind, documents.pages, "
            "(SELECT count(*) FROM passages WHERE document_id = documents.id), documents.digest, documents.group_name, "
            "documents.characters, documents.language, documents.notes, documents.confidence, "
            "documents.date, (SELECT json_group_array(tag) FROM document_tags WHERE document_id = documents.id) "
            "AS tags, other.title AS like_title, likenesses.similarity FROM documents "
            "LEFT JOIN likenesses ON likenesses.document_id = documents.id "
            "LEFT JOIN documents AS other ON other.id = likenesses.other_id ORDER BY documents.rowid"
        )
        return tuple(
            DocumentRow(
                *row[:10],
                notes=decoded(row["notes"], tuple[str, ...]),
                confidence=row["confidence"],
                near_duplicate_of=row["like_title"] or "",
                similarity=row["similarity"] or 0.0,
                date=row["date"],
                tags=decoded(row["tags"], tuple[str, ...]),
            )
            for row in rows
        )

    def ids_by_digest(self) -> dict[str, str]:
        """Return the id of the first document of each content."""
        rows = self._database.rows("SELECT digest, id FROM documents ORDER BY rowid DESC")
        return {row[0]: row[1] for row in rows}

    def paths(self) -> dict[str, tuple[str, str]]:
        """Return id and digest of each document by its path."""
        rows = self._database.rows("SELECT path, id, digest FROM documents")
        return {row[0]: (row[1], row[2]) for row in rows}

    def contexts(self) -> set[str]:
        """Return the ids of the documents that are contexts of question files, where no other document held them."""
        return {row[0] for row in self._database.rows("SELECT id FROM documents WHERE kind = 'context'")}

    def scanned_page(self, document_id: str, page: int) -> ScannedPage | None:
        """Return where the recognised words of a page stand; None where the page has a text of its own."""
        row = self._database.row(
            "SELECT words FROM scanned_pages WHERE document_id = ? AND page = ?", (document_id, page)
        )
        words = tuple[tuple[int, int, int, int, int, int], ...]
        return None if row is None else ScannedPage(page, decoded(row[0], words))

    def passages(self, document_id: str | None = None) -> tuple[Passage, ...]:
        """Return the passages of a document, or of all, in the order of import."""
        where = "" if document_id is None else " WHERE passages.document_id = ?"
        rows = self._database.rows(
            f"{_PASSAGES}{where} ORDER BY passages.rowid", () if document_id is None else (document_id,)
        )
        return tuple(to_passage(row) for row in rows)

    def passages_by_id(self, ids: Sequence[str]) -> dict[str, Passage]:
        """Return those of the passages that are there."""
        rows = self._database.rows(f"{_PASSAGES} WHERE passages.id {AMONG}", (listed(ids),))
        return {row[0]: to_passage(row) for row in rows}

    def passages_with_phrase(self, phrase: str, *, about: str = "", limit: int) -> tuple[tuple[Passage, float], ...]:
        """Return passages whose words, stemmed, hold those of `phrase` in a row, with their BM25 score, best first.

        With a text they are to be `about`, only those that share a word with it; its words count in the score.
        """
        words = re.findall(r"\w+", matched_text(phrase) or phrase)
        if not words:
            return ()
        terms = list(dict.fromkeys(query_terms(about)))[:_ABOUT_TERMS_MAX]
        any_term = " OR ".join(f'"{term}"' for term in terms)
        rows = self._database.rows(
            f"SELECT {PASSAGE_COLUMNS}, score FROM (SELECT rowid, -bm25(passages_fts) AS score FROM passages_fts "
            "WHERE passages_fts MATCH ? ORDER BY score DESC LIMIT ?) AS scores JOIN passages USING (rowid) "
            "JOIN documents ON documents.id = passages.document_id ORDER BY score DESC, passages.rowid",
            (f'"{" ".join(words)}"' + (f" AND ({any_term})" if terms else ""), limit),
        )
        return tuple((to_passage(row[:-1]), row[-1]) for row in rows)

    def passage_ids(self, numbers: Sequence[int]) -> dict[int, str]:
        """Return the ids of those of the passages, given by row number, that are there."""
        rows = self._database.rows(f"SELECT rowid, id FROM passages WHERE rowid {AMONG}", (listed(numbers),))
        return {row[0]: row[1] for row in rows}

    def passage_numbers(self, ids: Sequence[str]) -> dict[str, int]:
        """Return the row numbers of those of the passages that are there."""
        rows = self._database.rows(f"SELECT id, rowid FROM passages WHERE id {AMONG}", (listed(ids),))
        return {row[0]: row[1] for row in rows}

    def passage_count(self) -> int:
        """Return how many passages there are."""
        return self._database.count("SELECT count(*) FROM passages")

    def original(self, document_id: str) -> str:
        """Return the object digest of the file the document came from, "" when none was kept."""
        row = self._database.row("SELECT digest FROM object_references WHERE owner = ?", (f"document:{document_id}",))
        return row[0] if row else ""

    def remove(self, ids: Iterable[str]) -> RemovalReport:
        """Remove documents and everything derived from them. Raises DocumentError when one is not there."""
        wanted = list(dict.fromkeys(ids))
        with self._database.transaction() as connection:
            of_them = (listed(wanted),)
            known = {row[0] for row in self._database.rows(f"SELECT id FROM documents WHERE id {AMONG}", of_them)}
            for document_id in wanted:
                if document_id not in known:
                    raise _no_document(document_id)
            questions = connection.execute(f"DELETE FROM questions WHERE document_id {AMONG}", of_them).rowcount
            passages = self._delete(wanted)
            report = RemovalReport(
                documents=len(wanted),
                passages=passages,
                questions=questions,
                cached_answers=self._changed(connection) if wanted else 0,
                runs_that_learned_from_it=self._runs.that_learned_from(wanted),
            )
            self._audit.record("documents removed", ", ".join(wanted))
            self._database.after_commit(self._database.checkpoint)
            if self._database.keeps_previous:
                self._database.after_commit(self._database.drop_previous)
                self._database.after_commit(self._objects.sweep)
        return report

    def note_skipped(self, skipped: Skipped) -> None:
        """Keep a file that failed in the list, with its reason."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO skipped VALUES (?, ?, ?)", (skipped.item, skipped.reason, skipped.wants)
            )

    def skipped(self) -> tuple[Skipped, ...]:
        """Return the files that failed."""
        rows = self._database.rows("SELECT path, reason, wants FROM skipped ORDER BY path")
        return tuple(Skipped(*row) for row in rows)

    def clear_skipped(self, path: str) -> None:
        """Take a file off the list of those that failed."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM skipped WHERE path = ?", (path,))

    def _insert(
        self, connection: dbapi.Connection, items: Sequence[ImportedDocument], progress: Callable[[int, int], None]
    ) -> None:
        connection.executemany(
            "INSERT INTO documents (id, title, path, digest, kind, text, page_starts, headings, group_name, pages, "
            "characters, language, notes, furniture, confidence, date) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [document_row(document) for document, _, _ in items],
        )
        connection.executemany(
            "INSERT INTO scanned_pages VALUES (?, ?, ?)",
            [(document.id, page.page, encoded(page.words)) for document, _, _ in items for page in document.scanned],
        )
        first = connection.execute("SELECT coalesce(max(rowid), 0) + 1 FROM passages").fetchone()[0]
        passages = (passage for _, passages, _ in items for passage in passages)
        rows = [to_row(passage, number) for number, passage in enumerate(passages, start=first)]
        for start in range(0, len(rows), _PASSAGES_AT_ONCE):
            progress(start, len(rows))
            part = rows[start : start + _PASSAGES_AT_ONCE]
            connection.executemany("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", part)
            connection.execute(
                "INSERT INTO passages_fts (rowid, text) SELECT rowid, text FROM indexed_passages WHERE rowid >= ?",
                (part[0][0],),
            )
        for document, _, original in items:
            if original:
                self._objects.refer(original, f"document:{document.id}")
        connection.executemany("DELETE FROM skipped WHERE path = ?", [(document.path,) for document, _, _ in items])

    def _delete(self, ids: Sequence[str]) -> int:
        """Delete documents with passages, vectors, originals and quotes of them; return how many passages went."""
        if not ids:
            return 0
        with self._database.transaction() as connection:
            rows = self._database.rows(f"SELECT rowid FROM passages WHERE document_id {AMONG}", (listed(ids),))
            passages = [row[0] for row in rows]
            segments = self._vectors.segments_of(passages)
            # before the passages: the index looks up there which words to forget
            connection.execute(f"DELETE FROM passages_fts WHERE rowid {AMONG}", (listed(passages),))
            connection.execute(f"DELETE FROM documents WHERE id {AMONG}", (listed(ids),))
            self._vectors.rewrite(segments)
            for document_id in ids:
                self._objects.release(f"document:{document_id}")
            self._runs.forget_quotes()
        return len(passages)

    def _links_of(self, ids: Sequence[str]) -> Sequence[_Link]:
        """Return question, place, document, passage text and answers of each evidence link into these documents."""
        rows = self._database.rows(
            "SELECT evidence.question, evidence.place, passages.document_id, passages.text, questions.answers "
            "FROM evidence JOIN passages ON passages.rowid = evidence.passage "
            f"JOIN questions ON questions.rowid = evidence.question WHERE passages.document_id {AMONG}",
            (listed(ids),),
        )
        return [(row[0], row[1], row[2], row[3], decoded(row[4], tuple[str, ...])) for row in rows]

    def _relink(
        self, connection: dbapi.Connection, links: Sequence[_Link], by_old_id: dict[str, ImportedDocument]
    ) -> None:
        renamed = [(item[0].id, old) for old, item in by_old_id.items() if item[0].id != old]
        connection.executemany(  # a group that is the document stays so
            "UPDATE questions SET document_id = ?1, group_name = iif(group_name = ?2, ?1, group_name) "
            "WHERE document_id = ?2",
            renamed,
        )
        kept: list[tuple[int, int, str]] = []
        for question, place, old, text, answers in links:
            document, passages, _ = by_old_id[old]
            found = find_again(text, document.text, passages, answers=answers)
            if found:
                kept.append((question, place, found))
        connection.executemany(
            "INSERT OR IGNORE INTO evidence (question, place, passage) SELECT ?, ?, rowid FROM passages WHERE id = ?",
            kept,
        )

    def _changed(self, connection: dbapi.Connection) -> int:
        """Count the change, so that caches of the index know, and drop the cached answers; return how many."""
        connection.execute(
            "INSERT INTO settings VALUES ('index_version', '1') "
            "ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
        )
        return self._answers.clear()


def _no_document(document_id: str) -> DocumentError:
    return DocumentError(f"There is no document {document_id}.", hint="List the documents to see their ids.")
