"""Objects: published whole, read only when undamaged, swept only when nobody needs them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import DamagedError
from engine.workspace.cipher import CHUNK_BYTES
from engine.workspace.workspace import Workspace

NOWHERE = "0" * 64


def stored_files(workspace: Workspace) -> list[Path]:
    return [path for path in (workspace.path / "objects").rglob("*") if path.is_file()]


def flip_a_bit(path: Path) -> None:
    stored = bytearray(path.read_bytes())
    stored[len(stored) // 2] ^= 1
    path.write_bytes(stored)


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5])
def test_what_is_published_is_read(workspace: Workspace, size: int) -> None:
    content = b"\x07" * size
    assert workspace.objects.read(workspace.objects.publish(content)) == content
    assert workspace.objects.read(workspace.objects.publish(memoryview(content))) == content
    assert workspace.objects.read(workspace.objects.publish(iter([content, b"", content]))) == content * 2


def test_a_published_object_is_private_and_named_by_its_digest(plain: Workspace) -> None:
    digest = plain.objects.publish(b"leaflet")
    assert [path.name for path in stored_files(plain)] == [digest]
    assert stored_files(plain)[0].stat().st_mode & 0o777 == 0o600


def test_the_same_content_is_stored_once(plain: Workspace) -> None:
    assert plain.objects.publish(b"leaflet") == plain.objects.publish([b"leaf", b"let"])
    assert len(stored_files(plain)) == 1


def test_publishing_again_heals_a_damaged_object(plain: Workspace) -> None:
    digest = plain.objects.publish(b"leaflet")
    flip_a_bit(stored_files(plain)[0])
    plain.objects.publish(b"leaflet")
    assert plain.objects.read(digest) == b"leaflet"


def test_a_folder_comes_back_as_it_was(workspace: Workspace) -> None:
    files = {"config.json": b"{}", "model.safetensors": b"\x00" * 3_000_000, "LICENCE": b""}
    assert workspace.objects.read_folder(workspace.objects.publish_folder(files)) == files


def test_a_flipped_bit_is_never_read(workspace: Workspace) -> None:
    digest = workspace.objects.publish(b"leaflet" * 1000)
    flip_a_bit(stored_files(workspace)[0])
    with pytest.raises(DamagedError, match="damaged or missing"):
        workspace.objects.read(digest)


@pytest.mark.parametrize("digest", [NOWHERE, "", "../workspace.json", "A" * 64])
def test_an_object_that_is_not_there_is_told(plain: Workspace, digest: str) -> None:
    with pytest.raises(DamagedError):
        plain.objects.read(digest)
    with pytest.raises(DamagedError):
        plain.objects.refer(digest, "run")


def test_an_object_is_swept_when_its_last_owner_lets_go(workspace: Workspace) -> None:
    digest = workspace.objects.publish(b"leaflet")
    workspace.objects.refer(digest, "one")
    workspace.objects.refer(digest, "two")
    workspace.objects.release("one")
    assert workspace.objects.read(digest) == b"leaflet"
    workspace.objects.release("two")
    assert stored_files(workspace) == []


def test_members_of_a_folder_live_as_long_as_it(workspace: Workspace) -> None:
    digest = workspace.objects.publish_folder({"a": b"1", "b": b"2"})
    workspace.objects.refer(digest, "run")
    workspace.objects.sweep()
    assert workspace.objects.read_folder(digest) == {"a": b"1", "b": b"2"}
    workspace.objects.release("run")
    assert stored_files(workspace) == []


def test_nothing_is_swept_when_the_release_is_rolled_back(plain: Workspace) -> None:
    digest = plain.objects.publish(b"leaflet")
    plain.objects.refer(digest, "run")
    with pytest.raises(ZeroDivisionError), plain.transaction():
        plain.objects.release("run")
        raise ZeroDivisionError
    assert plain.objects.read(digest) == b"leaflet"
    plain.objects.sweep()
    assert plain.objects.read(digest) == b"leaflet"


def test_what_this_process_published_survives_a_sweep_until_it_is_referred_to(workspace: Workspace) -> None:
    digest = workspace.objects.publish(b"leaflet")
    folder = workspace.objects.publish_folder({"a": b"1"})
    assert workspace.objects.sweep() == 0
    assert workspace.objects.read(digest) == b"leaflet"
    assert workspace.objects.read_folder(folder) == {"a": b"1"}


def test_a_sweep_while_publishing_takes_nothing_away(plain: Workspace) -> None:
    begun, go_on = threading.Event(), threading.Event()
    published: list[str] = []

    def slowly() -> Iterator[bytes]:
        yield b"first"
        begun.set()
        go_on.wait(10)
        yield b"second"

    thread = threading.Thread(target=lambda: published.append(plain.objects.publish(slowly())))
    thread.start()
    begun.wait(10)
    plain.objects.sweep()
    go_on.set()
    thread.join()
    assert plain.objects.read(published[0]) == b"firstsecond"


def test_what_a_killed_process_left_is_swept_at_the_next_opening(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "ward") as made:
        kept = made.objects.publish(b"kept")
        made.objects.refer(kept, "run")
        made.objects.publish(b"orphan")
        (made.path / "objects" / "staging" / "staged-1").write_bytes(b"half")
    with Workspace.open(tmp_path / "ward") as opened:
        assert [path.name for path in stored_files(opened)] == [kept]


def test_nothing_is_swept_while_a_reference_may_be_damaged(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "ward") as made:
        kept = made.objects.publish(b"kept")
        made.objects.refer(kept, "run")
        made.connection().execute("UPDATE object_references SET digest = ?", (NOWHERE,))
    with Workspace.open(tmp_path / "ward") as opened:
        assert opened.objects.read(kept) == b"kept"


def test_an_error_in_the_content_leaves_nothing(plain: Workspace) -> None:
    def failing() -> Iterator[bytes]:
        yield b"first"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        plain.objects.publish(failing())
    assert stored_files(plain) == []
