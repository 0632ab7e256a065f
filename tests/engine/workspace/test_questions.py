"""Questions with their evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.errors import QuestionError
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages, question


def with_document(workspace: Workspace) -> Workspace:
    leaflet = document("a")
    workspace.documents.add(leaflet, passages(leaflet))
    return workspace


def test_questions_come_back_as_they_were(workspace: Workspace) -> None:
    with_document(workspace)
    asked = (
        question("q1", "a:25", "a:0", of="a"),
        replace(question("q2", split="test"), unanswerable=True, answers=()),
        question("q3", split="validation"),
    )
    workspace.questions.add_many(asked)
    assert workspace.questions.list() == asked
    assert workspace.questions.list("test") == asked[1:2]
    assert workspace.questions.get("q1") == asked[0]
    assert workspace.questions.counts() == {"train": 1, "validation": 1, "test": 1}
    assert workspace.questions.with_evidence_count() == 1
    assert workspace.questions.ids() == {"q1", "q2", "q3"}


def test_a_question_of_the_same_id_is_replaced_in_its_place(plain: Workspace) -> None:
    with_document(plain)
    plain.questions.add_many([question("q1", "a:0"), question("q2")])
    plain.questions.add_many([question("q1", "a:25", split="test")])
    assert plain.questions.list() == (question("q1", "a:25", split="test"), question("q2"))


def test_evidence_that_is_not_there_refuses_all(plain: Workspace) -> None:
    with_document(plain)
    with pytest.raises(QuestionError, match="evidence b:0 of question q2") as caught:
        plain.questions.add_many([question("q1", "a:0"), question("q2", "b:0")])
    assert caught.value.hint
    assert plain.questions.ids() == set()


def test_removed_questions_are_gone_with_their_links(plain: Workspace) -> None:
    with_document(plain)
    plain.questions.add_many([question("q1", "a:0"), question("q2", "a:0")])
    assert plain.questions.remove(["q1", "q9"]) == 1
    assert plain.questions.ids() == {"q2"}
    assert plain.questions.with_evidence_count() == 1
    with pytest.raises(QuestionError, match="no question q1"):
        plain.questions.get("q1")


def test_an_empty_workspace_has_empty_splits(plain: Workspace) -> None:
    plain.questions.add_many([])
    assert plain.questions.list() == ()
    assert plain.questions.counts() == {"train": 0, "validation": 0, "test": 0}
