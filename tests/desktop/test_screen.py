"""Where no screen can be reached, or Qt lacks a library, it is told in a sentence; Ctrl-C is no bug."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

import desktop.__main__ as entry
from desktop.app import main
from desktop.screen import has_screen


@pytest.fixture(autouse=True)
def _no_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def test_a_screen_is_one_that_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not has_screen()
    monkeypatch.setenv("DISPLAY", ":7777")  # of a session that has ended
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert not has_screen()
    (tmp_path / "wayland-0").touch()
    assert has_screen()


def test_a_window_without_a_screen_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPLAY", ":7777")
    assert main(["vademecum"]) == 1
    assert "No screen can be reached" in capsys.readouterr().err


def test_a_library_that_the_system_lacks_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: Any) -> Any:
        if name == "desktop.app":
            raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
        return real(name, *rest)

    monkeypatch.setattr(entry.sys, "argv", ["vademecum", "--selftest"])
    monkeypatch.setattr(builtins, "__import__", lacking)
    assert entry.main() == 1
    assert "a library is missing: libEGL.so.1: " in capsys.readouterr().err


def test_ctrl_c_is_told_as_cancelled(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(entry.sys, "argv", ["vademecum", "--uninstall"])
    monkeypatch.setattr("desktop.app.main", interrupted)
    assert entry.main() == 130
    assert capsys.readouterr().err == "\nCancelled.\n"
