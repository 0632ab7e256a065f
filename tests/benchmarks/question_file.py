"""Imports a question file of 60,000 rows, then again and cancels it: time, memory, progress and how soon it ends.

`python -m tests.benchmarks.question_file DATA [--rows N] [--form jsonl|csv|xlsx]` with the folder of the data sets.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import psutil

from engine.device import Device
from engine.errors import Cancelled
from engine.importing import ImportFiles
from engine.jobs import Monitor, Progress
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.workspace.workspace import Workspace

_CANCELLED_AFTER_S = 10.0


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=60_000)
    parser.add_argument("--form", choices=("jsonl", "csv", "xlsx"), default="jsonl")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        corpus = chosen.data / "law_legalbenchrag" / "corpus.jsonl"
        path = folder / f"questions.{chosen.form}"
        _write(path, [json.loads(line) for line in corpus.open(encoding="utf-8")], chosen.rows)
        print(f"{path.name}: {chosen.rows:,} rows, {path.stat().st_size / 1e6:.0f} MB")
        with Workspace.create(folder / "w") as workspace:
            session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
            ImportFiles((str(corpus),)).run(session, Monitor())
            print(f"cancelled: ended {_cancel(session, path):.2f} s after it was asked")
            _import(session, path)


def _write(path: Path, documents: list[dict[str, str]], rows: int) -> None:
    rng = random.Random(0)
    names = ("question", "answer", "context")
    records = []
    for number in range(rows):
        words = documents[number % len(documents)]["text"].split()
        begin = rng.randrange(max(1, len(words) - 40))
        answer = " ".join(words[begin + 5 : begin + 12])
        asked = " ".join(rng.sample(words, min(8, len(words))))
        records.append((f"What is said of {asked} in matter {number}?", answer, " ".join(words[begin : begin + 40])))
    if path.suffix == ".xlsx":
        import openpyxl

        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for record in (names, *records):
            sheet.append(record)
        book.save(path)
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            csv.writer(file).writerows((names, *records))
        else:
            file.writelines(json.dumps(dict(zip(names, record, strict=True))) + "\n" for record in records)


def _import(session: Session, path: Path) -> None:
    beats: list[float] = []
    monitor = Monitor(listen=lambda event: beats.append(time.monotonic()) if isinstance(event, Progress) else None)
    peak, done = [0, 0], threading.Event()
    watcher = threading.Thread(target=_watch, args=(peak, done))
    watcher.start()
    began, computed = time.monotonic(), time.process_time()
    report = ImportFiles((str(path),), "questions").run(session, monitor)
    seconds, computed = time.monotonic() - began, time.process_time() - computed
    done.set()
    watcher.join()
    gaps = sorted(later - earlier for earlier, later in pairwise(beats))
    print(
        f"{report.questions_added:,} added, {report.questions_with_evidence:,} with evidence; {report.problem_counts}"
    )
    print(f"{seconds:.0f} s ({computed:.0f} s of computing); split {session.workspace.questions.counts()}")
    print(f"memory: {peak[0] / 2**20:.0f} MiB this process, {peak[1] / 2**20:.0f} MiB with its child")
    rate, p99 = len(beats) / seconds, gaps[int(len(gaps) * 0.99)]
    print(f"progress: {rate:.0f} a second, longest silence {gaps[-1]:.2f} s, 99 % below {p99:.3f} s")


def _cancel(session: Session, path: Path) -> float:
    asked: list[float] = []

    def ask() -> None:
        asked.append(time.monotonic())
        monitor.cancel()

    monitor = Monitor()
    timer = threading.Timer(_CANCELLED_AFTER_S, ask)
    timer.start()
    try:
        ImportFiles((str(path),), "questions").run(session, monitor)
    except Cancelled:
        return time.monotonic() - asked[0]
    raise SystemExit("It was done before it could be cancelled: give it more rows.")


def _watch(peak: list[int], done: threading.Event) -> None:
    me = psutil.Process()
    while not done.wait(0.2):
        own = me.memory_info().rss
        children = 0
        for child in me.children():
            try:
                children += child.memory_info().rss
            except psutil.Error:
                continue
        peak[0], peak[1] = max(peak[0], own), max(peak[1], own + children)


if __name__ == "__main__":
    main()
