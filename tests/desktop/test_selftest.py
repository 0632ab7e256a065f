"""The window's part of the self-test."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from desktop.selftest import check_curves, check_window
from desktop.widgets.curves import Curves
from engine.selftest import SelfTestError


def test_curves_are_drawn(qapp: QApplication, tmp_path: Path) -> None:
    assert "pyqtgraph" in check_curves(tmp_path)


def test_curves_that_stay_empty_are_a_broken_installation(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Curves, "_draw_one", lambda self: None)
    with pytest.raises(SelfTestError):
        check_curves(tmp_path)


def test_the_window_is_tried_where_every_workspace_needs_a_passphrase(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("require_passphrase = true", encoding="utf-8")
    monkeypatch.setattr("engine.machine_settings.settings_path", lambda: settings)
    assert "a workspace opened behind it" in check_window(tmp_path)
