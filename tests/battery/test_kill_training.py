"""kill -9 of a training, twenty times at random: each can be resumed, and loses no step before its last checkpoint."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from engine.device import Device
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.training.job import Train
from engine.workspace.workspace import Workspace
from tests.engine.training.test_train_job import fill

KILLS = 20

# Checkpoints as often as they can be written, so that kills fall into the writing too.
TRAIN = """
import sys
from pathlib import Path
from engine.device import Device
from engine.jobs import Measured, Monitor
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.training import loop
from engine.training.job import Train
from engine.workspace.workspace import Workspace

loop.LEAST_CHECKPOINT_INTERVAL_S, loop.CHECKPOINT_SHARE = 0.0, 1e9
session = Session(
    workspace=Workspace.open(Path(sys.argv[1])), library=ModelLibrary(Path(sys.argv[2]), Path(sys.argv[2] + "-imported")),
    device=Device.detect("cpu"),
)
def listen(event):
    if isinstance(event, Measured):
        print(event.step, *event.values, flush=True)
runs = session.workspace.runs.list()
job = Train(resume=runs[0].id) if runs else Train(what="all", preset="quick", epochs=40, batch_size=2)
job.run(session, Monitor(listen=listen))
"""


def test_a_killed_training_goes_on_at_its_last_published_checkpoint(tmp_path: Path, tiny_models: Path) -> None:
    path = tmp_path / "w"
    with Workspace.create(path) as workspace:
        fill(
            Session(
                workspace=workspace, library=ModelLibrary(tiny_models, tmp_path / "i"), device=Device.detect("cpu")
            ),
            tmp_path / "f",
        )
    chance = random.Random(0)
    seen: list[dict[str, object]] = []
    for number in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", TRAIN, str(path), str(tiny_models)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(chance.uniform(0.0, 1.5))
        child.send_signal(signal.SIGKILL)
        lines = [first, *child.stdout.read().splitlines()]
        child.wait()
        with Workspace.open(path) as workspace:
            assert workspace.verify(Monitor(), deep=True).ok
            (run,) = workspace.runs.list()
            assert run.state == "interrupted", f"kill {number}: {run.state}, last line {lines[-1]}"
            saved = workspace.runs.latest_checkpoint(run.id, stage="retriever") or workspace.runs.latest_checkpoint(
                run.id, stage="generator"
            )
        seen.append({"kill": number, "resumed at": first.split()[:1], "published": saved.step if saved else 0})
        if number and seen[-2]["published"] and "train_loss" in first:
            assert int(first.split()[0]) == int(str(seen[-2]["published"])) + 1 or "generator" in first
    print(json.dumps(seen))
    with Workspace.open(path) as workspace:
        session = Session(
            workspace=workspace, library=ModelLibrary(tiny_models, tmp_path / "i"), device=Device.detect("cpu")
        )
        run = Train(resume=workspace.runs.list()[0].id).run(session, Monitor())
        assert run.state == "finished"
