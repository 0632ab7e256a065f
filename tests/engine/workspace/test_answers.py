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
