"""`vademecum --install`, `--update`, `--rollback` and `--uninstall`: with the page, or silently for scripts."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from desktop.installation.placing import (
    PROGRAM,
    Choices,
    default_folder,
    folder_named,
    folder_of,
    install,
    rollback,
    uninstall,
    user_data_folder,
    user_log_folder,
    user_settings_folder,
)
from desktop.installation.updating import update
from desktop.screen import has_screen
from engine.errors import EngineError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the installer understands to the window's arguments."""
    group = parser.add_argument_group("installation (Linux, no administrator needed)")
    acts = group.add_mutually_exclusive_group()
    acts.add_argument("--install", action="store_true", help="install this program for yourself")
    acts.add_argument("--uninstall", action="store_true", help="remove it; workspaces stay")
    acts.add_argument("--rollback", action="store_true", help="go back to the version that was installed before")
    acts.add_argument("--update", type=Path, metavar="FILE", help="check the .run file of a newer version, install it")
    group.add_argument("--silent", action="store_true", help="ask nothing")
    group.add_argument("--folder", default=None, help="of the program; by default ~/.local/opt/vademecum")
    group.add_argument("--unpacked", action="store_true", help=argparse.SUPPRESS)  # the .run's copy: to be moved
    group.add_argument("--no-shortcuts", action="store_true", help="no menu entry, no commands in ~/.local/bin")
    group.add_argument("--no-association", action="store_true", help="don't open workspace.json with it")


def is_wanted(chosen: argparse.Namespace) -> bool:
    """Whether the arguments ask for an act of installation."""
    return bool(chosen.install or chosen.uninstall or chosen.rollback or chosen.update)


def act(chosen: argparse.Namespace) -> int:
    """Do what was asked and say it in a line. Returns the exit code."""
    if sys.platform != "linux":
        sys.stderr.write("This is for Linux: here the setup, or the system's list of programs, installs and removes.\n")
        return 2
    if not getattr(sys, "frozen", False):
        sys.stderr.write("This runs from source: only an installation package can be installed or removed.\n")
        return 2
    program = Path(sys.executable).parent
    try:
        if chosen.install:
            return _install(program, chosen)
        folder = folder_of(program) if chosen.folder is None else folder_named(chosen.folder)
        if chosen.update:
            sys.stdout.write(update(chosen.update.absolute(), folder.resolve() / PROGRAM) + "\n")
            return 0
        if chosen.rollback:
            sys.stdout.write(f"In use again: {rollback(folder)}\n")
            return 0
        return _uninstall(folder, silent=chosen.silent)
    except EngineError as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return 1


def _uninstall(folder: Path, *, silent: bool) -> int:
    if not (silent or _agrees(f"Remove Vademecum from {folder}? [y/N] ")):
        sys.stdout.write("Nothing was removed. With --silent it is removed without asking.\n")
        return 1
    uninstall(folder)
    kept = "workspaces, imported models and the CUDA add-on"
    sys.stdout.write(
        f"Vademecum is removed. What lies in {user_data_folder()} stays: {kept}. So do the window's settings "
        f"({user_settings_folder()}) and the logs ({user_log_folder()}).\n"
    )
    return 0


def _agrees(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes")
    except EOFError:  # nobody is there to answer
        return False


def _install(source: Path, chosen: argparse.Namespace) -> int:
    if chosen.silent or not has_screen():
        folder = default_folder() if chosen.folder is None else folder_named(chosen.folder)
        choices = Choices(folder, not chosen.no_shortcuts, not chosen.no_association)
        sys.stdout.write(f"Vademecum is installed in {install(source, choices, linked=chosen.unpacked)}\n")
        return 0
    from PySide6.QtWidgets import QApplication

    from desktop.installation.page import InstallPage
    from desktop.theme import apply_theme

    application = QApplication(sys.argv[:1])
    apply_theme(application)
    page = InstallPage(source, linked=chosen.unpacked)
    if chosen.folder:
        page.folder.setText(chosen.folder)
    page.exec()
    return 0 if page.program else 1
