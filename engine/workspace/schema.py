"""The tables of the workspace database, and the steps that bring older ones up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from engine.errors import SchemaError
from engine.workspace import dbapi

SCHEMA = 1

# step n turns a database of schema n into one of schema n + 1
MIGRATIONS: Mapping[int, Callable[[dbapi.Connection], None]] = MappingProxyType({})

TABLES = """
CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE documents (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, path TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, page_starts TEXT NOT NULL, headings TEXT NOT NULL,
    group_name TEXT NOT NULL, pages INTEGER NOT NULL, characters INTEGER NOT NULL, language TEXT NOT NULL,
    notes TEXT NOT NULL, furniture TEXT NOT NULL, confidence REAL,  -- of recognised words; NULL where there are none
    date TEXT NOT NULL  -- ISO date of the file's last change, "" unknown
);
CREATE TABLE document_tags (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE, tag TEXT NOT NULL,
    PRIMARY KEY (document_id, tag)
) WITHOUT ROWID;
CREATE TABLE scanned_pages (
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE, page INTEGER NOT NULL,
    words TEXT NOT NULL, PRIMARY KEY (document_id, page)
) WITHOUT ROWID;
CREATE INDEX documents_digest ON documents (digest);
CREATE TABLE sketches (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE, sketch BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE bands (
    band INTEGER NOT NULL, document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    PRIMARY KEY (band, document_id)
) WITHOUT ROWID;
CREATE INDEX bands_document ON bands (document_id);
CREATE TABLE likenesses (
    document_id TEXT PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    other_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE, similarity REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX likenesses_other ON likenesses (other_id);
CREATE TABLE skipped (path TEXT PRIMARY KEY, reason TEXT NOT NULL, wants TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE passages (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    text TEXT NOT NULL, page INTEGER, section TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL,
    heads TEXT NOT NULL,  -- what Passage.indexed_text puts before the text
    matched TEXT  -- heads and text as matching.matched_text has them; NULL where they stay as they are
);
CREATE INDEX passages_document ON passages (document_id);
CREATE VIEW indexed_passages AS SELECT rowid, coalesce(matched, heads || text) AS text FROM passages;
-- external content, so that a removed document's words leave the index with it (secure-delete), not at some later merge
CREATE VIRTUAL TABLE passages_fts USING fts5 (
    text, content = 'indexed_passages', content_rowid = 'rowid', tokenize = 'porter unicode61 remove_diacritics 2'
);
INSERT INTO passages_fts (passages_fts, rank) VALUES ('secure-delete', 1);

CREATE TABLE questions (
    rowid INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, question TEXT NOT NULL, answers TEXT NOT NULL,
    split TEXT NOT NULL, group_name TEXT NOT NULL, document_id TEXT NOT NULL, source TEXT NOT NULL,
    unanswerable INTEGER NOT NULL, link TEXT NOT NULL, score REAL NOT NULL, state TEXT NOT NULL,
    excluded INTEGER NOT NULL, edited INTEGER NOT NULL, split_given INTEGER NOT NULL, line INTEGER NOT NULL
);
CREATE INDEX questions_document ON questions (document_id);
CREATE TABLE evidence (
    question INTEGER NOT NULL REFERENCES questions (rowid) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    passage INTEGER NOT NULL REFERENCES passages (rowid) ON DELETE CASCADE,
    PRIMARY KEY (question, place)
) WITHOUT ROWID;
CREATE INDEX evidence_passage ON evidence (passage);

-- what people said about questions while looking at results: pinned, why, and how they were imported
CREATE TABLE amendments (
    question TEXT PRIMARY KEY REFERENCES questions (id) ON DELETE CASCADE, json TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE segments (
    rowid INTEGER PRIMARY KEY AUTOINCREMENT, encoder TEXT NOT NULL, digest TEXT NOT NULL, rows INTEGER NOT NULL,
    dimension INTEGER NOT NULL
);
CREATE TABLE vectors (
    segment INTEGER NOT NULL REFERENCES segments (rowid) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    passage INTEGER NOT NULL REFERENCES passages (rowid) ON DELETE CASCADE,
    PRIMARY KEY (segment, place)
) WITHOUT ROWID;
CREATE INDEX vectors_passage ON vectors (passage, segment);

CREATE TABLE runs (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, json TEXT NOT NULL
);
CREATE TABLE activations (sequence INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL);
CREATE TABLE checkpoints (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    stage TEXT NOT NULL, step INTEGER NOT NULL, digest TEXT NOT NULL, best INTEGER NOT NULL
);
CREATE TABLE points (
    rowid INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, step INTEGER NOT NULL,
    json TEXT NOT NULL
);
CREATE INDEX points_run ON points (run);
-- no reference to documents: that a run learned from a document stays true when the document is gone
CREATE TABLE learned_from (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, document_id TEXT NOT NULL, PRIMARY KEY (run, document_id)
) WITHOUT ROWID;
CREATE INDEX learned_from_document ON learned_from (document_id);
CREATE TABLE trained_on (  -- nor to questions: one whose split is changed is no test of the run
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, question TEXT NOT NULL, PRIMARY KEY (run, question)
) WITHOUT ROWID;
CREATE TABLE reports (
    run TEXT NOT NULL, split TEXT NOT NULL, json TEXT NOT NULL, PRIMARY KEY (run, split)
) WITHOUT ROWID;

CREATE TABLE cached_answers (key TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE object_references (
    digest TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (digest, owner)
) WITHOUT ROWID;
CREATE INDEX object_references_owner ON object_references (owner);
CREATE TABLE folder_members (
    folder TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (folder, member)
) WITHOUT ROWID;

CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, action TEXT NOT NULL, detail TEXT NOT NULL,
    digest TEXT NOT NULL  -- SHA-256 over the row before and this one
);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
    BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
"""


def refuse_newer(schema: int, *, newest: int = SCHEMA) -> None:
    """Raise SchemaError for a workspace that a newer program wrote."""
    if schema > newest:
        raise SchemaError(
            f"The workspace was written by a newer version (schema {schema}; this program knows {newest}).",
            hint="Install the newer version of Vademecum to open it, or have it back as it was before the update: "
            "vademecum-engine restore.",
        )
