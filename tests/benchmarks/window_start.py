"""Measures the time from the start of the process to the window's first paint.

`xvfb-run python -m tests.benchmarks.window_start`
Needs a display (Xvfb will do). Each start is a fresh process with its own empty configuration.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

STARTS = 7
BAR_S = 1.0

# Runs in the process that is measured: desktop.app.main with a filter that reports the window's first paint and leaves.
_PROBE = """
import sys, time
started = float(sys.argv[1])
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QApplication
import desktop.app

class FirstPaint(QObject):
    done = False
    def eventFilter(self, watched, event):
        if not self.done and event.type() == QEvent.Type.UpdateRequest and watched.isWindow():
            self.done = True
            QTimer.singleShot(0, self.report)
        return False
    def report(self):
        print("first paint", time.time() - started, flush=True)
        QTimer.singleShot(0, QApplication.instance().quit)

made = QApplication
class Watched(made):
    def __init__(self, argv):
        super().__init__(argv)
        self.probe = FirstPaint()
        self.installEventFilter(self.probe)
desktop.app.QApplication = Watched
raise SystemExit(desktop.app.main(["vademecum", sys.argv[2]]))
"""


def main() -> None:
    """Start the window several times and print the seconds to its first paint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--starts", type=int, default=STARTS)
    starts = parser.parse_args().starts
    seconds = []
    for _ in range(starts):
        with tempfile.TemporaryDirectory() as home:
            environment = {
                **os.environ,
                "XDG_CONFIG_HOME": home,
                "XDG_DATA_HOME": home,
                "XDG_STATE_HOME": home,
                "HOME": home,
            }
            command = [sys.executable, "-c", _PROBE, str(time.time()), f"{home}/none"]
            told = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        lines = [line for line in told.stdout.splitlines() if line.startswith("first paint")]
        if not lines:
            raise SystemExit(told.stderr)
        seconds.append(float(lines[0].split()[-1]))
        print(f"{seconds[-1]:.3f} s")
    median = statistics.median(seconds)
    print(f"start to first paint: median {median:.3f} s, longest {max(seconds):.3f} s, bar {BAR_S:.1f} s")


if __name__ == "__main__":
    main()
