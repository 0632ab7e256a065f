"""The child processes in which foreign files are opened: how one is started, and how it is ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from engine.privacy import OWN_VARIABLES

_ROOT = Path(__file__).resolve().parents[2]


def command_of(flag: str, module: str) -> list[str]:
    """The command that runs `module`'s main: by this interpreter, or by the frozen program with `flag`."""
    if getattr(sys, "frozen", False):
        return [sys.executable, flag]
    # -I keeps the environment's PYTHON variables out; the modules are found where this process finds them.
    paths = json.dumps([str(_ROOT), *(entry for entry in sys.path if entry)])
    return [
        sys.executable,
        "-I",
        "-c",
        f"import sys; sys.path[:] = {paths}; from {module} import main; main()",
    ]


def start_child(command: list[str]) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, frames over its stdin and stdout. No passphrase is in its environment."""
    return subprocess.Popen(  # noqa: S603 - our own executable
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={name: value for name, value in os.environ.items() if not name.startswith(OWN_VARIABLES)},
    )


def end_child(child: subprocess.Popen[bytes]) -> None:
    """Kill a child, wait for it and close its pipes."""
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):  # what was still in the buffer has nobody to go to
                stream.close()
