"""The garbage collector of the window: what lies in cycles is destroyed in the window's thread."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from desktop.garbage import GarbageCollector


class Knot:
    """A reference cycle that tells in which thread it was destroyed."""

    def __init__(self, destroyed_in: list[threading.Thread]) -> None:
        self._me = self
        self._destroyed_in = destroyed_in

    def __del__(self) -> None:
        self._destroyed_in.append(threading.current_thread())


@pytest.fixture
def collector(qapp: QObject) -> Iterator[GarbageCollector]:
    collector = GarbageCollector()
    yield collector
    collector.stop()


def test_cycles_are_destroyed_in_the_windows_thread(qtbot: QtBot, collector: GarbageCollector) -> None:
    destroyed_in: list[threading.Thread] = []
    Knot(destroyed_in)

    def allocate() -> None:
        assert len([[] for _ in range(100_000)]) == 100_000

    other = threading.Thread(target=allocate)
    other.start()
    other.join()
    kept = [[] for _ in range(1000)]  # so that a collection is due
    qtbot.waitUntil(lambda: bool(destroyed_in))
    assert destroyed_in == [threading.main_thread()]
    assert len(kept) == 1000


def test_the_automatic_collector_is_given_back(qapp: QObject) -> None:
    collector = GarbageCollector()
    assert not gc.isenabled()
    collector.stop()
    assert gc.isenabled()
