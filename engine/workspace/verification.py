"""Whether a workspace is whole: database, lexical index, links, audit and objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.errors import DamagedError
from engine.jobs import Monitor
from engine.workspace import dbapi
from engine.workspace.audit import AuditLog
from engine.workspace.database import Database
from engine.workspace.objects import ObjectStore

_DEEP = "Reading objects"
_SHALLOW = "Looking for objects"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked, and each problem as a sentence."""

    ok: bool
    checked: int  # checks of the database, and objects
    problems: tuple[str, ...]


def verify(
    monitor: Monitor, *, database: Database, objects: ObjectStore, audit: AuditLog, protected: bool, deep: bool
) -> VerifyReport:
    """Check everything and collect all problems. `deep` reads every referenced object and checks its digest."""
    connection = database.connection()
    checks: list[Callable[[], Iterator[str]]] = [
        lambda: _integrity(connection),
        lambda: _pages(connection) if protected else iter(()),
        lambda: _links(connection),
        lambda: _lexical_index(connection),
        lambda: _vectors(connection),
        lambda: _spans(database) if deep else iter(()),
        lambda: _audit(audit),
    ]
    problems: list[str] = []
    for check in monitor.track(checks, "Checking the database"):
        try:
            problems.extend(check())
        except DamagedError as error:
            problems.append(error.message)
        except dbapi.DatabaseError as error:  # damage may show as any failure
            problems.append(f"The database can't be checked: {error}.")
    try:
        digests = sorted(objects.referenced())
    except DamagedError as error:
        digests = []
        problems.append(error.message)
    for digest in monitor.track(digests, _DEEP if deep else _SHALLOW):
        if not objects.exists(digest):
            problems.append(f"The object {digest[:12]} is missing.")
        elif deep and not objects.check(digest):
            problems.append(f"The object {digest[:12]} is damaged: its bytes are not those that were written.")
    return VerifyReport(ok=not problems, checked=len(checks) + len(digests), problems=tuple(problems))


def _integrity(connection: dbapi.Connection) -> Iterator[str]:
    for row in connection.execute("PRAGMA integrity_check").fetchall():
        if row[0] != "ok":
            yield f"The database is damaged: {row[0]}."


def _pages(connection: dbapi.Connection) -> Iterator[str]:
    for row in connection.execute("PRAGMA cipher_integrity_check").fetchall():
        yield f"The database is damaged: {row[0]}."


def _links(connection: dbapi.Connection) -> Iterator[str]:
    for row in connection.execute("PRAGMA foreign_key_check").fetchall():
        yield f"A row of {row[0]} points to {row[2]} that are not there."


def _lexical_index(connection: dbapi.Connection) -> Iterator[str]:
    indexed = connection.execute("SELECT count(*) FROM passages_fts_docsize").fetchone()[0]
    passages = connection.execute("SELECT count(*) FROM passages").fetchone()[0]
    if indexed != passages:
        yield f"The lexical index holds {indexed} passages, the workspace {passages}."
        return
    try:
        connection.execute("INSERT INTO passages_fts (passages_fts, rank) VALUES ('integrity-check', 1)")
    except DamagedError:
        yield "The lexical index does not agree with the passages."


def _vectors(connection: dbapi.Connection) -> Iterator[str]:
    beyond = connection.execute(
        "SELECT count(*) FROM vectors JOIN segments ON segments.rowid = vectors.segment WHERE place >= rows"
    ).fetchone()[0]
    if beyond:
        yield f"{beyond} vectors lie outside their segment."


def _spans(database: Database) -> Iterator[str]:
    """A citation opens the document at the passage's offsets: the passage must stand there."""
    for (document_id,) in database.rows("SELECT id FROM documents ORDER BY rowid"):
        row = database.row("SELECT text FROM documents WHERE id = ?", (document_id,))
        text = row[0] if row else ""
        for passage in database.rows('SELECT text, start, "end" FROM passages WHERE document_id = ?', (document_id,)):
            if text[passage[1] : passage[2]] != passage[0]:
                yield f"The text of the document {document_id} is damaged: a passage doesn't stand where it should."
                break


def _audit(audit: AuditLog) -> Iterator[str]:
    broken = audit.broken_at()
    if broken is not None:
        yield f"The audit was altered at row {broken}."
