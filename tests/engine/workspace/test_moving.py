"""Documents that move take everything with them, also where they change places."""

from __future__ import annotations

import numpy as np

from engine.jobs import Monitor
from engine.retrieval.index import stored_vectors
from engine.workspace.moving import Move, move
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages, question


def test_documents_change_places_with_all_that_is_theirs(workspace: Workspace) -> None:
    one, other = document("a", "Aspirin thins the blood."), document("b", "Take it with water.")
    originals = {name: workspace.objects.publish(name.encode()) for name in "ab"}
    workspace.documents.add_many((leaflet, passages(leaflet), originals[leaflet.id]) for leaflet in (one, other))
    workspace.questions.add_many([question("q", "a:0", of="a")])
    workspace.selection.tag(["a"], add=["old"])
    workspace.vectors.add("one", ["a:0", "b:0"], np.array([[1, 2], [3, 4]], dtype=np.float32))
    version = workspace.index_version
    move(workspace, [Move("a", other.path, "b"), Move("b", one.path, "a", "Another title")])
    assert workspace.index_version > version
    rows = {row.id: row for row in workspace.documents.list()}
    assert (rows["b"].path, rows["b"].title, rows["b"].tags) == (other.path, one.title, ("old",))
    assert (rows["a"].path, rows["a"].title, rows["a"].tags) == (one.path, "Another title", ())
    assert {name: workspace.documents.get(name).text for name in "ab"} == {"a": other.text, "b": one.text}
    assert {name: workspace.documents.original(name) for name in "ab"} == {"a": originals["b"], "b": originals["a"]}
    (asked,) = workspace.questions.every()
    assert (asked.document_id, asked.evidence) == ("b", ("b:0",))
    ids, vectors = stored_vectors(workspace, "one")
    assert (ids, vectors.tolist()) == (["b:0"], [[1, 2]])
    (missing,) = workspace.vectors.missing("one")
    assert missing.indexed_text == "Another title. Use. Take it with water."
    assert [found.id for found, _ in workspace.documents.passages_with_phrase("another title", limit=9)] == ["a:0"]
    assert workspace.verify(Monitor(), deep=True).ok
