"""The dense index: exact while small, in cells when large, and in step with what is stored."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import DamagedError
from engine.records import Document, Passage
from engine.retrieval.index import DenseIndex
from engine.workspace.workspace import Workspace
from tests.engine.workspace.conftest import passphrase, plain, quick_keys, workspace

__all__ = ["passphrase", "plain", "quick_keys", "workspace"]  # with and without encryption

DIMENSION = 16
LIMIT = 300  # the "many" of these tests


def store(workspace: Workspace, name: str, count: int) -> np.ndarray:
    """Store a document of `count` passages with random unit vectors, and return those."""
    vectors = np.random.default_rng(len(name) + count).standard_normal((count, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    passages = [Passage(f"{name}:{row}", name, name, f"text {row}", None, "", row, row + 1) for row in range(count)]
    workspace.documents.add(Document(name, name, f"/{name}", name, "txt", "x" * count), passages)
    workspace.vectors.add("e", [passage.id for passage in passages], vectors)
    return vectors


def made(workspace: Workspace) -> DenseIndex:
    index = DenseIndex(workspace.vectors, "e", DIMENSION, flat_max=LIMIT, cells=8)
    index.refresh()
    return index


def names(workspace: Workspace, numbers: np.ndarray) -> list[str]:
    known = workspace.documents.passage_ids(numbers.tolist())
    return [known[number] for number in numbers.tolist()]


@pytest.mark.parametrize(("count", "divided"), [(LIMIT, False), (LIMIT + 1, True)])
def test_a_vector_finds_itself_first(workspace: Workspace, count: int, divided: bool) -> None:
    vectors = store(workspace, "a", count)
    index = made(workspace)

    numbers, cosines = index.search(vectors[:50], top_k=3)

    assert (index.divided, len(index)) == (divided, count)
    assert names(workspace, numbers[:, 0]) == [f"a:{row}" for row in range(50)]
    assert cosines[:, 0] == pytest.approx(np.ones(50), abs=1e-5)
    assert (np.diff(cosines, axis=1) <= 0).all()


@pytest.mark.parametrize("count", [LIMIT - 100, LIMIT + 100])
def test_the_index_follows_what_is_added_and_removed(workspace: Workspace, count: int) -> None:
    store(workspace, "a", count)
    index = made(workspace)
    new = store(workspace, "b", 20)
    index.refresh()
    numbers, _ = index.search(new, top_k=1)
    assert names(workspace, numbers[:, 0]) == [f"b:{row}" for row in range(20)]

    workspace.documents.remove(["a"])
    index.refresh()
    assert len(index) == 20
    numbers, cosines = index.search(new, top_k=25)
    assert (numbers[:, 20:] == -1).all() and np.isneginf(cosines[:, 20:]).all()
    assert {name.split(":")[0] for name in names(workspace, numbers[0, :20])} == {"b"}


def test_growing_and_shrinking_changes_the_kind_of_index(plain: Workspace) -> None:
    store(plain, "a", 100)
    index = made(plain)
    kinds = [index.divided]
    store(plain, "b", 300)
    index.refresh()
    kinds.append(index.divided)
    plain.documents.remove(["b"])
    index.refresh()
    assert [*kinds, index.divided, len(index)] == [False, True, False, 100]


@pytest.mark.parametrize("count", [LIMIT, 2 * LIMIT])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_only_allowed_rows_are_found_and_the_best_of_them(plain: Workspace, count: int, share: float) -> None:
    vectors = store(plain, "a", count)
    index = made(plain)
    allowed = np.arange(1, int(count * share) + 1)  # row numbers in the order of import
    exact = np.argsort(-(vectors[:1] @ vectors[: len(allowed)].T)[0])[:5] + 1

    numbers, _ = index.search(vectors[:1], top_k=5, allowed=allowed)

    assert numbers[0].tolist() == exact.tolist()


def test_an_empty_index_finds_nothing(plain: Workspace) -> None:
    numbers, cosines = made(plain).search(np.ones((2, DIMENSION), dtype=np.float32), top_k=3)
    assert (numbers == -1).all() and np.isneginf(cosines).all()
    assert made(plain).known(np.array([1, 2])).tolist() == []


def test_a_vector_made_anew_takes_the_place_of_the_old(plain: Workspace) -> None:
    vectors = store(plain, "a", 3)
    index = made(plain)
    plain.vectors.add("e", ["a:1"], -vectors[1:2])
    index.refresh()

    numbers, cosines = index.search(-vectors[1:2], top_k=1)

    assert names(plain, numbers[0]) == ["a:1"] and cosines[0, 0] == pytest.approx(1.0)
    assert len(index) == 3 and index.vectors(numbers[0])[0] == pytest.approx(-vectors[1])


def test_what_was_removed_is_not_found_after_a_damaged_segment_either(plain: Workspace) -> None:
    removed = store(plain, "a", 30)
    store(plain, "b", 30)
    index = made(plain)
    plain.documents.remove(["a"])
    new = store(plain, "c", 5)
    row = plain.connection().execute("SELECT digest FROM segments ORDER BY rowid DESC LIMIT 1").fetchone()
    (plain.path / "objects" / row[0][:2] / row[0]).write_bytes(b"\0" * new.nbytes)
    with pytest.raises(DamagedError):
        index.refresh()
    index.refresh()
    numbers, _ = index.search(removed, top_k=30)
    assert set(names(plain, numbers.flatten())) == {f"b:{row}" for row in range(30)}
