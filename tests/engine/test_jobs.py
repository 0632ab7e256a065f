"""The job mechanism: progress with time left, cancel, pause."""

from __future__ import annotations

import threading

import pytest

from engine.errors import Cancelled
from engine.jobs import Event, Monitor, Progress


class Clock:
    """A clock that a test turns by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_time_left_follows_the_pace_of_the_stage() -> None:
    events: list[Event] = []
    clock = Clock()
    monitor = Monitor(listen=events.append, clock=clock)
    for _ in monitor.track(range(4), "Reading"):
        clock.now += 2.0
    assert events == [
        Progress("Reading", 0, 4, None),
        Progress("Reading", 1, 4, 6.0),
        Progress("Reading", 2, 4, 4.0),
        Progress("Reading", 3, 4, 2.0),
        Progress("Reading", 4, 4, 0.0),
    ]


def test_cancel_is_raised_at_the_next_report_and_no_library_swallows_it() -> None:
    monitor = Monitor()
    monitor.cancel()
    with pytest.raises(Cancelled):
        try:
            monitor.progress("Reading", 1, 2)
        except Exception:  # noqa: BLE001 - what a library would do
            pytest.fail("cancel was taken for an error")


def test_a_paused_job_goes_on_after_resume_and_ends_after_cancel() -> None:
    monitor = Monitor()
    monitor.pause()
    passed = threading.Event()

    def work() -> None:
        monitor.check()
        passed.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert not passed.wait(0.05)
    monitor.resume()
    thread.join(5)
    assert passed.is_set()
    monitor.pause()
    monitor.cancel()
    with pytest.raises(Cancelled):
        monitor.check()


def test_work_that_cannot_say_how_far_it_is_tells_that_it_goes_on() -> None:
    clock = Clock()
    told: list[Event] = []
    monitor = Monitor(listen=told.append, clock=clock)
    check = monitor.still_at("Splitting")
    for _ in range(100):
        clock.now += 0.01
        check()
    assert 6 <= len(told) <= 8  # of a second: not a hundred
    assert told[0] == Progress("Splitting", 0, None)
    monitor.cancel()
    with pytest.raises(Cancelled):
        check()
