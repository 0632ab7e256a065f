"""Removing a document takes its words out of the reports too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from engine.errors import DocumentError
from engine.evaluation.job import Amend, Evaluate, ReadPerQuestion, ReadReport
from engine.jobs import Event, Monitor, Progress, Token
from engine.serving.job import AnswerQuestion
from engine.session import Session
from engine.workspace.documents import RemovalReport
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
def test_nothing_is_kept_of_a_document_removed_during_an_evaluation(
    stage: str, session: Session, tmp_path: Path
) -> None:
    fill(session, tmp_path / "files")
    document = session.workspace.questions.list("train")[0].document_id

    def remove(event: Event) -> None:
        if isinstance(event, Progress) and event.stage == stage:
            there = {one.id for one in session.workspace.documents.list()}
            RemoveDocuments(tuple(there & {document})).run(session, Monitor())

    with pytest.raises(DocumentError, match="The documents changed while questions were asked about them"):
        Evaluate("base", against=None).run(session, Monitor(listen=remove))
    assert session.workspace.runs.reports() == ()
    assert session.workspace.answers.clear() == 0
    assert Evaluate("base", against=None).run(session, Monitor()).questions > 0


def test_an_answer_from_a_document_removed_meanwhile_is_not_kept(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files")
    asked = session.workspace.questions.list("test")[0]

    def remove(event: Event) -> None:
        if isinstance(event, Token) and not removed:
            removed.append(RemoveDocuments((asked.document_id,)).run(session, Monitor()))

    removed: list[RemovalReport] = []
    answer = AnswerQuestion(asked.question, "base").run(session, Monitor(listen=remove))
    assert removed
    assert not answer.cached
    assert session.workspace.answers.clear() == 0
