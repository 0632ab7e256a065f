"""Cached answers live until the documents change."""

from __future__ import annotations

from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages


def test_an_answer_is_kept_until_the_documents_change(workspace: Workspace) -> None:
    leaflet = document("a")
    workspace.answers.put("key", "{}")
    workspace.answers.put("key", '{"answer": 1}')
    assert workspace.answers.get("key") == '{"answer": 1}'
    assert workspace.answers.get("other") is None
    workspace.documents.add(leaflet, passages(leaflet))
    assert workspace.answers.get("key") is None
    workspace.answers.put("key", "{}")
    assert workspace.answers.clear() == 1
    assert workspace.answers.get("key") is None


def test_what_was_begun_before_the_documents_changed_is_not_kept(workspace: Workspace) -> None:
    begun = workspace.answers.clearings()
    workspace.answers.put("key", "{}", since=begun)
    assert workspace.answers.get("key") == "{}"
    leaflet = document("a")
    workspace.documents.add(leaflet, passages(leaflet))
    workspace.answers.put("key", "{}", since=begun)
    assert workspace.answers.get("key") is None
    workspace.answers.put("key", "{}", since=workspace.answers.clearings())
    assert workspace.answers.get("key") == "{}"
