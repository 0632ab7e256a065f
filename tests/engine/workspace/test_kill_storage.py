"""A process killed while it stores loses nothing it had finished. The long version is in tests/battery."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from engine.workspace.workspace import Workspace
from tests.engine.workspace.killing import kill_once


@pytest.mark.skipif(sys.platform == "win32", reason="kill is another thing there")
def test_a_workspace_survives_being_killed(tmp_path: Path, passphrase: str | None) -> None:
    Workspace.create(tmp_path / "ward", passphrase=passphrase).close()
    chance = random.Random(7)
    said = [kill_once(tmp_path / "ward", passphrase, chance) for _ in range(3)]
    assert said == sorted(said)
    assert said[-1] >= 3
