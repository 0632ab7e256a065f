"""Kill a storing process at a random moment, and see that everything it said was durable is there."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from pathlib import Path

from engine.jobs import Monitor
from engine.retrieval.index import stored_vectors
from engine.workspace.workspace import Workspace


def kill_once(path: Path, passphrase: str | None, chance: random.Random) -> int:
    """Let a process store, kill it after up to 60 ms past its first step, verify; return the steps it had said."""
    command = [sys.executable, "-m", "tests.engine.workspace.storing", str(path), passphrase or ""]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = int(process.stdout.readline())
    timer = threading.Timer(chance.uniform(0, 0.06), process.kill)
    timer.start()
    for line in process.stdout:
        said = int(line) if line.endswith("\n") else said
    process.wait()
    timer.join()
    process.stdout.close()
    with Workspace.open(path, passphrase=passphrase) as workspace:
        report = workspace.verify(Monitor(), deep=True)
        assert report.problems == ()
        newest = workspace.runs.latest_checkpoint("r")
        assert newest is not None
        assert newest.step >= said
        assert newest.step == int(workspace.setting("number") or 0)
        assert sorted(workspace.objects.read_folder(newest.digest)) == ["model", "optimizer"]
        assert workspace.runs.get("r").state == "interrupted"
        ids, vectors = stored_vectors(workspace, "encoder")
        assert vectors.shape == (len(ids), 64)
    return said
