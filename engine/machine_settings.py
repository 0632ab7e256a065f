"""The machine's settings: a file of the administrator's that the program reads and nobody can overrule."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import msgspec
import platformdirs

from engine.errors import EngineError


class MachineSettingsError(EngineError):
    """The machine's settings can't be understood: a rule that is not read is not kept."""


class MachineSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an administrator decides for everybody on this machine."""

    require_passphrase: bool = False  # no workspace without encryption
    allow_model_import: bool = True
    allow_addons: bool = True
    allow_server: bool = True  # `serve`: other programs of this machine ask over HTTP
    threads: int | None = None  # at most so many; None is every core


def settings_path() -> Path:
    """Where the file is; no argument and no variable of a person's own moves it."""
    if sys.platform == "win32":
        return platformdirs.site_config_path("vademecum", appauthor=False) / "settings.toml"  # asks the system
    return Path("/etc/vademecum/settings.toml")


def machine_settings() -> MachineSettings:
    """Read the file; without one everything is allowed. Raises MachineSettingsError when it can't be understood."""
    path = settings_path()
    try:
        text = path.read_text("utf-8-sig")  # Windows' tools put a mark in front
    except (FileNotFoundError, NotADirectoryError) as error:
        if path.is_symlink():
            raise _not_understood(path, "it is a link that leads nowhere") from error
        return MachineSettings()
    except (OSError, UnicodeDecodeError) as error:
        raise _not_understood(path, str(error)) from error
    try:
        settings = msgspec.convert(tomllib.loads(text), MachineSettings)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise _not_understood(path, str(error)) from error
    if settings.threads is not None and settings.threads < 1:
        raise _not_understood(path, "threads must be at least 1")
    return settings


def _not_understood(path: Path, reason: str) -> MachineSettingsError:
    return MachineSettingsError(
        f"The machine's settings in {path} can't be understood: {reason}.", hint="Ask whoever administers this machine."
    )
