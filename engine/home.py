"""The person's home folder: logs, imported models and settings lie in it, so nothing begins without one."""

from __future__ import annotations

import platformdirs

from engine.errors import EngineError


class HomeError(EngineError):
    """The system knows no home folder of the person who runs the program."""


def require_home() -> None:
    """Raise HomeError where there is none: a container's made-up user has none, nor has a HOME that is no full path."""
    try:
        for place in (platformdirs.user_data_path, platformdirs.user_config_path, platformdirs.user_log_path):
            place("vademecum", appauthor=False)
    except RuntimeError as error:
        raise HomeError(
            "There is no home folder for this user.",
            hint="Set HOME to the full path of a folder that can be written, and try again.",
        ) from error
