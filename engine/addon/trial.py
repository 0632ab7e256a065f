"""Tries the add-on in a process of its own before anything relies on it, and falls back to the CPU where it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.addon.folder import INSTALLED, STATE
from engine.machine_settings import machine_settings

TRIAL = "--try-addon"  # the role of the process that tries: see engine/worker/roles.py
TRIAL_TIME_S = 120.0
_DRIVER = Path("/proc/driver/nvidia/version")
_MARK = "add-on trial: "


class State(msgspec.Struct, frozen=True):
    """What the last trial said."""

    usable: bool
    text: str  # a sentence
    driver: str  # for which driver that holds


def driver() -> str:
    """What the NVIDIA driver says it is; "" where there is none to ask."""
    with suppress(OSError):
        return _DRIVER.read_text("utf-8", errors="replace").splitlines()[0]
    return ""


def try_out(addons: Path, *, time_s: float = TRIAL_TIME_S) -> State:
    """Load the add-on in a child and compute a little on the card. Whatever happens there, the answer is a State."""
    begin = [] if getattr(sys, "frozen", False) else ["-m", "engine"]
    command = [sys.executable, *begin, TRIAL, str(addons / INSTALLED)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=time_s, check=False)  # noqa: S603 - our own program
    except (OSError, subprocess.TimeoutExpired):
        state = State(False, "The add-on did not start in time. The CPU is used.", driver())
    else:
        told = [line.removeprefix(_MARK) for line in done.stdout.splitlines() if line.startswith(_MARK)]
        if told:
            state = State(**json.loads(told[-1]), driver=driver())
        else:
            state = State(False, f"The add-on crashed (exit status {done.returncode}). The CPU is used.", driver())
    (addons / STATE).write_bytes(msgspec.json.encode(state))
    return state


def last_state(addons: Path) -> State | None:
    """Return what the last trial said, None when it was never tried or the driver has changed since."""
    with suppress(OSError, msgspec.MsgspecError):
        state = msgspec.json.decode((addons / STATE).read_bytes(), type=State)
        return state if state.driver == driver() else None
    return None


def activate(addons: Path) -> bool:
    """Let this process load the add-on's libraries in place of the program's, if they are there and were seen to work.

    Call it before the first import of torch. Returns whether they will be used.
    """
    if not (addons / INSTALLED).is_dir() or not machine_settings().allow_addons:
        return False
    state = last_state(addons) or try_out(addons)
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
    sys.stdout.write(_MARK + json.dumps({"usable": usable, "text": text}) + "\n")
    sys.stdout.flush()
