"""Jobs of the add-on: its state, installing it from a folder, removing it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.jobs import Monitor

if TYPE_CHECKING:
    from engine.session import Session


@dataclass(frozen=True, slots=True)
class AddonState:
    """What there is: `usable` is what the trial on this machine said."""

    installed: bool
    version: str  # "" where there is none or its manifest can't be read
    usable: bool
    text: str  # a sentence


@dataclass(frozen=True, slots=True)
class ReadAddon:
    """Say whether the add-on is installed and usable."""

    def run(self, session: Session, monitor: Monitor) -> AddonState:
        """Return the state; nothing is tried."""
        return state()


@dataclass(frozen=True, slots=True)
class InstallAddon:
    """Install the add-on from a folder of wheels and try it. It is used from the next start of the engine on."""

    path: str

    def run(self, session: Session, monitor: Monitor) -> AddonState:
        """Return how the trial went. Raises AddonError where the folder is not what its manifest says."""
        return install_from(Path(self.path), monitor)


@dataclass(frozen=True, slots=True)
class RemoveAddon:
    """Remove the add-on: the CPU is used from the next start of the engine on."""

    def run(self, session: Session, monitor: Monitor) -> AddonState:
        """Return the state after it."""
        from engine.addon.folder import default_folder, remove

        remove(default_folder())
        return state()


def state() -> AddonState:
    """Return what is installed and what is known of it."""
    from engine.addon.folder import INSTALLED, AddonError, default_folder, is_installed, read_manifest
    from engine.addon.trial import known_state

    addons = default_folder()
    if not is_installed(addons):
        return AddonState(False, "", False, "No add-on is installed: the CPU is used.")
    known = known_state(addons)
    text = known.text if known else "It will be tried when the engine starts next."
    version = ""
    with suppress(AddonError):  # its text says so
        version = read_manifest(addons / INSTALLED).version
    return AddonState(True, version, bool(known and known.usable), text)


def install_from(source: Path, monitor: Monitor) -> AddonState:
    """Check, install and try the add-on in the folder `source`."""
    from importlib import metadata

    from engine.addon.folder import default_folder, install
    from engine.addon.trial import try_out

    install(
        source,
        default_folder(),
        torch_version=metadata.version("torch"),
        report=lambda done, total: monitor.progress("Installing the add-on", done, total),
        check=monitor.check,
    )
    try_out(default_folder())
    return state()
