"""Making, opening and closing a workspace, and what is refused with which sentence."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from engine.errors import DamagedError, PassphraseError, SchemaError, StorageError, WorkspaceError
from engine.jobs import Monitor
from engine.workspace.database import connect
from engine.workspace.description import Description
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import PASSPHRASE, clock, document, passages, run


def test_what_was_made_is_opened_again(tmp_path: Path, passphrase: str | None) -> None:
    with Workspace.create(tmp_path / "deep" / "ward", name="Ward 3", passphrase=passphrase) as made:
        made.set_setting("colour", "blue")
    with Workspace.open(tmp_path / "deep" / "ward", passphrase=passphrase) as opened:
        assert (opened.id, opened.name, opened.schema) == (made.id, "Ward 3", 1)
        assert opened.protected == (passphrase is not None)
        assert opened.setting("colour") == "blue"
        assert opened.setting("shape") is None
        assert opened.verify(Monitor(), deep=True).problems == ()


def test_nobody_else_may_look_into_a_workspace(plain: Workspace) -> None:
    plain.set_setting("colour", "blue")
    assert plain.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in plain.path.rglob("*")} == {0}


def test_an_empty_folder_becomes_a_workspace_named_after_it(tmp_path: Path) -> None:
    (tmp_path / "ward").mkdir()
    with Workspace.create(tmp_path / "ward") as made:
        assert made.name == "ward"


def test_a_folder_with_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="is not empty") as caught:
        Workspace.create(tmp_path)
    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_a_workspace_is_not_made_over_another(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward").close()
    before = (tmp_path / "ward" / "workspace.json").read_bytes()
    with pytest.raises(WorkspaceError, match="There is a workspace in"):
        Workspace.create(tmp_path / "ward")
    assert (tmp_path / "ward" / "workspace.json").read_bytes() == before


def test_a_database_that_lost_its_description_is_not_overwritten(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward").close()
    (tmp_path / "ward" / "workspace.json").unlink()
    with pytest.raises(WorkspaceError, match="is not empty"):
        Workspace.create(tmp_path / "ward")
    assert (tmp_path / "ward" / "workspace.db").exists()


def test_a_file_is_no_place_for_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("Dear", encoding="utf-8")
    with pytest.raises(WorkspaceError, match="is a file, not a folder"):
        Workspace.create(tmp_path / "letter")
    with pytest.raises(WorkspaceError, match="is a file, not a workspace folder"):
        Workspace.open(tmp_path / "letter")


def test_a_folder_that_is_no_workspace_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="is not a workspace"):
        Workspace.open(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(WorkspaceError, match="There is no folder"):
        Workspace.open(tmp_path / "nowhere")


def test_an_interrupted_creation_is_repeated(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward").close()
    (tmp_path / "ward" / "workspace.json").rename(tmp_path / "ward" / "staged-1")
    (tmp_path / "ward" / "being-made").touch()
    with Workspace.create(tmp_path / "ward", passphrase=PASSPHRASE) as made:
        assert made.protected
        assert not (tmp_path / "ward" / "being-made").exists()
        assert not (tmp_path / "ward" / "staged-1").exists()


def test_a_failed_creation_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, key: bytes | None) -> None:
        raise StorageError("The disk is full.", hint="Make room.")

    monkeypatch.setattr("engine.workspace.workspace.create_tables", fail)
    with pytest.raises(StorageError):
        Workspace.create(tmp_path / "ward")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_or_missing_passphrase_is_told(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward", passphrase=PASSPHRASE).close()
    with pytest.raises(PassphraseError, match="passphrase is wrong") as caught:
        Workspace.open(tmp_path / "ward", passphrase="eight sunny Tuesdays")
    assert caught.value.hint
    with pytest.raises(PassphraseError, match="protected by a passphrase"):
        Workspace.open(tmp_path / "ward")
    with pytest.raises(PassphraseError, match="passphrase is empty"):
        Workspace.create(tmp_path / "other", passphrase="")
    Workspace.open(tmp_path / "ward", passphrase=PASSPHRASE).close()  # and the failures let go of the lock


def test_a_passphrase_is_the_same_however_its_accents_are_typed(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward", passphrase="cafe\u0301").close()
    Workspace.open(tmp_path / "ward", passphrase="caf\u00e9").close()


def test_the_description_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward").close()
    newer = json.dumps({"schema": 2, "protection": {"by": "something new"}})
    (tmp_path / "ward" / "workspace.json").write_text(newer, encoding="utf-8")
    with pytest.raises(SchemaError, match="newer version") as caught:
        Workspace.open(tmp_path / "ward")
    assert caught.value.hint
    assert (tmp_path / "ward" / "workspace.json").read_text(encoding="utf-8") == newer


def test_a_database_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward").close()
    connection = connect(tmp_path / "ward" / "workspace.db", None)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(SchemaError, match="newer version"):
        Workspace.open(tmp_path / "ward")


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"schema": 1}', b'{"schema": "one"}', b"\xff\xfe"])
def test_a_damaged_description_is_told(tmp_path: Path, broken: bytes) -> None:
    Workspace.create(tmp_path / "ward").close()
    (tmp_path / "ward" / "workspace.json").write_bytes(broken)
    with pytest.raises(DamagedError):
        Workspace.open(tmp_path / "ward")


def test_a_tampered_protection_takes_neither_memory_nor_time(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "ward", passphrase=PASSPHRASE).close()
    described = json.loads((tmp_path / "ward" / "workspace.json").read_text(encoding="utf-8"))
    described["protection"]["memory_kib"] = 1 << 40
    (tmp_path / "ward" / "workspace.json").write_text(json.dumps(described), encoding="utf-8")
    with pytest.raises(DamagedError):
        Workspace.open(tmp_path / "ward", passphrase=PASSPHRASE)


def test_a_damaged_or_missing_database_is_told(
    tmp_path: Path, passphrase: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    Workspace.create(tmp_path / "ward", passphrase=passphrase).close()
    database = tmp_path / "ward" / "workspace.db"
    whole = database.read_bytes()
    database.write_bytes(b"\x00" * 100 + whole[100:])
    with pytest.raises(DamagedError, match="damaged"):
        Workspace.open(tmp_path / "ward", passphrase=passphrase)
    database.unlink()
    with pytest.raises(DamagedError, match="missing"):
        Workspace.open(tmp_path / "ward", passphrase=passphrase)
    assert not database.exists()
    assert capfd.readouterr() == ("", "")


def test_what_can_not_be_opened_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="database can't be opened"):
        connect(tmp_path / "nowhere" / "workspace.db", None)
    with pytest.raises(StorageError, match="longer name than this disk takes"):
        Description.load(tmp_path / ("x" * 300))


def test_a_closed_workspace_says_so(plain: Workspace) -> None:
    plain.close()
    plain.close()
    with pytest.raises(WorkspaceError, match="closed"):
        plain.connection()


def test_a_transaction_is_whole_or_not_at_all(workspace: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), workspace.transaction():
        workspace.set_setting("colour", "blue")
        raise ZeroDivisionError
    assert workspace.setting("colour") is None


def test_a_nested_transaction_is_undone_alone(plain: Workspace) -> None:
    with plain.transaction():
        plain.set_setting("colour", "blue")
        with pytest.raises(ZeroDivisionError), plain.transaction():
            plain.set_setting("colour", "red")
            raise ZeroDivisionError
    assert plain.setting("colour") == "blue"


def test_threads_have_connections_of_their_own_and_all_are_closed(workspace: Workspace) -> None:
    seen: list[object] = []

    def work(number: int) -> None:
        seen.append(workspace.connection())
        for _ in range(5):
            workspace.set_setting(f"thread {number}", "done")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, seen))) == 4
    assert [workspace.setting(f"thread {number}") for number in range(4)] == ["done"] * 4
    workspace.close()
    assert not (workspace.path / "workspace.db-wal").exists()


def test_a_run_left_running_is_interrupted_at_the_next_opening(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "ward") as made:
        made.runs.add(run("r1", state="running"))
        made.runs.add(run("r2"))
    with Workspace.open(tmp_path / "ward") as opened:
        assert [stored.state for stored in opened.runs.list()] == ["interrupted", "finished"]


def test_scratch_is_private_and_gone_afterwards(workspace: Workspace) -> None:
    with workspace.scratch() as folder:
        (folder / "model.bin").write_bytes(b"x")
        assert folder.stat().st_mode & 0o777 == 0o700
        if workspace.protected and Path("/dev/shm").is_dir():
            assert folder.is_relative_to("/dev/shm")
        else:
            assert folder.is_relative_to(workspace.path)
    assert not folder.exists()


def test_scratch_of_a_killed_process_is_swept_at_the_next_opening(tmp_path: Path, passphrase: str | None) -> None:
    with Workspace.create(tmp_path / "ward", passphrase=passphrase) as made:
        parent = made._scratch_parent()
        stale = parent / f"{made._scratch_prefix}left"
        stale.mkdir()
        (stale / "model.bin").write_bytes(b"x")
    Workspace.open(tmp_path / "ward", passphrase=passphrase).close()
    assert not stale.exists()


def test_nothing_readable_is_on_the_disk_of_a_protected_workspace(tmp_path: Path) -> None:
    marker = "Zyxomma petiolatum"
    with Workspace.create(tmp_path / "ward", passphrase=PASSPHRASE) as made:
        leaflet = document("a", f"{marker} is a dragonfly. It flies at dusk.", path=f"/files/{marker}.txt")
        original = made.objects.publish(f"{marker} ".encode() * 200_000)
        made.documents.add(leaflet, passages(leaflet), original=original)
        made.set_setting("marker", marker)
        made.answers.put(marker, marker)
        made.objects.publish_folder({marker: marker.encode()})
        assert not _found(made.path, marker)  # nor while it is open
    assert not _found(made.path, marker)
    shutil.rmtree(made.path)


def test_nothing_of_a_removed_document_is_on_the_disk(plain: Workspace) -> None:
    marker = "zyxommapetiolatum"
    leaflet = document("a", f"The {marker} is a dragonfly. It flies at dusk.")
    kept = document("b", "Something else. And more.")
    plain.documents.add(leaflet, passages(leaflet), original=plain.objects.publish(leaflet.text.encode()))
    plain.documents.add(kept, passages(kept))
    plain.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert _found(plain.path, marker)
    plain.documents.remove(["a"])
    assert not _found(plain.path, marker)


def test_a_fixed_clock_is_the_time_of_everything(plain: Workspace) -> None:
    assert {row.time for row in plain.audit.list()} == {clock().isoformat(timespec="milliseconds")}


def _found(folder: Path, marker: str) -> bool:
    return any(
        marker.encode() in path.read_bytes() or marker in path.name for path in folder.rglob("*") if path.is_file()
    )
