"""A folder that changes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import DocumentError
from engine.watching import FolderWatch
from engine.workspace.workspace import Workspace

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[threading.Event]:
    """Set by a change in tmp_path, where w is the workspace."""
    (tmp_path / "w").mkdir()
    (tmp_path / "deep").mkdir()
    event = threading.Event()
    watch = FolderWatch(tmp_path, event.set, ignored=tmp_path / "w")
    yield event
    watch.stop()


@pytest.mark.parametrize("name", ["a.txt", "deep/a.txt"])
def test_a_new_file_is_a_change(tmp_path: Path, changed: threading.Event, name: str) -> None:
    (tmp_path / name).write_text("x", encoding="utf-8")
    assert changed.wait(10)


def test_a_file_that_goes_is_a_change(tmp_path: Path, changed: threading.Event) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x", encoding="utf-8")
    assert changed.wait(10)
    time.sleep(0.3)  # its own events
    changed.clear()
    path.unlink()
    assert changed.wait(10)


def test_reading_hidden_files_and_the_workspace_are_none(tmp_path: Path, changed: threading.Event) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x", encoding="utf-8")
    assert changed.wait(10)
    time.sleep(0.3)
    changed.clear()
    path.read_bytes()
    (tmp_path / "w" / "workspace.db").write_text("x", encoding="utf-8")
    (tmp_path / ".hidden").write_text("x", encoding="utf-8")
    (tmp_path / "~$letter.docx").write_text("x", encoding="utf-8")
    assert not changed.wait(0.7)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="can't be watched"):
        FolderWatch(tmp_path / "gone", lambda: None, ignored=tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="ends the command by a signal")
def test_the_command_keeps_up_with_a_folder_until_it_is_ended(tmp_path: Path) -> None:
    folder, workspace = tmp_path / "in", tmp_path / "w"
    folder.mkdir()
    (folder / "a.txt").write_text("The first note.", encoding="utf-8")
    Workspace.create(workspace).close()
    command = [sys.executable, "-m", "engine", "watch", str(workspace), str(folder), "--remove", "--json"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        first = json.loads(running.stdout.readline())
        (folder / "a.txt").rename(folder / "b.txt")
        (folder / "b.txt").write_text("The second note.", encoding="utf-8")
        second = json.loads(running.stdout.readline())
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=120) == 130
    assert first["documents"]["added"] == 1
    assert (second["documents"]["added"], second["documents"]["removed"]) == (1, 1)
