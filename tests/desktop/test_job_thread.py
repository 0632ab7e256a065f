"""Job threads: signals arrive in the window's thread, thinned, with one end; and Qt survives many of them."""

from __future__ import annotations

import sys

from PySide6.QtCore import QObject, QThread, Signal
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from engine.errors import RunError
from engine.evaluation.job import Evaluate
from engine.jobs import Measured, Progress, Token
from engine.serving.job import AnswerQuestion
from engine.training.job import Train
from tests.desktop.conftest import FakeClient


class Ear(QObject):
    """Keeps what it hears, and in which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[object] = []
        self.threads: set[QThread] = set()

    def hear(self, value: object = None) -> None:
        self.heard.append(value)
        self.threads.add(QThread.currentThread())


class Speaker(QObject):
    said = Signal()
    told = Signal(object)


def test_signals_arrive_in_the_windows_thread(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    thread, ear = jobs.run(Train()), Ear()
    thread.progressed.connect(ear.hear)
    thread.measured.connect(ear.hear)
    client.tell("Train", Progress("Training", 1, 2), Measured(1, {"train_loss": 2.0}))
    qtbot.waitUntil(lambda: len(ear.heard) == 2)
    assert ear.threads == {QThread.currentThread()}
    assert ear.heard == [[Measured(1, {"train_loss": 2.0})], Progress("Training", 1, 2)]


def test_many_events_become_few_signals(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    thread, tokens = jobs.run(AnswerQuestion("?")), Ear()
    thread.token_arrived.connect(tokens.hear)
    client.tell("AnswerQuestion", *[Token("a")] * 1000)
    qtbot.waitUntil(lambda: "".join(map(str, tokens.heard)) == "a" * 1000)
    assert len(tokens.heard) == 1


def test_an_error_is_one_signal_and_one_end(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["Evaluate"] = RunError("There is no run x.", hint="Choose another.")
    thread, failed, ended = jobs.run(Evaluate("x")), Ear(), Ear()
    thread.failed.connect(failed.hear)
    thread.ended.connect(ended.hear)
    qtbot.waitUntil(lambda: bool(ended.heard))
    assert [str(error) for error in failed.heard] == ["There is no run x."]
    assert len(ended.heard) == 1


def test_heavy_jobs_are_counted_until_they_end(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    jobs.run(Train())
    jobs.run(AnswerQuestion("?"))
    assert [type(thread.ticket.job).__name__ for thread in jobs.heavy] == ["Train"]
    with qtbot.waitSignal(jobs.heavy_ended):
        jobs.cancel_heavy()
    assert jobs.heavy == []


def test_closing_waits_for_every_thread(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    running, early = jobs.run(Train()), jobs.run(AnswerQuestion("?"))
    jobs.close()
    assert running.isFinished() and early.isFinished() and client.closed


def test_twenty_thousand_emits_leave_the_interpreter_whole(qapp: object) -> None:
    # PySide6 6.12.0 drops a reference to True, or None, with every emit; CPython 3.11 aborts after some 570 of them.
    speaker, ear = Speaker(), Ear()
    speaker.told.connect(ear.hear)
    before = (sys.getrefcount(None), sys.getrefcount(True), sys.getrefcount(False))
    for _ in range(20_000):
        speaker.said.emit()
        speaker.told.emit(None)
    after = (sys.getrefcount(None), sys.getrefcount(True), sys.getrefcount(False))
    ear.heard.clear()
    assert all(new > old - 100 for old, new in zip(before, after, strict=True))
