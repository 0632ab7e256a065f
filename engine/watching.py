"""Says when something in a folder changes, so that it can be imported again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from engine.errors import DocumentError

# Opening and closing are events too, and an import opens every file: they would call for the next import.
_CHANGES = {"created", "modified", "moved", "deleted"}
_PASSING = (".", "~$")  # hidden files, and what office programs lay beside an open document


class FolderWatch:
    """Calls `on_change`, in a thread of its own, each time something in the folder changes. `stop` ends it."""

    def __init__(self, folder: Path, on_change: Callable[[], None], *, ignored: Path) -> None:
        """`ignored` is the workspace: what an import writes is no change. Raises DocumentError without the folder."""
        self._observer = Observer()
        self._observer.daemon = True
        try:
            if not folder.is_dir():
                raise FileNotFoundError(folder)
            self._observer.schedule(_Handler(on_change, ignored), str(folder), recursive=True)
            self._observer.start()
        except OSError as error:
            raise DocumentError(
                f"The folder {folder} can't be watched: {error.strerror or 'it is not there'}.",
                hint="Check that it is there and that you may read it, then watch it again.",
            ) from error

    def stop(self) -> None:
        """Watch no more."""
        self._observer.stop()
        self._observer.join()


class _Handler(FileSystemEventHandler):
    def __init__(self, on_change: Callable[[], None], ignored: Path) -> None:
        super().__init__()
        self._on_change = on_change
        self._ignored = ignored

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Pass a change on."""
        if event.event_type not in _CHANGES or (event.is_directory and event.event_type == "modified"):
            return
        paths = [Path(os.fsdecode(path)) for path in (event.src_path, event.dest_path) if path]
        if any(not path.is_relative_to(self._ignored) and not path.name.startswith(_PASSING) for path in paths):
            self._on_change()
