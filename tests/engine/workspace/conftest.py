"""Workspaces for the tests: each test runs with and without a passphrase unless it asks for one kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.workspace import keys
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import PASSPHRASE, clock


@pytest.fixture(autouse=True)
def quick_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id is slow on purpose; the tests take the smallest it has."""
    monkeypatch.setattr(keys, "MEMORY_KIB", 64)
    monkeypatch.setattr(keys, "PASSES", 1)


@pytest.fixture(params=[None, PASSPHRASE], ids=["open", "protected"])
def passphrase(request: pytest.FixtureRequest) -> str | None:
    return request.param


@pytest.fixture
def workspace(tmp_path: Path, passphrase: str | None) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "matter", passphrase=passphrase, clock=clock) as made:
        yield made


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "matter", clock=clock) as made:
        yield made


@pytest.fixture
def protected(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "matter", passphrase=PASSPHRASE, clock=clock) as made:
        yield made
