"""Places the program's folder and keeps the version before: install, go back, remove. Knows no Qt."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from desktop.installation.entries import make_entries, remove_entries
from engine.errors import StorageError, translated
from engine.staging import STAGING, sweep
from engine.workspace.publishing import storage_error

if TYPE_CHECKING:
    from packaging.version import Version

PROGRAM, PREVIOUS = "program", "previous"  # inside the chosen folder: the version in use and the one before
BILL = "sbom.cdx.json"  # in the program's folder, as the build wrote it
_ASIDE = f"{STAGING}aside"  # the version that was in use, until the one that takes its place stands there
_RESERVE_BYTES = 64 << 20


class InstallError(StorageError):
    """The program can't be put where it was asked to go."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person, or an administrator's script, decides."""

    folder: Path
    shortcuts: bool = True  # an entry in the desktop's menu, and the commands in ~/.local/bin
    association: bool = True  # a workspace.json opens with Vademecum


def default_folder() -> Path:
    """Where the program goes unless told otherwise."""
    return Path.home() / ".local" / "opt" / "vademecum"


def folder_named(text: str) -> Path:
    """Return the folder that a person typed. Raises InstallError where there can be none of this name."""
    try:
        if text.strip():
            return Path(text).expanduser()  # no shell does it after "--folder="
    except RuntimeError as error:  # ~ and a name
        raise InstallError(f"There is no home folder for {text}.", hint="Choose another folder.") from error
    raise InstallError("No folder is named.", hint=f"Choose one, {default_folder()} for example.")


def user_data_folder() -> Path:
    """Where workspaces and imported models lie by default: named when the program goes, because they stay."""
    return platformdirs.user_data_path("vademecum", appauthor=False)


def user_settings_folder() -> Path:
    """Where the window keeps its place and the workspaces opened last."""
    return platformdirs.user_config_path("vademecum", appauthor=False)


def user_log_folder() -> Path:
    """Where the logs lie: the message of an error in them may quote a document."""
    return platformdirs.user_log_path("vademecum", appauthor=False)


def folder_of(program: Path) -> Path:
    """Return the folder that the running program was installed into. Raises InstallError where a .run file didn't."""
    if program.name != PROGRAM:
        raise InstallError(
            f"{program} was not put there by a .run file.",
            hint="A package of the whole machine is changed by its administrator (apt-get install "
            "./vademecum_VERSION_amd64.deb, apt-get remove vademecum); a folder that was only unpacked can be deleted.",
        )
    return program.parent


def version_of(program: Path) -> Version | None:
    """Return the version of a program's folder; None where its bill of materials doesn't tell."""
    from packaging.version import Version

    with suppress(OSError, ValueError, LookupError, TypeError):
        return Version(json.loads((program / BILL).read_bytes())["metadata"]["component"]["version"])
    return None


