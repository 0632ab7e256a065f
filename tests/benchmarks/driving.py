"""Drives the real window with the real worker, for the measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QEventLoop, QMimeData, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QWidget

from desktop.app import Desk
from desktop.garbage import GarbageCollector
from desktop.preferences import Preferences
from desktop.theme import apply_theme

CHECK_EVERY_MS = 50


class TooLateError(Exception):
    """What was waited for did not happen."""


@contextmanager
def open_desk(folder: Path, workspace: Path | None = None, *, dark: bool = False) -> Iterator[Desk]:
    """Open the window with its configuration and data in `folder`: on `workspace`, or on the sample made there."""
    application = QApplication.instance() or QApplication(["vademecum"])
    assert isinstance(application, QApplication)
    apply_theme(application, dark=dark)
    desk = Desk(Preferences(folder / "window.ini"), data_path=folder)
    desk.start(workspace)
    collector = GarbageCollector(desk)
    try:
        yield desk
    finally:
        desk.jobs.close()
        collector.stop()
        desk.window.hide()


def wait_until(happened: Callable[[], bool], *, timeout_s: float, what: str) -> None:
    """Let the window live until `happened`. Raises TooLateError after `timeout_s`."""
    if happened():
        return
    loop = QEventLoop()
    check, end = QTimer(), QTimer()
    check.timeout.connect(lambda: loop.quit() if happened() else None)
    end.timeout.connect(loop.quit)
    end.setSingleShot(True)
    check.start(CHECK_EVERY_MS)
    end.start(int(timeout_s * 1000))
    loop.exec()
    if not happened():
        raise TooLateError(what)


def live(seconds: float) -> None:
    """Let the window live for a while."""
    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()


def drop(widget: QWidget, paths: list[Path]) -> None:
    """Drop `paths` on `widget`, as a file manager does."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    place = QPointF(widget.rect().center())
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(widget, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(widget, QDropEvent(place, Qt.DropAction.CopyAction, data, buttons, keys))
