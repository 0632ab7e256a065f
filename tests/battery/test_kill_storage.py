"""The storage under `kill -9`, twenty times at random moments, with and without a passphrase."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from engine.workspace.workspace import Workspace
from tests.engine.workspace.killing import kill_once


@pytest.mark.parametrize("passphrase", [None, "eight rainy Tuesdays"], ids=["open", "protected"])
def test_a_workspace_survives_being_killed_twenty_times(tmp_path: Path, passphrase: str | None) -> None:
    Workspace.create(tmp_path / "ward", passphrase=passphrase).close()
    chance = random.Random()
    said = [kill_once(tmp_path / "ward", passphrase, chance) for _ in range(20)]
    assert said == sorted(said)
