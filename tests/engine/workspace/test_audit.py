"""The audit grows with what is done and is never changed."""

from __future__ import annotations

import pytest
import sqlcipher3

from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages, run


def test_what_was_done_stands_in_the_audit(workspace: Workspace) -> None:
    leaflet = document("a")
    workspace.documents.add(leaflet, passages(leaflet))
    workspace.documents.remove(["a"])
    workspace.runs.add(run("r"))
    assert [(row.sequence, row.action, row.detail) for row in workspace.audit.list()] == [
        (1, "workspace created", ""),
        (2, "documents added", "1, 0 of them in place of older ones"),
        (3, "documents removed", "a"),
        (4, "run added", "r (all)"),
    ]
    assert workspace.audit.broken_at() is None


def test_what_was_undone_does_not_stand_in_the_audit(plain: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), plain.transaction():
        plain.audit.record("something")
        raise ZeroDivisionError
    plain.audit.record("something else")
    assert [row.action for row in plain.audit.list()] == ["workspace created", "something else"]
    assert plain.audit.broken_at() is None


@pytest.mark.parametrize("statement", ["DELETE FROM audit", "UPDATE audit SET detail = ''"])
def test_rows_are_neither_changed_nor_removed(plain: Workspace, statement: str) -> None:
    with pytest.raises(sqlcipher3.IntegrityError, match="append-only"):
        plain.connection().execute(statement)


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET time = 'earlier' WHERE sequence = 1", 1),
        ("DELETE FROM audit WHERE sequence = 2", 2),
        ("DELETE FROM audit WHERE sequence = 1", 1),
        ("UPDATE audit SET digest = '' WHERE sequence = 3", 3),
    ],
)
def test_tampering_behind_its_back_is_found(plain: Workspace, statement: str, broken_at: int) -> None:
    plain.audit.record("second")
    plain.audit.record("third")
    connection = plain.connection()
    connection.execute("DROP TRIGGER audit_is_never_changed")
    connection.execute("DROP TRIGGER audit_is_never_shortened")
    connection.execute(statement)
    assert plain.audit.broken_at() == broken_at
