"""Bring a database up to the schema of this program, on a copy that then takes its place."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from engine.errors import DamagedError
from engine.workspace import dbapi, previous
from engine.workspace.database import connect, schema_of
from engine.workspace.publishing import storage_error, sync_file, sync_folder
from engine.workspace.schema import MIGRATIONS, SCHEMA

Step = Callable[[dbapi.Connection], None]


def migrate(path: Path, key: bytes | None, *, steps: Mapping[int, Step] = MIGRATIONS, to: int = SCHEMA) -> bool:
    """Run the missing steps and tell whether there were any. Raises SchemaError when the database is newer.

    The old one is kept (`previous`) before the new one, checked, takes its place; a crash at any point leaves one that
    opens.
    """
    copy = path.with_name(f"{path.name}.migrating")
    try:
        _remove(copy)
        schema = schema_of(path, key, newest=to)
        if schema == to:
            return False
        shutil.copyfile(path, copy)  # schema_of closed the only connection: the log is in the file
        copy.chmod(0o600)
        _run(copy, key, range(schema, to), steps)
        with copy.open("rb+") as file:
            sync_file(file.fileno())
        previous.keep(path.parent)
        copy.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            _remove(copy)
        if isinstance(error, OSError):
            raise storage_error(error, path) from error
        raise
    return True


def _run(copy: Path, key: bytes | None, numbers: range, steps: Mapping[int, Step]) -> None:
    connection = connect(copy, key)
    try:
        connection.execute("PRAGMA foreign_keys = OFF")  # a step may rebuild a table that others point to
        for number in numbers:
            connection.execute("BEGIN IMMEDIATE")
            steps[number](connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        if not sound or connection.execute("PRAGMA foreign_key_check").fetchall():
            raise DamagedError(
                "The workspace can't be brought up to date: its database is damaged.", hint="Restore it from a backup."
            )
    finally:
        connection.close()


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
