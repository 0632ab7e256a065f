"""What the window remembers."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray

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
