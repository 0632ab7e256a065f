"""What an update migrated can be had back, until something is removed from the workspace."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import LockedError, SchemaError, WorkspaceError
from engine.workspace import migration, workspace
from engine.workspace.previous import PREVIOUS, restore
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages
from tests.engine.workspace.test_migration import STEPS

PASSPHRASE = "a b c"


@pytest.fixture(params=[None, PASSPHRASE], ids=["open", "protected"])
def passphrase(request: pytest.FixtureRequest) -> str | None:
    return request.param


@pytest.fixture
def updated(tmp_path: Path, passphrase: str | None) -> Path:
    """A workspace with one document, which a newer version has opened and added a second one to."""
    folder = tmp_path / "ward ä"
    with Workspace.create(folder, passphrase=passphrase) as made:
        add(made, "a")
    with pytest.MonkeyPatch.context() as patch:
        newer(patch)
        with Workspace.open(folder, passphrase=passphrase) as opened:
            assert opened.schema == 2
            add(opened, "b")
    return folder


def newer(patch: pytest.MonkeyPatch) -> None:
    """Let the program be the next version, with one more migration."""

    def migrate_by_one(path: Path, key: bytes | None) -> bool:
        return migration.migrate(path, key, steps=STEPS, to=2)

    patch.setattr(workspace, "migrate", migrate_by_one)
    patch.setattr(workspace, "SCHEMA", 2)
    patch.setattr("engine.workspace.schema.refuse_newer.__kwdefaults__", {"newest": 2})


def add(to: Workspace, name: str) -> None:
    leaflet = document(name)
    original = to.objects.publish(f"original of {name}".encode())
    to.documents.add(leaflet, passages(leaflet), original=original)


def test_the_version_before_has_its_workspace_back_and_the_newer_one_too(
    updated: Path, passphrase: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SchemaError):
        Workspace.open(updated, passphrase=passphrase)
    assert restore(updated).schema == 1
    with Workspace.open(updated, passphrase=passphrase) as opened:
        assert [row.id for row in opened.documents.list()] == ["a"]
    assert restore_as_newer(updated, monkeypatch) == 2
    with Workspace.open(updated, passphrase=passphrase) as opened:
        assert [row.id for row in opened.documents.list()] == ["a", "b"]


def restore_as_newer(folder: Path, patch: pytest.MonkeyPatch) -> int:
    newer(patch)
    return restore(folder).schema


def test_objects_of_the_state_before_stay_until_it_goes(
    updated: Path, passphrase: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer(monkeypatch)
    with Workspace.open(updated, passphrase=passphrase) as opened:
        unused = opened.objects.publish(b"a checkpoint of the version before")
    with Workspace.open(updated, passphrase=passphrase) as opened:
        assert opened.objects.exists(unused)
        opened.documents.remove(["b"])
        assert not (updated / PREVIOUS).exists()
        assert not opened.objects.exists(unused)
    with pytest.raises(WorkspaceError, match="no state from before an update"):
        restore(updated)


def test_removed_questions_are_not_kept_either(
    updated: Path, passphrase: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer(monkeypatch)
    with Workspace.open(updated, passphrase=passphrase) as opened:
        opened.questions.remove([])
    assert not (updated / PREVIOUS).exists()


def test_what_is_kept_is_as_unreadable_as_the_workspace(updated: Path, passphrase: str | None) -> None:
    content = (updated / PREVIOUS / "workspace.db").read_bytes()
    assert content.startswith(b"SQLite format 3") is (passphrase is None)
    assert (updated / PREVIOUS / "workspace.db").stat().st_mode & 0o077 == 0


def test_an_open_workspace_is_not_exchanged(
    updated: Path, passphrase: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer(monkeypatch)
    with Workspace.open(updated, passphrase=passphrase), pytest.raises(LockedError):
        restore(updated)


def test_a_crash_while_restoring_leaves_what_was_kept(updated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("engine.workspace.previous.sync_folder", fail)
        restore(updated)
    assert restore(updated).schema == 1


@pytest.mark.parametrize(("name", "said"), [("thesis", "is not a workspace"), ("gone", "There is no folder")])
def test_a_folder_that_is_no_workspace_is_left_as_it_is(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "thesis").mkdir()
    with pytest.raises(WorkspaceError, match=said):
        restore(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis"]


def test_a_damaged_description_is_exchanged_for_the_one_kept(updated: Path) -> None:
    (updated / "workspace.json").write_bytes(b"{")
    assert restore(updated).schema == 1
