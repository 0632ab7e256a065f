"""Whether there is a screen for the window: Qt ends the program where it reaches none, with advice that misleads."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from engine.errors import EngineError


class ScreenError(EngineError):
    """There is no screen that can be reached."""


def has_screen() -> bool:
    """Whether a screen can be reached. A variable alone doesn't tell: those of a session that has ended stay."""
    if sys.platform != "linux":
        return True
    wayland = os.environ.get("WAYLAND_DISPLAY")
    if wayland and Path(os.environ.get("XDG_RUNTIME_DIR", ""), wayland).exists():
        return True
    return bool(os.environ.get("DISPLAY")) and _x_answers()


def require_screen() -> None:
    """Raise ScreenError where there is none and Qt wasn't told by name to do without."""
    if not (os.environ.get("QT_QPA_PLATFORM") or has_screen()):
        raise ScreenError(
            "No screen can be reached: there is no desktop session here, or it doesn't let this user in.",
            hint="Start Vademecum from a desktop. vademecum-engine, the command line, works without one.",
        )


def _x_answers() -> bool:
    """Whether the X server that DISPLAY names lets us in."""
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:  # Qt will say what it lacks
        return True
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connection_has_error.argtypes = xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(None, None)
    answers = xcb.xcb_connection_has_error(connection) == 0
    xcb.xcb_disconnect(connection)
    return answers
