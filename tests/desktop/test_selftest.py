"""The window's part of the self-test."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication

from desktop.selftest import check_curves
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
