"""Removing a document takes its words out of the reports too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import QuestionError
from engine.evaluation.job import Amend, Evaluate, ReadPerQuestion, ReadReport
from engine.jobs import Event, Monitor, Progress
from engine.session import Session
from engine.workspace.job import RemoveDocuments
from tests.engine.training.test_train_job import fill


def test_the_questions_of_a_report_go_with_a_document_and_the_scores_stay(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    asked = session.workspace.questions.list("test")[0]
    session.workspace.runs.add(replace(session.run("base"), id="other"))
    Amend(asked.id, pinned=True).run(session, Monitor())
    report = Evaluate("base", against="other").run(session, Monitor())
    assert report.pinned is not None
    assert ReadReport("base").run(session, Monitor()) == report
    assert Path(report.per_question).exists()
    (removed, *_) = session.workspace.documents.list()
    RemoveDocuments((removed.id,)).run(session, Monitor())
    assert not Path(report.per_question).exists()
    assert ReadPerQuestion("base").run(session, Monitor()) == ()
    scores = ReadReport("base").run(session, Monitor())
    assert scores is not None
    assert (scores.answers, scores.pinned) == (report.answers, None)
    assert all(one.by != "document" for one in scores.breakdowns)
    kept = "".join(row.json for row in session.workspace.runs.reports())
    assert asked.question not in kept
    assert removed.title not in kept
    assert session.workspace.answers.clear() == 0


@pytest.mark.parametrize("stage", ["Searching with run base", "Answering with run base", "Comparing"])
def test_a_report_of_a_document_that_is_removed_meanwhile_is_not_made(
    stage: str, session: Session, tmp_path: Path
) -> None:
    fill(session, tmp_path / "files")
    asked = session.workspace.questions.list("test")[0]
    Amend(asked.id, pinned=True).run(session, Monitor())

    def removing() -> Callable[[Event], None]:
        left = [asked.document_id]

        def hear(event: Event) -> None:
            if isinstance(event, Progress) and event.stage == stage and event.done == (event.total or 0) and left:
                RemoveDocuments((left.pop(),)).run(session, Monitor())

        return hear

    with pytest.raises(QuestionError, match="removed or changed"):
        Evaluate("base").run(session, Monitor(listen=removing()))
    assert session.workspace.runs.reports() == ()
    assert session.workspace.answers.clear() == 0
    assert not session.workspace.reports_folder.is_dir() or not list(session.workspace.reports_folder.iterdir())
