"""What the window remembers between two starts: its geometry and the workspaces opened last."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

MAX_RECENT = 8


class Preferences:
    """A small ini file in the user's configuration folder. No document, question or passphrase is ever in it.

    Whatever else stands in the file is left alone: it must not keep the window from starting.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or platformdirs.user_config_path("vademecum", appauthor=False) / "window.ini"
        self._settings = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def recent(self) -> list[Path]:
        """Workspaces opened before that are still there and may be entered, the last one first."""
        stored = self._settings.value("recent")
        paths = stored if isinstance(stored, list) else [stored]
        return [Path(path) for path in paths if isinstance(path, str) and is_file(Path(path, "workspace.json"))]

    def remember(self, workspace: Path) -> None:
        """Put `workspace` first among the recent ones."""
        others = [path for path in self.recent if path != workspace]
        self._keep("recent", [str(path) for path in [workspace, *others][:MAX_RECENT]])

    @property
    def geometry(self) -> QByteArray:
        """The window's place and size; empty at the first start."""
        stored = self._settings.value("geometry")
        return stored if isinstance(stored, QByteArray) else QByteArray()

    def keep_geometry(self, geometry: QByteArray) -> None:
        """Remember the window's place and size."""
        self._keep("geometry", geometry)

    def _keep(self, name: str, value: QByteArray | list[str]) -> None:
        self._settings.setValue(name, value)
        self._settings.sync()  # else it is written some time later, even where its folder has gone meanwhile


def is_file(path: Path) -> bool:
    """Whether there is a file; also of a path that may not be entered, or that can't be one."""
    return os.path.isfile(path)  # noqa: PTH113 - never raises, unlike Path.is_file
