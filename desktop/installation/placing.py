"""Places the program's folder, keeps the version before, and makes the desktop's entries. Knows no Qt."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from engine.errors import StorageError, translated

PROGRAM, PREVIOUS = "program", "previous"  # inside the chosen folder: the version in use and the one before
ENTRIES = ("vademecum", "vademecum-engine")
MIME_TYPE = "application/x-vademecum-workspace"
_CLOSE_HINT = "Close Vademecum and try again."
_STAGING = ".incoming-"  # followed by the process number

MIME_PACKAGE = f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MIME_TYPE}">
    <comment>Vademecum workspace</comment>
    <glob pattern="workspace.json" weight="80"/>
    <icon name="vademecum"/>
  </mime-type>
</mime-info>
"""


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


def install(
    source: Path,
    choices: Choices,
    *,
    home: Path | None = None,
    linked: bool = False,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Put the program folder `source` into place and return it. What was there becomes the version before.

    Raises InstallError; whatever fails, the version in use stays in use. `linked` says that `source` is
    a temporary copy: on the same disk its files are linked, not copied. `report` is told the bytes done and in all.
    """
    folder = choices.folder.absolute()
    with translated(
        InstallError,
        f"Vademecum can't be put into {folder}.",
        hint="Choose a folder you may write to, on a disk with 4 GB of space.",
        foreign=OSError,
    ):
        _refuse_foreign(folder)
        folder.mkdir(parents=True, exist_ok=True)
        staged = folder / f"{_STAGING}{os.getpid()}"
        try:
            _copy(source, staged, report, linked=linked)
            _put_in_use(staged, folder)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        program = folder / PROGRAM
        _make_entries(program, choices, home=home or Path.home())
    return program


def rollback(folder: Path) -> Path:
    """Let the version before be the one in use again; the present one takes its place. Raises InstallError."""
    if not (folder / PREVIOUS).is_dir():
        raise InstallError("There is no version before this one.", hint="Install the version you want from its file.")
    with translated(
        InstallError, f"{folder} can't be changed.", hint="Close Vademecum and try again.", foreign=OSError
    ):
        aside = folder / f"{_STAGING}aside"
        (folder / PROGRAM).rename(aside)
        (folder / PREVIOUS).rename(folder / PROGRAM)
        aside.rename(folder / PREVIOUS)
    return folder / PROGRAM


def uninstall(folder: Path, *, home: Path | None = None) -> None:
    """Take the program and its entries away. Workspaces, models and settings of people stay where they are."""
    home = home or Path.home()
    with translated(
        InstallError, f"{folder} can't be removed.", hint="Close Vademecum and try again.", foreign=OSError
    ):
        for part in (PROGRAM, PREVIOUS):
            if (folder / part).is_dir():
                shutil.rmtree(folder / part)
        with suppress(OSError):  # something of the person's own lies in it
            folder.rmdir()
        for path in _entries(home):
            if path.is_symlink() and path.readlink().is_relative_to(folder.absolute()):
                path.unlink()
            elif not path.is_symlink() and path.parent.name != "bin":
                path.unlink(missing_ok=True)
        _refresh(home)


def desktop_entry(program: Path) -> str:
    """The desktop's menu entry (freedesktop.org, Desktop Entry Specification 1.5)."""
    command = str(program / "vademecum").replace("%", "%%")
    for character in ("\\", '"', "`", "$"):
        command = command.replace(character, f"\\{character}")
    command = command.replace("\\", "\\\\")  # once more: the value itself is an escaped string
    return (
        "[Desktop Entry]\nType=Application\nName=Vademecum\n"
        "Comment=Answers from your documents, on your machine\n"
        "Comment[de]=Antworten aus Ihren Dokumenten, auf Ihrem Rechner\n"
        f'Exec="{command}" %f\nIcon=vademecum\nTerminal=false\nCategories=Office;Education;\n'
        f"MimeType={MIME_TYPE};\nStartupWMClass=vademecum\n"
    )


def _refuse_foreign(folder: Path) -> None:
    if folder.is_dir():
        ours = (PROGRAM, PREVIOUS)
        if any(entry.name not in ours and not entry.name.startswith(_STAGING) for entry in folder.iterdir()):
            raise InstallError(f"{folder} holds other files.", hint="Choose a new or empty folder.")


def _copy(source: Path, target: Path, report: Callable[[int, int], None], *, linked: bool) -> None:
    files = [path for path in source.rglob("*") if path.is_file() and not path.is_symlink()]
    total = sum(path.stat().st_size for path in files)
    linked = linked and source.stat().st_dev == target.parent.stat().st_dev
    if not linked and shutil.disk_usage(target.parent).free < total + (64 << 20):
        raise InstallError(
            f"{target.parent} has too little space: {total / 1e9:.1f} GB are needed.", hint="Choose another disk."
        )
    done = 0

    def copy(file: str, to: str) -> str:
        nonlocal done
        if linked:
            os.link(file, to)
        else:
            shutil.copy2(file, to)
        done += Path(to).stat().st_size
        report(done, total)
        return to

    shutil.copytree(source, target, symlinks=True, copy_function=copy)


def _put_in_use(staged: Path, folder: Path) -> None:
    """Two renames: a crash between them leaves the version before, whole, under its own name."""
    program, previous = folder / PROGRAM, folder / PREVIOUS
    if program.is_dir():
        if previous.is_dir():
            shutil.rmtree(previous)
        program.rename(previous)
    staged.rename(program)


def _entries(home: Path) -> list[Path]:
    """Everything outside the folder that an installation makes."""
    data = home / ".local" / "share"
    return [
        data / "applications" / "vademecum.desktop",
        data / "mime" / "packages" / "vademecum.xml",
        data / "icons" / "hicolor" / "scalable" / "apps" / "vademecum.svg",
        *(home / ".local" / "bin" / name for name in ENTRIES),
    ]


def _make_entries(program: Path, choices: Choices, *, home: Path) -> None:
    desktop, mime, icon, *commands = _entries(home)
    if choices.shortcuts:
        for path in (desktop, icon, *commands):
            path.parent.mkdir(parents=True, exist_ok=True)
        desktop.write_text(desktop_entry(program), encoding="utf-8")
        shutil.copyfile(program / "_internal" / "resources" / "icons" / "vademecum.svg", icon)
        for command in commands:
            if command.is_symlink() or not command.exists():  # a person's own script of that name stays
                command.unlink(missing_ok=True)
                command.symlink_to(program / command.name)
    if choices.association:
        mime.parent.mkdir(parents=True, exist_ok=True)
        mime.write_text(MIME_PACKAGE, encoding="utf-8")
    _refresh(home)


def _refresh(home: Path) -> None:
    """Tell the desktop; where it has no such tool it looks by itself."""
    data = home / ".local" / "share"
    for tool, folder in (("update-desktop-database", data / "applications"), ("update-mime-database", data / "mime")):
        if shutil.which(tool) and folder.is_dir():
            subprocess.run([tool, str(folder)], check=False, capture_output=True)  # noqa: S603 - a tool of the desktop


def user_data_folder() -> Path:
    """Where workspaces and imported models lie by default: named when the program goes, because they stay."""
    return platformdirs.user_data_path("vademecum", appauthor=False)
