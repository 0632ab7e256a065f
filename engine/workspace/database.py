"""The one place where connections to the workspace database are made, and its transactions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from engine.errors import DamagedError, EngineError, LockedError, StorageError, WorkspaceError
from engine.workspace import dbapi, previous
from engine.workspace.schema import SCHEMA, TABLES, refuse_newer

Stored = TypeVar("Stored")

AMONG = "IN (SELECT value FROM json_each(?))"  # any number of values in one parameter

_BUSY_TIMEOUT_S = 60.0
_FULL, _READ_ONLY, _DISK_FAILED, _CANT_OPEN, _CORRUPT, _NOT_A_DATABASE, _BUSY, _LOCKED = 13, 8, 10, 14, 11, 26, 5, 6


class Cursor(dbapi.Cursor):
    """A cursor whose failures of disk and file are ours."""

    def execute(self, *arguments: Any) -> Cursor:
        with _translated():
            return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> Cursor:
        with _translated():
            return super().executemany(*arguments)

    def fetchone(self) -> Any:
        with _translated():
            return super().fetchone()

    def fetchall(self) -> list[Any]:
        with _translated():
            return super().fetchall()


class Connection(dbapi.Connection):
    """A connection that hands out our cursors."""

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or Cursor)


def connect(path: Path, key: bytes | None) -> Connection:
    """Open the database with the pragmas every connection has. Without a key it is a plain SQLite file."""
    with _translated():
        connection = dbapi.connect(
            str(path),
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,  # each thread has its own; close() ends all of them
            factory=Connection,
        )
    try:
        connection.row_factory = dbapi.Row
        if key is not None:
            connection.execute("PRAGMA cipher_log_level = NONE").fetchall()  # it would write to stderr
            connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # a wrong key or a damaged file shows here
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "fullfsync = ON",
            "checkpoint_fullfsync = ON",
            "secure_delete = ON",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            "temp_store = MEMORY",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def create_tables(path: Path, key: bytes | None) -> None:
    """Make a new, empty database."""
    path.touch(mode=0o600)  # its log takes over the rights
    connection = connect(path, key)
    try:
        with _translated():
            connection.executescript(f"BEGIN;{TABLES}PRAGMA user_version = {SCHEMA};COMMIT;")
    finally:
        connection.close()


def schema_of(path: Path, key: bytes | None, *, newest: int = SCHEMA) -> int:
    """Tell the schema number of a database. Raises SchemaError when it is newer than `newest`."""
    if not path.is_file():
        raise DamagedError(f"{path.name} is missing from the workspace.", hint="Restore the workspace from a backup.")
    connection = connect(path, key)
    try:
        schema = int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()
    refuse_newer(schema, newest=newest)
    if schema < 1:
        raise DamagedError(f"{path.name} holds no workspace.", hint="Restore the workspace from a backup.")
    return schema


class Database:
    """Connections, one a thread, and transactions over them."""

    def __init__(self, path: Path, key: bytes | None) -> None:
        self._path = path
        self._key = key
        self._guard = threading.Lock()
        self._connections: dict[threading.Thread, Connection] = {}
        self._closed = False
        self._local = threading.local()

    def connection(self) -> Connection:
        """Return the calling thread's connection. Raises WorkspaceError after close()."""
        thread = threading.current_thread()
        with self._guard:
            if self._closed:
                raise WorkspaceError("The workspace is closed.", hint="Open it again.")
            held = self._connections.get(thread)
            if held is not None:
                return held
            for ended in [other for other in self._connections if not other.is_alive()]:
                self._connections.pop(ended).close()
            held = self._connections[thread] = connect(self._path, self._key)
            return held

    def rows(self, statement: str, parameters: Sequence[object] = ()) -> Sequence[dbapi.Row]:
        """Return all rows of a query."""
        return self.connection().execute(statement, parameters).fetchall()

    def row(self, statement: str, parameters: Sequence[object] = ()) -> dbapi.Row | None:
        """Return the first row of a query, None when there is none."""
        return self.connection().execute(statement, parameters).fetchone()

    def count(self, statement: str, parameters: Sequence[object] = ()) -> int:
        """Return the number that a query counts."""
        return int(self.connection().execute(statement, parameters).fetchone()[0])

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Yield the connection within BEGIN IMMEDIATE … COMMIT; everything is rolled back when the block raises.

        Inside another transaction of the thread it is a part of that one, undone alone when it raises.
        """
        connection = self.connection()
        depth: int = getattr(self._local, "depth", 0)
        begin, commit, rollback = (
            ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
            if depth == 0
            else (f"SAVEPOINT part{depth}", f"RELEASE part{depth}", f"ROLLBACK TO part{depth}; RELEASE part{depth}")
        )
        connection.execute(begin)
        self._local.depth = depth + 1
        try:
            yield connection
            connection.execute(commit)
        except BaseException:
            if connection.in_transaction:  # a full disk has rolled it back already
                for statement in rollback.split("; "):
                    connection.execute(statement)
            if depth == 0:
                self._local.after_commit = {}
            raise
        finally:
            self._local.depth = depth
        if depth == 0:
            self._run_after_commit()

    def after_commit(self, act: Callable[[], object]) -> None:
        """Do `act`, once, when the calling thread's outermost transaction is durable."""
        if getattr(self._local, "depth", 0) == 0:
            act()
            return
        waiting: dict[Callable[[], object], None] | None = getattr(self._local, "after_commit", None)
        if waiting is None:
            waiting = self._local.after_commit = {}
        waiting[act] = None

    @property
    def keeps_previous(self) -> bool:
        """Whether the state before an update lies beside it, and may refer to objects that this one doesn't."""
        return previous.is_kept(self._path.parent)

    def drop_previous(self) -> None:
        """Forget the state before an update."""
        previous.drop(self._path.parent)

    def checkpoint(self) -> None:
        """Write the log into the database and empty it, so that what was deleted is gone from there too."""
        self.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close every connection; the last one writes the log into the database."""
        with self._guard:
            self._closed = True
            while self._connections:
                self._connections.popitem()[1].close()

    def _run_after_commit(self) -> None:
        waiting: Iterable[Callable[[], object]] = getattr(self._local, "after_commit", None) or ()
        self._local.after_commit = {}
        for act in waiting:
            act()


def decoded(json_text: str | bytes, kind: type[Stored]) -> Stored:
    """Read a value that a row holds as JSON. Raises DamagedError when it is not what was written."""
    try:
        return msgspec.json.decode(json_text, type=kind)
    except msgspec.DecodeError as error:
        raise damaged() from error


def encoded(value: object) -> str:
    """Write a value as the JSON that `decoded` reads."""
    return msgspec.json.encode(value).decode("utf-8")


def damaged() -> DamagedError:
    """Say that the database is not what was written."""
    return DamagedError("The workspace's database is damaged.", hint="Restore the workspace from a backup.")


def listed(values: Iterable[object]) -> str:
    """Return `values` as the one parameter of AMONG."""
    return encoded(list(values))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except dbapi.Error as error:
        ours = _ours(error)
        if ours is None:
            raise
        raise ours from error
    except UnicodeDecodeError as error:  # text, or SQLite's own message about it, that isn't text any more
        raise damaged() from error


def _ours(error: dbapi.Error) -> EngineError | None:
    """Turn what disk and file may do into a sentence; anything else is a bug and stays what it is."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == _FULL:
        return StorageError(
            "The disk is full: the workspace can't take more.",
            hint="Make room on this disk and do it again. Nothing that was there before is lost.",
        )
    if code in (_READ_ONLY, _CANT_OPEN):
        return StorageError(
            "The workspace can't be written." if code == _READ_ONLY else "The workspace's database can't be opened.",
            hint="Check that you may read and write its folder and that the disk is there, then verify the workspace.",
        )
    if code == _DISK_FAILED:
        return StorageError(
            "The disk failed under the workspace.",
            hint="Check that it is connected, healthy and not full, then do it again.",
        )
    if code in (_CORRUPT, _NOT_A_DATABASE) or str(error).startswith("Could not decode to UTF-8"):
        return damaged()
    if code in (_BUSY, _LOCKED):
        return LockedError(
            "The workspace is busy with another change.", hint="Wait until it is done, then do it again."
        )
    return None
