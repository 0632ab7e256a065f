"""A full, read-only or failing disk gets a sentence, and what was there before is still there."""

from __future__ import annotations

import errno
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.jobs import Monitor
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages

MEBIBYTE = 1 << 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MiB. Mounting one takes the rights of root on Linux."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk here")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


def test_publishing_to_a_full_disk_keeps_everything_there_was(small_disk: Path) -> None:
    with Workspace.create(small_disk / "ward") as workspace:
        kept = workspace.objects.publish(b"kept")
        workspace.objects.refer(kept, "run")
        with pytest.raises(StorageError, match="disk is full") as caught:
            workspace.objects.publish(bytes(MEBIBYTE) for _ in range(8))
        assert caught.value.hint
        assert workspace.objects.read(kept) == b"kept"
        assert list((workspace.path / "objects" / "staging").iterdir()) == []
        assert workspace.verify(Monitor(), deep=True).ok


def test_a_database_on_a_full_disk_keeps_everything_there_was(small_disk: Path, passphrase: str | None) -> None:
    first = document("first")
    large = document("large", "word " * (2 * MEBIBYTE))
    with Workspace.create(small_disk / "ward", passphrase=passphrase) as workspace:
        workspace.documents.add(first, passages(first))
        with pytest.raises(StorageError, match=r"disk is full|disk failed"):
            workspace.documents.add(large, [])
        assert [row.id for row in workspace.documents.list()] == ["first"]
    with Workspace.open(small_disk / "ward", passphrase=passphrase) as workspace:
        assert workspace.documents.get("first") == first
        assert workspace.verify(Monitor(), deep=True).ok


def test_a_workspace_that_a_full_disk_keeps_shut_is_whole_afterwards(small_disk: Path) -> None:
    with Workspace.create(small_disk / "ward") as workspace:
        workspace.set_setting("colour", "blue")
    (small_disk / "filler").write_bytes(bytes(MEBIBYTE))
    with pytest.raises(OSError, match="No space left"), (small_disk / "filler2").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    with pytest.raises(StorageError, match=r"disk is full|disk failed"):
        Workspace.open(small_disk / "ward")
    (small_disk / "filler").unlink()
    with Workspace.open(small_disk / "ward") as workspace:
        assert workspace.setting("colour") == "blue"


def test_creating_on_a_full_disk_leaves_nothing(small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"), (small_disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    with pytest.raises(StorageError):
        Workspace.create(small_disk / "ward")
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


def test_a_read_only_disk_gets_a_sentence(small_disk: Path) -> None:
    Workspace.create(small_disk / "ward").close()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(StorageError, match="can't be written"):
        Workspace.open(small_disk / "ward")
    with pytest.raises(StorageError, match="can't be written"):
        Workspace.create(small_disk / "other")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "can't be written"),
        (errno.EACCES, "may not be read or written"),
        (errno.ENOENT, "is not there"),
        (errno.ENOTDIR, "leads through a file"),
        (errno.EEXIST, "is a file, not a folder"),
        (errno.ENAMETOOLONG, "longer name"),
        (errno.EIO, "disk failed"),
    ],
)
def test_what_the_system_refuses_becomes_a_sentence(
    plain: Workspace, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    class Refusing(io.RawIOBase):
        def write(self, data: object) -> int:
            raise OSError(number, "refused")

    def open_refusing(path: Path, *arguments: object, **options: object) -> io.RawIOBase:
        path.touch()
        return Refusing()

    opened: Callable[..., object] = Path.open
    monkeypatch.setattr(Path, "open", open_refusing)
    with pytest.raises(StorageError, match=sentence):
        plain.objects.publish(b"leaflet")
    monkeypatch.setattr(Path, "open", opened)
    assert list((plain.path / "objects" / "staging").iterdir()) == []


def test_a_file_size_limit_is_a_full_disk(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    with Workspace.create(tmp_path / "ward") as workspace:
        import signal

        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (MEBIBYTE, before[1]))
            with pytest.raises(StorageError, match="disk is full"):
                workspace.objects.publish(bytes(2 * MEBIBYTE))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, ignored)
        assert workspace.verify(Monitor(), deep=True).ok
