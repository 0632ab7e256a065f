"""Vectors of passages: only live ones, only the newest, and none that was altered."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import DamagedError
from engine.jobs import Monitor
from engine.retrieval.index import stored_vectors
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages
from tests.engine.workspace.test_objects import flip_a_bit, stored_files


def with_passages(workspace: Workspace) -> Workspace:
    leaflet = document("a")
    workspace.documents.add(leaflet, passages(leaflet))
    return workspace


def test_vectors_come_back_as_they_were(workspace: Workspace) -> None:
    with_passages(workspace)
    assert [passage.id for passage in workspace.vectors.missing("one")] == ["a:0", "a:25"]
    workspace.vectors.add("one", ["a:25"], np.array([[1, 2]], dtype=np.float32))
    assert workspace.vectors.missing("one") == passages(document("a"))[:1]
    workspace.vectors.add("one", ["a:0"], np.array([[3, 4]], dtype=np.float64))
    ids, vectors = stored_vectors(workspace, "one")
    assert ids == ["a:25", "a:0"]
    assert vectors.dtype == np.float32
    assert vectors.tolist() == [[1, 2], [3, 4]]
    assert workspace.vectors.missing("one") == ()
    assert len(workspace.vectors.missing("other")) == 2


def test_no_vectors_are_an_empty_matrix(plain: Workspace) -> None:
    assert plain.vectors.segments("one") == ()
    assert plain.vectors.read(1) is None


def test_a_new_vector_takes_the_place_of_the_old(plain: Workspace) -> None:
    with_passages(plain)
    plain.vectors.add("one", ["a:0", "a:25"], np.array([[1], [2]], dtype=np.float32))
    plain.vectors.add("one", ["a:0"], np.array([[3]], dtype=np.float32))
    ids, vectors = stored_vectors(plain, "one")
    assert dict(zip(ids, vectors[:, 0].tolist(), strict=True)) == {"a:0": 3, "a:25": 2}


def test_vectors_of_passages_removed_meanwhile_are_left_out(plain: Workspace) -> None:
    with_passages(plain)
    plain.vectors.add("one", ["gone:0", "a:0"], np.array([[1], [2]], dtype=np.float32))
    ids, vectors = stored_vectors(plain, "one")
    assert ids == ["a:0"]
    assert vectors.tolist() == [[2]]
    assert stored_files(plain)[0].stat().st_size == 4
    plain.vectors.add("one", ["gone:0"], np.array([[1]], dtype=np.float32))


def test_vectors_of_another_number_are_a_mistake(plain: Workspace) -> None:
    with pytest.raises(ValueError, match="can't have vectors"):
        plain.vectors.add("one", ["a:0"], np.zeros((2, 3), dtype=np.float32))


def test_dropped_vectors_are_missing_again(plain: Workspace) -> None:
    with_passages(plain)
    plain.vectors.add("one", ["a:0", "a:25"], np.ones((2, 3), dtype=np.float32))
    plain.vectors.drop("one")
    assert len(plain.vectors.missing("one")) == 2
    assert stored_files(plain) == []


def test_altered_vectors_are_told_once_and_then_made_again(workspace: Workspace) -> None:
    with_passages(workspace)
    workspace.vectors.add("one", ["a:0", "a:25"], np.ones((2, 3), dtype=np.float32))
    flip_a_bit(stored_files(workspace)[0])
    with pytest.raises(DamagedError):
        stored_vectors(workspace, "one")
    assert len(workspace.vectors.missing("one")) == 2
    assert workspace.verify(Monitor(), deep=True).ok


def test_a_document_with_altered_vectors_can_be_removed(plain: Workspace) -> None:
    with_passages(plain)
    plain.vectors.add("one", ["a:0", "a:25"], np.ones((2, 3), dtype=np.float32))
    flip_a_bit(stored_files(plain)[0])
    assert plain.documents.remove(["a"]).passages == 2
    assert plain.verify(Monitor(), deep=True).ok
