"""The library's jobs, run as the front ends run them."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import Cancelled
from engine.jobs import Monitor, Progress
from engine.models.job import ImportModel, ListModels, RemoveModel, VerifyModels
from engine.session import Session
from tests.engine.models.folders import make_folder


def test_a_model_is_imported_listed_verified_and_removed(session: Session, tmp_path: Path) -> None:
    events: list[object] = []
    monitor = Monitor(listen=events.append)

    info = ImportModel(str(make_folder(tmp_path / "m"))).run(session, monitor)

    assert info in ListModels().run(session, monitor)
    assert VerifyModels().run(session, monitor) == ()
    assert info not in RemoveModel("m").run(session, monitor)
    assert events == [Progress("Checking the model", 0, 1), Progress("Checking the model", 1, 1, left_s=0.0)]


def test_a_cancelled_import_changes_nothing(session: Session, tmp_path: Path) -> None:
    monitor = Monitor()
    monitor.cancel()

    with pytest.raises(Cancelled):
        ImportModel(str(make_folder(tmp_path / "m"))).run(session, monitor)
    assert len(session.library.list()) == 3
