"""The log file: where the details of a bug go, so that the terminal gets a sentence."""

from __future__ import annotations

import platform
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from engine import __version__
from engine.privacy import private


def log_path() -> Path:
    """The command line's log file, in the folder the platform has for logs."""
    return platformdirs.user_log_path("vademecum", appauthor=False) / "engine.log"


def log_bug(error: BaseException) -> Path | None:
    """Append what is needed to find the bug; None where the disk doesn't take it.

    Only its owner may read it: an error's message may quote a document.
    """
    path = log_path()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    head = f"\n{now} vademecum {__version__}, Python {sys.version.split()[0]}, {platform.platform()}\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8", opener=private) as file:
            file.write(head + "".join(traceback.format_exception(error)))
    except OSError:
        return None
    return path
