"""kill -9 of a training, twenty times at random: each can be resumed, and loses no step before its last checkpoint."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.device import Device
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.training.job import Train
from engine.workspace.workspace import Workspace
from tests.engine.training.test_train_job import fill

KILLS = 20
pytestmark = [pytest.mark.timeout(3600)]

# Checkpoints as often as they can be written, so that kills fall into the writing too.
TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
from engine.device import Device
from engine.jobs import Measured, Monitor
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.settings import PRESETS
from engine.training import loop
from engine.training.job import Train
from engine.workspace.workspace import Workspace

PRESETS["quick"] = replace(PRESETS["quick"], generator=replace(PRESETS["quick"].generator, patience=50, validations=1))
loop.LEAST_CHECKPOINT_INTERVAL_S, loop.CHECKPOINT_SHARE = 0.0, 1e9
session = Session(
    workspace=Workspace.open(Path(sys.argv[1])),
    library=ModelLibrary(Path(sys.argv[2]), Path(sys.argv[2] + "-imported")),
    device=Device.detect("cpu"),
)
def listen(event):
    if isinstance(event, Measured):
        print(event.step, *event.values, flush=True)
runs = session.workspace.runs.list()
job = Train(resume=runs[0].id) if runs else Train(what="generator", preset="quick", epochs=50, batch_size=2)
job.run(session, Monitor(listen=listen))
"""


def test_a_killed_training_goes_on_at_its_last_published_checkpoint(tmp_path: Path, tiny_models: Path) -> None:
    path = tmp_path / "w"
    library = ModelLibrary(tiny_models, tmp_path / "imported")
    with Workspace.create(path) as workspace:
        fill(Session(workspace=workspace, library=library, device=Device.detect("cpu")), tmp_path / "files")
    chance = random.Random(0)
    published = 0
    for kill in range(KILLS):
        said = tmp_path / "stderr.txt"
        with said.open("w") as stderr:
            child = subprocess.Popen(
                [sys.executable, "-c", TRAIN, str(path), str(tiny_models)],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        assert child.stdout is not None
        first = child.stdout.readline()
        for _ in range(chance.randint(0, 3)):
            child.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.3))
        child.kill()
        child.communicate()
        assert first, f"kill {kill}: it ended by itself: {said.read_text()[-2000:]}"
        assert int(first.split()[0]) == (published + 1 if published else 0), f"kill {kill}: a step was lost or repeated"
        with Workspace.open(path) as workspace:
            assert workspace.verify(Monitor(), deep=True).ok
            (run,) = workspace.runs.list()
            assert run.state == "interrupted"
            saved = workspace.runs.latest_checkpoint(run.id, stage="generator")
            assert (saved.step if saved else 0) >= published
            published = saved.step if saved else 0
    assert published >= KILLS // 2
    with Workspace.open(path) as workspace:
        session = Session(workspace=workspace, library=library, device=Device.detect("cpu"))
        assert Train(resume=workspace.runs.list()[0].id).run(session, Monitor()).state == "finished"
