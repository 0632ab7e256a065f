"""What the window remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray, QSettings

from desktop.preferences import Preferences
from engine.workspace.workspace import Workspace


def test_what_is_remembered_is_on_the_disk_at_once(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "w").close()
    preferences = Preferences(tmp_path / "window.ini")
    preferences.remember(tmp_path / "w")
    assert str(tmp_path / "w") in (tmp_path / "window.ini").read_text("utf-8")
    preferences.keep_geometry(QByteArray(b"here"))
    assert "here" in (tmp_path / "window.ini").read_text("utf-8")


def test_nothing_is_written_into_a_folder_that_has_gone(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "w").close()
    preferences = Preferences(tmp_path / "gone" / "window.ini")
    preferences.remember(tmp_path / "w")
    (tmp_path / "gone" / "window.ini").unlink()
    (tmp_path / "gone").rmdir()
    del preferences
    assert not (tmp_path / "gone").exists()


def test_a_workspace_that_may_not_be_looked_at_is_no_recent_one(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "w").close()
    stored = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    stored.setValue("recent", ["x" * 5000, "a\0b", str(tmp_path / "w")])  # as a folder without permission: OSError
    stored.sync()
    preferences = Preferences(tmp_path / "window.ini")
    assert preferences.recent == [tmp_path / "w"]
    preferences.remember(tmp_path / "w")
    assert preferences.recent == [tmp_path / "w"]


@pytest.mark.parametrize("line", ["geometry=hello", "geometry=a, b", "recent=@ByteArray(a), b"])
def test_what_the_program_did_not_write_keeps_no_window_from_starting(tmp_path: Path, line: str) -> None:
    (tmp_path / "window.ini").write_text(f"[General]\n{line}\n", "utf-8")
    preferences = Preferences(tmp_path / "window.ini")
    assert preferences.geometry.isEmpty() and preferences.recent == []
