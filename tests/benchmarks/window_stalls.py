"""Measures how long the window's event loop stands still while the worker imports, trains and answers.

`xvfb-run python -m tests.benchmarks.window_stalls`. A timer should fire every 5 ms; a stall is how much later than that
it does. The window shows what it would show a person: the pages in turn, the curves growing, the answers streaming.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication

from desktop.app import Desk
from engine.training.job import Train
from tests.benchmarks.driving import drop, live, open_desk, wait_until

BEAT_MS = 5
BAR_P99_MS, BAR_LONGEST_MS = 16.0, 100.0
SAMPLE = Path(__file__).parents[2] / "resources" / "sample"


class Heart(QObject):
    """Notes how late each beat of a 5 ms timer is."""

    def __init__(self) -> None:
        super().__init__()
        self.late_ms: list[float] = []
        self._last_s = time.perf_counter()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        """Beat."""
        self._last_s = time.perf_counter()
        self._timer.start(BEAT_MS)

    def tell(self, what: str) -> list[float]:
        """Print what was seen since the last time, and begin anew."""
        seen, self.late_ms = self.late_ms, []
        print(f"{what:34} {summary(seen)}", flush=True)
        return seen

    def _beat(self) -> None:
        now_s = time.perf_counter()
        self.late_ms.append(max(0.0, (now_s - self._last_s) * 1000 - BEAT_MS))
        self._last_s = now_s


def summary(late_ms: list[float]) -> str:
    """Return the percentiles of the lateness."""
    if len(late_ms) < 100:
        return f"{len(late_ms)} beats: too few"
    cuts = statistics.quantiles(late_ms, n=100)
    over = sum(late > BAR_P99_MS for late in late_ms)
    counted = f"({len(late_ms):,} beats, {over} over {BAR_P99_MS:.0f} ms)"
    return f"p50 {cuts[49]:5.1f}  p99 {cuts[98]:5.1f}  longest {max(late_ms):6.1f} ms  {counted}"


def main() -> None:
    """Import, train and ask, with the heart beating."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="of training")
    minutes = parser.parse_args().minutes
    QApplication(["vademecum"])
    with tempfile.TemporaryDirectory() as folder, open_desk(Path(folder)) as desk:
        wait_until(lambda: desk.questions.table_model.rowCount() > 0, timeout_s=120, what="the sample's import")
        wait_until(lambda: not desk.jobs.heavy, timeout_s=300, what="the index")
        live(8)  # the worker is warm
        measure(desk, minutes)


def measure(desk: Desk, minutes: float) -> None:
    """Print the stalls of each kind of work, and of all."""
    heart = Heart()
    heart.start()
    seen = _import(desk, heart)
    desk.window.show_page(desk.training)
    desk.training.start_training(Train("all", preset="balanced", minutes=minutes))
    wait_until(lambda: bool(desk.training.curves.points("retriever/train_loss")), timeout_s=300, what="the first point")
    seen += heart.tell("training: until the first point")
    wait_until(
        lambda: len(desk.training.curves.points("generator/train_loss")) > 3 or not desk.jobs.heavy,
        timeout_s=900,
        what="the generator's points",
    )
    seen += heart.tell("training: watching the curves")
    seen += _ask(desk, heart, "answering while training")
    desk.window.show_page(desk.training)
    wait_until(lambda: not desk.jobs.heavy, timeout_s=1800, what="the end of the training")
    seen += heart.tell("training: to its end")
    seen += _ask(desk, heart, "answering alone")
    print(f"{'all':34} {summary(seen)}; bars: p99 {BAR_P99_MS:.0f} ms, longest {BAR_LONGEST_MS:.0f} ms")


def _import(desk: Desk, heart: Heart) -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(300):
            (folder / f"note {number}.txt").write_text(
                f"Note {number} of the ward.\n\n" + "The patient was seen again and was well. " * 120, encoding="utf-8"
            )
        desk.window.show_page(desk.documents)
        drop(desk.documents.drop_area, [folder])
        wait_until(lambda: desk.documents.table_model.rowCount() > 300, timeout_s=300, what="the import")
        wait_until(lambda: not desk.jobs.heavy, timeout_s=600, what="the index")
    return heart.tell("importing 300 files and indexing")


def _ask(desk: Desk, heart: Heart, what: str) -> list[float]:
    desk.window.show_page(desk.chat)
    for question in (
        "How long does the obligation of confidentiality last?",
        "Which mosquito propagates CHIKV to humans?",
        "What does Chikungunya mean?",
    ):
        desk.chat.input.setPlainText(question)
        desk.chat.ask()
        wait_until(lambda: not desk.chat.conversation.streams, timeout_s=300, what="the answer")
    if desk.chat.conversation.citations:
        desk.chat.conversation.open_citation(0)
        wait_until(lambda: desk.chat.passage_view.marked_text != "", timeout_s=30, what="the cited page")
    return heart.tell(what)


if __name__ == "__main__":
    main()
