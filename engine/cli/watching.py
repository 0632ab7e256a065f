"""The command that keeps a workspace up with a folder."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.call import Call, WorkspacePath, command
from engine.cli.lists import import_lines, import_value

_SETTLED_S = 1.0  # without a change: a file that is being copied changes all the time
_POLL_S = 0.2


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "watch")(watch)


def watch(
    call: Call,
    workspace: WorkspacePath,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder to keep up with.")],
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove documents whose file in the folder is gone, with their questions.")
    ] = False,
) -> None:
    """Import a folder, and again whenever something in it changes, until Ctrl-C. One result an import."""
    from engine.importing import ImportFiles
    from engine.watching import FolderWatch

    folder = folder.absolute()
    changed = threading.Event()
    changed.set()  # the first import is due
    with call.session(workspace) as session:
        watching = FolderWatch(folder, changed.set, ignored=session.workspace.path)
        call.console.note(f"Watching {folder}. Ctrl-C ends it.")
        try:
            while True:
                while not changed.wait(_POLL_S):
                    pass  # a wait without an end would not hear Ctrl-C on Windows
                while changed.is_set():
                    changed.clear()
                    changed.wait(_SETTLED_S)
                report = call.run(ImportFiles((str(folder),), remove_missing=remove), session)
                call.console.result(import_value(report), "\n".join(import_lines(report)))
        finally:
            watching.stop()
