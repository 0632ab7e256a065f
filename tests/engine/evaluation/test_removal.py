"""Removing a document takes its words out of the reports too."""

from __future__ import annotations

from pathlib import Path

from engine.evaluation.job import Evaluate, ReadPerQuestion, ReadReport
from engine.jobs import Monitor
from engine.session import Session
from engine.workspace.job import RemoveDocuments
from tests.engine.training.test_train_job import fill


def test_the_questions_of_a_report_go_with_a_document_and_the_scores_stay(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    report = Evaluate("base", against=None).run(session, Monitor())
    assert Path(report.per_question).exists()
    (removed, *_) = session.workspace.documents.list()
    RemoveDocuments((removed.id,)).run(session, Monitor())
    assert not Path(report.per_question).exists()
    assert ReadPerQuestion("base").run(session, Monitor()) == ()
    assert ReadReport("base").run(session, Monitor()) is not None
