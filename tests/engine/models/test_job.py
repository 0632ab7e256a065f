"""The library's jobs, run as the front ends run them."""

from __future__ import annotations

from pathlib import Path

from engine.jobs import Monitor
from engine.models.job import ListModels, RemoveModel, VerifyModels
from engine.session import Session
from tests.engine.models.folders import make_folder


def test_a_model_is_listed_verified_and_removed(session: Session, tmp_path: Path) -> None:
    info = session.library.import_model(make_folder(tmp_path / "m"))

    assert info in ListModels().run(session, Monitor())
    assert VerifyModels().run(session, Monitor()) == ()
    assert info not in RemoveModel("m").run(session, Monitor())
