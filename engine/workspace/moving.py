"""Documents that go to another path, with everything that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.workspace import dbapi
from engine.workspace.database import AMONG, listed
from engine.workspace.passages import to_row
from engine.workspace.workspace import Workspace

# What follows a document's id, ?1, to its new one, ?2. A run may have learned from an earlier document of that id, too.
_FOLLOWING = (
    "UPDATE documents SET id = ?2 WHERE id = ?1",
    "UPDATE passages SET document_id = ?2, id = ?2 || substr(id, length(?1) + 1) WHERE document_id = ?1",
    "UPDATE questions SET document_id = ?2, group_name = iif(group_name = ?1, ?2, group_name) WHERE document_id = ?1",
    "UPDATE document_tags SET document_id = ?2 WHERE document_id = ?1",
    "UPDATE scanned_pages SET document_id = ?2 WHERE document_id = ?1",
    "UPDATE sketches SET document_id = ?2 WHERE document_id = ?1",
    "UPDATE bands SET document_id = ?2 WHERE document_id = ?1",
    "UPDATE likenesses SET document_id = ?2 WHERE document_id = ?1",
    "UPDATE likenesses SET other_id = ?2 WHERE other_id = ?1",
    "UPDATE OR REPLACE learned_from SET document_id = ?2 WHERE document_id = ?1",
    "UPDATE object_references SET owner = 'document:' || ?2 WHERE owner = 'document:' || ?1",
)


@dataclass(frozen=True, slots=True)
class Move:
    """Where a document goes, and what it is called there."""

    document_id: str
    path: str
    id: str
    title: str = ""  # "" as before, and so below
    date: str = ""
    original: str = ""  # object digest of the file it is in there


def move(workspace: Workspace, moves: Sequence[Move]) -> None:
    """Give documents other paths and ids, all or none; questions, evidence and tags stay theirs.

    Documents may change places. Ids and paths must be free once all have moved.
    """
    if not moves:
        return
    with workspace.transaction() as connection:
        connection.execute("PRAGMA defer_foreign_keys = ON")
        renamed = {one.document_id: one.id for one in moves if one.id != one.document_id}
        # by way of ids and paths that no document has: none begins with a line break
        connection.executemany(
            "UPDATE documents SET path = char(10) || id WHERE id = ?", [(one.document_id,) for one in moves]
        )
        _rename(connection, {old: f"\n{old}" for old in renamed})
        _rename(connection, {f"\n{old}": new for old, new in renamed.items()})
        connection.executemany(
            "UPDATE documents SET path = ?2, date = iif(?3 = '', date, ?3) WHERE id = ?1",
            [(one.id, one.path, one.date) for one in moves],
        )
        for one in moves:
            if one.title:
                _retitle(workspace, connection, one.id, one.title)
            if one.original:
                workspace.objects.release(f"document:{one.id}")
                workspace.objects.refer(one.original, f"document:{one.id}")
        workspace.audit.record("documents moved", str(len(moves)))
        workspace.answers.clear()
        workspace.set_setting("index_version", str(workspace.index_version + 1))  # caches hold ids and paths


def _rename(connection: dbapi.Connection, ids: Mapping[str, str]) -> None:
    for statement in _FOLLOWING:
        connection.executemany(statement, list(ids.items()))


def _retitle(workspace: Workspace, connection: dbapi.Connection, document_id: str, title: str) -> None:
    """Passages are matched and embedded with the title: their words are indexed anew, their vectors are missing."""
    passages = workspace.documents.passages(document_id)
    numbers = workspace.documents.passage_numbers([passage.id for passage in passages])
    rows = (listed(numbers.values()),)
    segments = workspace.vectors.segments_of(numbers.values())
    connection.execute(f"DELETE FROM passages_fts WHERE rowid {AMONG}", rows)  # which looks up what to forget
    connection.execute("UPDATE documents SET title = ? WHERE id = ?", (title, document_id))
    connection.executemany(
        "UPDATE passages SET heads = ?2, matched = ?3 WHERE rowid = ?1",
        [
            (number, *to_row(replace(passage, title=title), number)[-2:])
            for passage in passages
            for number in (numbers[passage.id],)
        ],
    )
    connection.execute(
        f"INSERT INTO passages_fts (rowid, text) SELECT rowid, text FROM indexed_passages WHERE rowid {AMONG}", rows
    )
    connection.execute(f"DELETE FROM vectors WHERE passage {AMONG}", rows)
    workspace.vectors.rewrite(segments)
