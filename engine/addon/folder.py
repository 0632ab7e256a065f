"""Installs the add-on from a folder of wheels: every byte checked first, put into place in one step, easily removed."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec
import platformdirs

from engine.errors import EngineError, translated
from engine.machine_settings import machine_settings
from engine.staging import STAGING, sweep

MANIFEST = "addon.json"
INSTALLED, STATE = "cuda", "state.json"  # in the add-ons' folder: what is installed, and what a trial said of it
MANIFEST_BYTES_MAX = 1 << 20
_BLOCK_BYTES = 1 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}
# RuntimeError: an encrypted entry, or (NotImplementedError) a compression that Python doesn't know.
_NOT_UNPACKED = (zipfile.BadZipFile, RuntimeError, zlib.error, EOFError)
_HINT = "Get the add-on again from whoever gave it to you, for this version of Vademecum."
_WHEEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}\.whl")


class AddonError(EngineError):
    """The add-on can't be installed or used."""


class Addon(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an add-on's manifest says of it."""

    name: str
    version: str
    python: str  # cp311
    platform: str  # linux-x86_64, windows-amd64
    torch: str  # the version it brings; without what follows the plus sign it must be the program's own
    files: dict[str, str]  # wheel → SHA-256, hex


def default_folder() -> Path:
    """Where the add-on is installed for this person."""
    return platformdirs.user_data_path("vademecum", appauthor=False) / "addons"


def is_installed(addons: Path) -> bool:
    """Whether an add-on is there, be it damaged."""
    with suppress(OSError):
        return (addons / INSTALLED).is_dir()
    return False


def install(
    source: Path,
    addons: Path,
    *,
    torch_version: str,
    report: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> Addon:
    """Check the folder `source` and put what is in it into place.

    `report` is told wheels done and in all; `check` is called at every block and may end it. Raises AddonError;
    whatever fails, what was installed before stays.
    """
    require_allowed()
    with _disk_errors(addons):
        addon = read_manifest(source)
        require_fit(addon, torch_version)
        wheels = _checked(source, addon, check)
        addons.mkdir(parents=True, exist_ok=True)
        sweep(addons)
        staged = addons / f"{STAGING}{os.getpid()}"
        try:
            staged.mkdir()
            for done, (name, digest) in enumerate(wheels.items()):
                report(done, len(wheels))
                _unpack(source / name, digest, staged, check)
            (staged / MANIFEST).write_bytes(msgspec.json.encode(addon))
            remove(addons)
            staged.rename(addons / INSTALLED)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    report(len(wheels), len(wheels))
    return addon


def remove(addons: Path) -> bool:
    """Take the add-on away; the program computes on the CPU as before. Returns whether there was one."""
    with translated(AddonError, "The add-on can't be removed.", hint="Close Vademecum and try again.", foreign=OSError):
        (addons / STATE).unlink(missing_ok=True)
        if not (addons / INSTALLED).is_dir():
            return False
        gone = (addons / INSTALLED).rename(addons / f"{STAGING}{os.getpid()}-removed")
        shutil.rmtree(gone)
    return True


def read_manifest(source: Path) -> Addon:
    """Read the manifest of an add-on's folder. Raises AddonError."""
    path = source / MANIFEST
    with (
        _disk_errors(source),
        translated(AddonError, "The add-on's manifest can't be read.", hint=_HINT, foreign=ValueError),
    ):
        if not path.is_file() or path.stat().st_size > MANIFEST_BYTES_MAX:
            raise AddonError(f"{source} holds no add-on.", hint=f"Choose the folder with {MANIFEST} in it.")
        return msgspec.json.decode(path.read_bytes(), type=Addon)


def this_platform() -> str:
    """The name of this machine's kind, as manifests have it."""
    return f"{platform.system().lower()}-{platform.machine().lower()}"


def require_allowed() -> None:
    """Raise AddonError where the machine's settings want no add-on."""
    if not machine_settings().allow_addons:
        raise AddonError("On this machine no add-ons may be installed.", hint="Ask whoever administers it.")


def require_fit(addon: Addon, torch_version: str) -> None:
    """Raise AddonError where the add-on is for another Python, machine or torch than this program's."""
    wanted = (f"cp{sys.version_info[0]}{sys.version_info[1]}", this_platform(), torch_version.partition("+")[0])
    given = (addon.python, addon.platform, addon.torch.partition("+")[0])
    if given != wanted:
        raise AddonError(
            f"The add-on is for {' '.join(given)}; this program needs one for {' '.join(wanted)}.", hint=_HINT
        )


@contextmanager
def _disk_errors(place: Path) -> Iterator[None]:
    """Raise AddonError in place of what the system says about `place`, or the file it names."""
    try:
        yield
    except OSError as error:
        raise AddonError(
            f"{error.filename or place} can't be read or written: {error.strerror or error}.",
            hint="Free some disk space and try again."
            if error.errno in _FULL
            else "Make sure that you may use this folder and that its disk is connected, then try again.",
        ) from error


def _checked(source: Path, addon: Addon, check: Callable[[], None]) -> dict[str, str]:
    """Return the wheels, each with its right digest, before anything of them is unpacked."""
    present = {path.name for path in source.glob("*.whl")}
    if not addon.files or present != addon.files.keys():
        odd = ", ".join(sorted(present ^ addon.files.keys())[:3]) or "no wheel"
        raise AddonError(f"The add-on is not complete: {odd}.", hint=_HINT)
    for name, digest in addon.files.items():
        path = source / name
        if not _WHEEL.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise AddonError(f"{name} is no wheel.", hint=_HINT)
        if _digest(path, check) != digest:
            raise AddonError(f"{name} is damaged: its SHA-256 is not the manifest's.", hint=_HINT)
    return addon.files


def _unpack(wheel: Path, digest: str, into: Path, check: Callable[[], None]) -> None:
    with (
        translated(AddonError, f"{wheel.name} can't be unpacked.", hint=_HINT, foreign=_NOT_UNPACKED),
        zipfile.ZipFile(wheel) as archive,
    ):
        for entry in archive.infolist():
            place = PurePosixPath(entry.filename)
            if place.is_absolute() or ".." in place.parts or "\\" in entry.filename or ":" in entry.filename:
                raise AddonError(f"{wheel.name} wants to write outside its folder.", hint="Don't use this add-on.")
            if entry.is_dir():
                (into / place).mkdir(parents=True, exist_ok=True)
                continue
            (into / place).parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as packed, (into / place).open("wb") as file:
                file.writelines(_blocks(packed, check))
    if _digest(wheel, check) != digest:
        raise AddonError(f"{wheel.name} changed while it was unpacked.", hint=_HINT)


def _digest(path: Path, check: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in _blocks(file, check):
            digest.update(block)
    return digest.hexdigest()


def _blocks(file: IO[bytes], check: Callable[[], None]) -> Iterator[bytes]:
    """Yield what `file` holds; one library alone is a gigabyte, and a cancel doesn't wait for it."""
    while block := file.read(_BLOCK_BYTES):
        check()
        yield block
