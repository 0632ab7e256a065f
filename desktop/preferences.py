"""What the window remembers between two starts: its geometry and the workspaces opened last."""

from __future__ import annotations

from pathlib import Path

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

MAX_RECENT = 8


class Preferences:
    """A small ini file in the user's configuration folder. No document, question or passphrase is ever in it."""

    def __init__(self, path: Path | None = None) -> None:
        path = path or platformdirs.user_config_path("vademecum", appauthor=False) / "window.ini"
        self._settings = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def recent(self) -> list[Path]:
        """Workspaces opened before that are still there, the last one first."""
        stored = self._settings.value("recent", [])
        paths = [stored] if isinstance(stored, str) else stored if isinstance(stored, list) else []
        return [Path(path) for path in paths if (Path(path) / "workspace.json").is_file()]

    def remember(self, workspace: Path) -> None:
        """Put `workspace` first among the recent ones."""
        others = [path for path in self.recent if path != workspace]
        self._keep("recent", [str(path) for path in [workspace, *others][:MAX_RECENT]])

    @property
    def geometry(self) -> QByteArray:
        """The window's place and size; empty at the first start."""
        return self._settings.value("geometry", QByteArray())  # type: ignore[return-value]  # what `keep_geometry` wrote

    def keep_geometry(self, geometry: QByteArray) -> None:
        """Remember the window's place and size."""
        self._keep("geometry", geometry)

    def _keep(self, name: str, value: QByteArray | list[str]) -> None:
        self._settings.setValue(name, value)
        self._settings.sync()  # else it is written some time later, even where its folder has gone meanwhile
