"""Imports a PDF of 3,000 pages and cancels a second import of it: `python -m tests.benchmarks.import_pages`."""

from __future__ import annotations

import argparse
import resource
import tempfile
import threading
import time
from itertools import pairwise
from pathlib import Path

import pypdfium2 as pdfium

from engine.device import Device
from engine.errors import Cancelled
from engine.importing import ImportFiles
from engine.jobs import Event, Monitor, Progress
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.workspace.workspace import Workspace
from tests.benchmarks.citation_boxes import FILES


def main() -> None:
    """Print time, memory, how often progress was told, and how fast cancel came at three moments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, default=FILES / "pdf_619_pages.pdf", help="whose pages are repeated")
    parser.add_argument("--pages", type=int, default=3000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        path = _repeated(chosen.file, chosen.pages, folder / "long.pdf")
        began = time.monotonic()
        told = timed_import(path, folder / "whole", cancel_after_s=None)
        took_s = time.monotonic() - began
        moments = [began, *told, began + took_s]
        gaps = sorted((after - before for before, after in pairwise(moments)), reverse=True)
        print(f"{chosen.pages} pages in {took_s:.1f} s: {chosen.pages / took_s:.0f} pages a second")
        print(
            f"progress told {len(told) / took_s:.1f} times a second; "
            f"the longest silences: {', '.join(f'{gap:.1f}' for gap in gaps[:3])} s"
        )
        for who, name in ((resource.RUSAGE_SELF, "worker"), (resource.RUSAGE_CHILDREN, "parser")):
            print(f"memory of the {name} at most {resource.getrusage(who).ru_maxrss >> 10} MiB")
        for number, share in enumerate((0.2, 0.55, 0.9)):
            print(f"cancel at {share:.0%}: ", end="")
            timed_import(path, folder / str(number), cancel_after_s=share * took_s)


def _repeated(source: Path, pages: int, target: Path) -> Path:
    original, made = pdfium.PdfDocument(source), pdfium.PdfDocument.new()
    while len(made) < pages:
        made.import_pages(original, list(range(min(len(original), pages - len(made)))))
    made.save(target)
    return target


def timed_import(path: Path, folder: Path, *, cancel_after_s: float | None) -> list[float]:
    """Import `path` into a new workspace; return when progress was told. Cancelled, say how long the end took."""
    told: list[float] = []
    asked: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress):
            told.append(time.monotonic())

    monitor = Monitor(listen=listen)

    def cancel() -> None:
        asked.append(time.monotonic())
        monitor.cancel()

    workspace = Workspace.create(folder, name="bench", passphrase=None)
    session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device("cpu", "", 1, 0))
    timer = threading.Timer(cancel_after_s or 0.0, cancel)
    if cancel_after_s is not None:
        timer.start()
    try:
        report = ImportFiles((str(path),)).run(session, monitor)
        print(f"{report.passages} passages")
    except Cancelled:
        print(f"ended after {time.monotonic() - asked[0]:.2f} s")
    finally:
        timer.cancel()
        session.close()
    return told


if __name__ == "__main__":
    main()