def install(
    source: Path,
    choices: Choices,
    *,
    home: Path | None = None,
    linked: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Put the program folder `source` into place and return it. What was there becomes the version before.

    The same version is replaced: the one before stays. Raises InstallError; whatever fails, the version in use stays
    in use, only when the desktop's entries fail the new one is. `linked` says that `source` is a temporary copy: where
    the file system can, its files are linked, not copied. `report` is told the bytes done and in all.
    """
    folder = choices.folder.resolve()  # as the running program will know it
    program = folder / PROGRAM
    with told(f"Vademecum can't be put into {folder}", folder):
        if folder.is_relative_to(source.resolve()):
            raise InstallError(f"{folder} lies inside what is to be installed.", hint="Choose another folder.")
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with workroom(folder) as room:
            _refuse_older(source, program)
            _copy(source, room, report, linked=linked)
            if program.is_dir():
                _exchange(room / PROGRAM, folder)
                _keep_aside(folder, room)
            else:
                (room / PROGRAM).rename(program)
    home = home or Path.home()
    with translated(
        InstallError,
        f"Vademecum is installed in {program}, but its entries in the desktop can't be made.",
        hint=f"Start {program / 'vademecum'}, or install again when {home / '.local'} can be written.",
        foreign=OSError,
    ):
        make_entries(program, home=home, shortcuts=choices.shortcuts, association=choices.association)
    return program


def rollback(folder: Path) -> Path:
    """Let the version before be the one in use again; the present one takes its place. Raises InstallError."""
    folder = folder.resolve()
    with told(f"{folder} can't be changed", folder):
        require_ours(folder)
        with workroom(folder) as room:
            if not (folder / PREVIOUS).is_dir():
                raise InstallError(
                    "There is no version before this one.", hint="Install the version you want from its file."
                )
            _exchange(folder / PREVIOUS, folder)
            _keep_aside(folder, room)
    return folder / PROGRAM


def uninstall(folder: Path, *, home: Path | None = None) -> None:
    """Take the program and its entries away. Workspaces, models and settings of people stay where they are.

    Raises InstallError where it isn't there, or something else lies under its name.
    """
    folder = folder.resolve()
    with told(f"{folder} can't be removed", folder):
        require_ours(folder)
        with workroom(folder) as room:
            remove_entries(folder / PROGRAM, home=home or Path.home())
            for part in (folder / PROGRAM, folder / PREVIOUS):
                if part.is_dir():
                    part.rename(room / part.name)
            shutil.rmtree(room)
            with suppress(OSError):  # something of the person's own lies in it
                folder.rmdir()


@contextmanager
def told(failure: str, folder: Path) -> Iterator[None]:
    """Raise InstallError with the reason and what to do in place of what the system says."""
    try:
        yield
    except OSError as error:
        reason = f": {error.strerror}" if error.strerror else ""
        raise InstallError(f"{failure}{reason}.", hint=storage_error(error, folder).hint) from error


@contextmanager
def workroom(folder: Path) -> Iterator[Path]:
    """A place inside `folder` for what comes and what goes, gone in the end; what a crash left is put right first."""
    with tempfile.TemporaryDirectory(prefix=f"{STAGING}{os.getpid()}-", dir=folder, ignore_cleanup_errors=True) as room:
        _settle(folder, Path(room))
        yield Path(room)


def _settle(folder: Path, room: Path) -> None:
    """Undo or finish what a crash left half way, and sweep the rooms of processes that are no more."""
    if (folder / _ASIDE).is_dir():
        if (folder / PROGRAM).is_dir():
            _keep_aside(folder, room)
        else:
            (folder / _ASIDE).rename(folder / PROGRAM)
    sweep(folder, ours=False)


def _exchange(new: Path, folder: Path) -> None:
    """Let `new` be the version in use and put the present one aside; where that fails, nothing is changed."""
    program, aside = folder / PROGRAM, folder / _ASIDE
    program.rename(aside)
    try:
        new.rename(program)
    except OSError:
        aside.rename(program)
        raise


def _keep_aside(folder: Path, room: Path) -> None:
    """Let what was put aside be the version before, unless it is the version in use. What gives way goes by `room`."""
    aside, previous = folder / _ASIDE, folder / PREVIOUS
    version = version_of(aside)
    if version is not None and version == version_of(folder / PROGRAM):
        aside.rename(room / _ASIDE)
        return
    if previous.is_dir():
        previous.rename(room / PREVIOUS)
    aside.rename(previous)


def _is_ours(part: Path) -> bool:
    """Whether the folder holds the program: nothing else is ever moved or deleted."""
    return not part.is_symlink() and (part / "vademecum").is_file() and (part / "_internal").is_dir()


def require_ours(folder: Path) -> None:
    """Raise InstallError where the folder holds no program, or something else under its name."""
    parts = [folder / name for name in (PROGRAM, PREVIOUS, _ASIDE) if (folder / name).exists()]
    if not parts:
        raise InstallError(
            f"There is no Vademecum in {folder}.", hint="Name the folder it was installed into with --folder."
        )
    for part in parts:
        if not _is_ours(part):
            raise InstallError(
                f"{part} does not hold Vademecum: nothing was changed.",
                hint="Name the folder it was installed into with --folder.",
            )


def _refuse_foreign(folder: Path) -> None:
    for entry in folder.iterdir() if folder.is_dir() else ():
        ours = entry.name in (PROGRAM, PREVIOUS) and _is_ours(entry)
        if not ours and not entry.name.startswith(STAGING):
            raise InstallError(f"{folder} holds other files: {entry.name}.", hint="Choose a new or empty folder.")


def _refuse_older(source: Path, program: Path) -> None:
    new, present = version_of(source), version_of(program)
    if new is not None and present is not None and new < present:
        raise InstallError(
            f"Vademecum {new} is older than {present}, which is in use.",
            hint="vademecum --rollback goes back to the version before; for another one remove this one first "
            "(vademecum --uninstall): workspaces stay.",
        )


def _copy(source: Path, room: Path, report: Callable[[int, int], None], *, linked: bool) -> None:
    folder, target = room.parent, room / PROGRAM
    linked = linked and _can(os.link, source / "vademecum", target)
    symlinks = _can(os.symlink, source / "vademecum", target)
    files = [path for path in source.rglob("*") if path.is_file() and not (symlinks and path.is_symlink())]
    total = sum(path.stat().st_size for path in files)
    if not linked and shutil.disk_usage(folder).free < total + _RESERVE_BYTES:
        raise InstallError(
            f"{folder} has too little space: {total / 1e9:.1f} GB are needed.", hint="Choose another disk."
        )
    done = 0

    def copy(file: str, to: str) -> str:
        nonlocal done
        with told(f"Vademecum can't be put into {folder}", folder):  # at the first failure: copytree would go on
            if linked:
                os.link(file, to)
            else:
                shutil.copy2(file, to)
        done += Path(to).stat().st_size
        report(done, total)
        return to

    shutil.copytree(source, target, symlinks=symlinks, copy_function=copy)


def _can(link: Callable[[Path, Path], None], file: Path, probe: Path) -> bool:
    """Whether such links can be made: exFAT and some network drives have none, AFS none between folders."""
    try:
        link(file, probe)
    except OSError:
        return False
    probe.unlink()
    return True
