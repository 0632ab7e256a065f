"""Tries the add-on in a process of its own before anything relies on it, and falls back to the CPU where it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.addon.folder import INSTALLED, STATE, is_installed, read_manifest, require_allowed, require_fit
from engine.errors import EngineError

TRIAL = "--try-addon"  # the role of the process that tries: see engine/worker/roles.py
TRIAL_TIME_S = 120.0
_LINUX_DRIVER = Path("/proc/driver/nvidia/version")
_WINDOWS_DRIVER = Path(os.environ.get("SYSTEMROOT", "C:/Windows"), "System32", "nvcuda.dll")
_MARK = b"add-on trial: "


class State(msgspec.Struct, frozen=True):
    """Whether the add-on can be used, and why."""

    usable: bool
    text: str  # a sentence
    driver: str  # for which driver that holds


def driver() -> str:
    """What tells the NVIDIA driver from another version of it; "" where there is none."""
    with suppress(OSError):
        return _LINUX_DRIVER.read_text("utf-8", errors="replace").partition("\n")[0]
    with suppress(OSError):
        library = _WINDOWS_DRIVER.stat()
        return f"{_WINDOWS_DRIVER.name} {library.st_size} {library.st_mtime_ns}"
    return ""


def try_out(addons: Path, *, time_s: float = TRIAL_TIME_S) -> State:
    """Load the add-on in a child and compute a little on the card. Whatever happens there, the answer is a State."""
    state = _tried(addons / INSTALLED, time_s)
    with suppress(OSError):  # what can't be kept, on a full disk say, is tried again
        (addons / STATE).write_bytes(msgspec.json.encode(state))
    return state


def _tried(folder: Path, time_s: float) -> State:
    begin = [] if getattr(sys, "frozen", False) else ["-m", "engine"]
    command = [sys.executable, *begin, TRIAL, str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=time_s, check=False)  # noqa: S603 - our own program
    except (OSError, subprocess.TimeoutExpired):
        return State(False, "The add-on did not start in time. The CPU is used.", driver())
    for line in done.stdout.splitlines():
        with suppress(ValueError):
            if line.startswith(_MARK):
                return msgspec.json.decode(line.removeprefix(_MARK), type=State)
    return State(False, f"The add-on crashed (exit status {done.returncode}). The CPU is used.", driver())


def known_state(addons: Path) -> State | None:
    """Return what can be said of the installed add-on without a trial, None where only a new one can tell.

    The program may be another version than the one that installed it, and its files may have suffered.
    """
    from importlib import metadata  # late: every process of the program passes by this module

    try:
        require_allowed()
        require_fit(read_manifest(addons / INSTALLED), metadata.version("torch"))
    except EngineError as error:
        return State(False, f"{error.message} The CPU is used.", driver())
    with suppress(OSError, ValueError):
        state = msgspec.json.decode((addons / STATE).read_bytes(), type=State)
        return state if state.driver == driver() else None
    return None


def activate(addons: Path) -> bool:
    """Let this process load the add-on's libraries in place of the program's, if they are there and were seen to work.

    Call it before the first import of torch. Returns whether they will be used; it never raises, because where the
    add-on fails the CPU is there.
    """
    if not is_installed(addons):
        return False
    state = known_state(addons) or try_out(addons)
    if state.usable:
        sys.path.insert(0, str(addons / INSTALLED))
    return state.usable


def be_tried(folder: Path) -> None:
    """In the child: load torch from the add-on, multiply on the card, and say on one line how that went."""
    sys.path.insert(0, str(folder))
    try:
        import torch

        if not Path(torch.__file__ or "").is_relative_to(folder):
            raise ImportError("torch was not taken from the add-on")
        if not torch.cuda.is_available():
            usable, text = False, "The add-on finds no card, or the driver is too old for it. The CPU is used."
        else:
            square = torch.ones(64, 64, device="cuda")
            assert float((square @ square).sum()) == 64.0**3
            usable, text = True, f"{torch.cuda.get_device_name(0)} is used."
    except Exception as error:  # noqa: BLE001 - a foreign build of torch fails in ways nobody can list; the CPU is there
        usable, text = False, f"The add-on can't be loaded ({type(error).__name__}: {error}). The CPU is used."
    os.write(1, b"\n" + _MARK + msgspec.json.encode(State(usable, text, driver())) + b"\n")
