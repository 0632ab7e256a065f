"""`vademecum --selftest`: the window first, with its worker and curves; then everything the engine consists of."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TextIO

import platformdirs
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication

from desktop.screen import has_screen
from engine.privacy import private
from engine.selftest import PASSPHRASE, Check, SelfTestError, Verdict, engine_checks, headline, run_checks

_WINDOW_TIME_MS = 60_000
_CURVES_TIME_MS = 2_000  # several redraws


def report(out: TextIO | None) -> int:
    """Run every check and write a line for each. Returns the exit code: 0 when all passed.

    A window's program has no standard output on Windows: there `out` is None, and the lines go into a log file.
    """
    if out is None:
        path = platformdirs.user_log_path("vademecum", appauthor=False, ensure_exists=True) / "selftest.log"
        with open(path, "w", encoding="utf-8", opener=private) as file:
            return report(file)
    if not has_screen():
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")  # on a server there is no screen to test on
    QApplication(sys.argv[:1])
    from engine.offline import go_offline

    go_offline()

    def say(verdict: Verdict) -> None:
        out.write(verdict.line() + "\n")
        out.flush()

    out.write(headline() + "\n")
    passed = run_checks((Check("window", check_window), Check("curves", check_curves), *engine_checks()), say=say)
    out.write("All parts of this installation work.\n" if passed else "This installation is broken: see above.\n")
    out.flush()
    return 0 if passed else 1


def check_window(folder: Path) -> str:
    """Whether the window is painted and its worker opens a workspace."""
    from desktop.app import Desk
    from desktop.preferences import Preferences
    from desktop.theme import apply_theme
    from engine.worker.protocol import Opened
    from engine.workspace.workspace import Workspace

    application = QApplication.instance()
    assert isinstance(application, QApplication)
    Workspace.create(folder / "w", name="Self-test", passphrase=PASSPHRASE).close()
    apply_theme(application)
    desk = Desk(Preferences(folder / "window.ini"), data_path=folder)
    opened: list[Opened] = []
    loop = QEventLoop()
    desk.opener.opened.connect(opened.append)
    desk.opener.opened.connect(loop.quit)
    desk.window.shown.connect(lambda: desk.opener.open_path(folder / "w", PASSPHRASE))
    QTimer.singleShot(_WINDOW_TIME_MS, loop.quit)
    desk.window.show()
    loop.exec()
    picture = desk.window.grab().toImage()
    desk.window.hide()
    desk.jobs.close()
    if not opened:
        raise SelfTestError("The window's engine did not open a workspace within a minute.")
    colours = {picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)}
    if len(colours) < 5:
        raise SelfTestError("The window stays empty.")
    return (
        f"{application.platformName()}: painted {picture.width()} × {picture.height()}; a workspace opened behind it."
    )


def check_curves(folder: Path) -> str:
    """Whether training curves are drawn: what draws them is imported with the first point only."""
    import pyqtgraph

    from desktop.theme import curve_colours
    from desktop.widgets.curves import Curves
    from engine.jobs import Measured

    curves = Curves()
    curves.resize(800, 400)
    curves.show()
    curves.add([Measured(step, {"train_loss": 1 / step}) for step in range(1, 20)], model="retriever")
    loop = QEventLoop()
    QTimer.singleShot(_CURVES_TIME_MS, loop.quit)
    loop.exec()
    picture = curves.grab().toImage()
    curves.close()
    colour = QColor(curve_colours()[0]).rgb()
    if not any(picture.pixel(x, y) == colour for x in range(picture.width()) for y in range(picture.height())):
        raise SelfTestError("No training curve is drawn.")
    return f"pyqtgraph {pyqtgraph.__version__} draws the training curves."
