"""One instance at a time, and a killed one is no obstacle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import LockedError
from engine.workspace.workspace import Workspace

_HOLD = """
import os, sys, time
from engine.workspace.workspace import Workspace
workspace = Workspace.open(sys.argv[1])
child = os.fork() if sys.argv[2] == "fork" else -1
if child == 0:
    time.sleep(60)
    os._exit(0)
print(child, flush=True)
time.sleep(60)
"""


def test_a_second_instance_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "ward"):
        with pytest.raises(LockedError, match=rf"ward is open already in process {os.getpid()}") as caught:
            Workspace.open(tmp_path / "ward")
        assert caught.value.hint
    Workspace.open(tmp_path / "ward").close()


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
@pytest.mark.parametrize("way", ["alone", "fork"])
def test_a_killed_instance_lets_go_of_the_lock(tmp_path: Path, way: str) -> None:
    Workspace.create(tmp_path / "ward").close()
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path / "ward"), way], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    with pytest.raises(LockedError, match=f"process {holder.pid}"):
        Workspace.open(tmp_path / "ward")
    holder.kill()
    holder.wait()
    Workspace.open(tmp_path / "ward").close()  # though its child lives on
    if child > 0:
        os.kill(child, signal.SIGKILL)
    holder.stdout.close()
