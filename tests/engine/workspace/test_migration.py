"""An older database is brought up to date on a copy, or stays as it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import sqlcipher3

from engine.errors import DamagedError, SchemaError
from engine.workspace import migration, workspace
from engine.workspace.database import connect
from engine.workspace.migration import Step, migrate
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages

KEY = bytes(range(32))


def add_colours(connection: sqlcipher3.Connection) -> None:
    connection.execute("CREATE TABLE colours (name TEXT)")
    connection.execute("INSERT INTO colours SELECT value FROM settings WHERE key = 'colour'")


def add_shapes(connection: sqlcipher3.Connection) -> None:
    connection.execute("CREATE TABLE shapes (name TEXT)")


def fail(connection: sqlcipher3.Connection) -> None:
    connection.execute("DROP TABLE settings")
    raise ZeroDivisionError


def break_links(connection: sqlcipher3.Connection) -> None:
    connection.execute("DELETE FROM documents")


STEPS: Mapping[int, Step] = {1: add_colours, 2: add_shapes}


@pytest.fixture(params=[None, KEY], ids=["open", "protected"])
def key(request: pytest.FixtureRequest) -> bytes | None:
    return request.param


@pytest.fixture
def database(tmp_path: Path, key: bytes | None) -> Path:
    path = tmp_path / "workspace.db"
    workspace.create_tables(path, key)
    connection = connect(path, key)
    connection.execute("INSERT INTO settings VALUES ('colour', 'blue')")
    connection.close()
    return path


def test_missing_steps_are_run_in_order(database: Path, key: bytes | None) -> None:
    assert migrate(database, key, steps=STEPS, to=3)
    connection = connect(database, key)
    assert connection.execute("SELECT name FROM colours").fetchone()[0] == "blue"
    assert connection.execute("SELECT count(*) FROM shapes").fetchone()[0] == 0
    assert connection.execute("PRAGMA user_version").fetchone()[0] == 3
    connection.close()
    assert sorted(path.name for path in database.parent.iterdir()) == ["before-update", "workspace.db"]
    assert not migrate(database, key, steps=STEPS, to=3)
    with pytest.raises(SchemaError):
        migrate(database, key, steps=STEPS, to=2)


def test_a_failing_step_leaves_the_old_database(database: Path, key: bytes | None) -> None:
    before = database.read_bytes()
    with pytest.raises(ZeroDivisionError):
        migrate(database, key, steps={1: add_colours, 2: fail}, to=3)
    assert database.read_bytes() == before
    assert sorted(path.name for path in database.parent.iterdir()) == ["workspace.db"]


def test_a_step_that_breaks_links_is_refused(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "ward") as made:
        leaflet = document("a")
        made.documents.add(leaflet, passages(leaflet))
    with pytest.raises(DamagedError):
        migrate(made.path / "workspace.db", None, steps={1: break_links}, to=2)
    with Workspace.open(made.path) as opened:
        assert opened.documents.get("a") == leaflet


def test_a_migration_killed_half_way_is_run_again(database: Path, key: bytes | None) -> None:
    database.with_name("workspace.db.migrating").write_bytes(b"half")
    database.with_name("workspace.db.migrating-wal").write_bytes(b"half")
    database.with_name("before-update.making").mkdir()
    assert migrate(database, key, steps=STEPS, to=3)
    assert sorted(path.name for path in database.parent.iterdir()) == ["before-update", "workspace.db"]


def test_opening_an_older_workspace_brings_it_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Workspace.create(tmp_path / "ward").close()

    def migrate_by_one(path: Path, key: bytes | None) -> bool:
        return migration.migrate(path, key, steps=STEPS, to=2)

    monkeypatch.setattr(workspace, "migrate", migrate_by_one)
    monkeypatch.setattr(workspace, "SCHEMA", 2)
    monkeypatch.setattr("engine.workspace.schema.refuse_newer.__kwdefaults__", {"newest": 2})
    with Workspace.open(tmp_path / "ward") as opened:
        assert opened.schema == 2
        assert opened.audit.list()[-1].action == "workspace migrated"
    with Workspace.open(tmp_path / "ward") as opened:
        assert opened.schema == 2
        assert [row.action for row in opened.audit.list()] == ["workspace created", "workspace migrated"]
