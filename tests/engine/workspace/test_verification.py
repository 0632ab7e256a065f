"""Verification finds what is wrong and says it in sentences."""

from __future__ import annotations

import pytest

from engine.errors import DamagedError
from engine.jobs import Event, Monitor, Progress
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages, question
from tests.engine.workspace.test_objects import flip_a_bit, stored_files


def filled(workspace: Workspace) -> str:
    leaflet = document("a")
    original = workspace.objects.publish(b"original")
    workspace.documents.add(leaflet, passages(leaflet), original=original)
    workspace.questions.add_many([question("q", "a:0", of="a")])
    return original


def test_a_sound_workspace_has_no_problems(workspace: Workspace) -> None:
    filled(workspace)
    heard: list[Event] = []
    report = workspace.verify(Monitor(heard.append), deep=True)
    assert (report.ok, report.checked, report.problems) == (True, 8, ())
    assert isinstance(heard[-1], Progress)
    assert (heard[-1].stage, heard[-1].done, heard[-1].total) == ("Reading objects", 1, 1)


def test_a_flipped_bit_in_an_object_is_found_when_looking_deep(workspace: Workspace) -> None:
    digest = filled(workspace)
    flip_a_bit(stored_files(workspace)[0])
    assert workspace.verify(Monitor(), deep=False).ok
    report = workspace.verify(Monitor(), deep=True)
    assert not report.ok
    assert report.problems == (f"The object {digest[:12]} is damaged: its bytes are not those that were written.",)
    with pytest.raises(DamagedError):
        workspace.objects.read(digest)


def test_a_missing_object_is_found(workspace: Workspace) -> None:
    digest = filled(workspace)
    stored_files(workspace)[0].unlink()
    assert workspace.verify(Monitor(), deep=False).problems == (f"The object {digest[:12]} is missing.",)


def test_a_lexical_index_that_differs_from_the_passages_is_found(plain: Workspace) -> None:
    filled(plain)
    plain.connection().execute("UPDATE passages SET text = 'other words' WHERE id = 'a:0'")
    assert plain.verify(Monitor(), deep=False).problems == ("The lexical index does not agree with the passages.",)
    plain.connection().execute("INSERT INTO passages_fts (passages_fts) VALUES ('delete-all')")
    assert plain.verify(Monitor(), deep=False).problems == ("The lexical index holds 0 passages, the workspace 2.",)


def test_a_text_in_which_a_passage_is_not_where_it_should_be_is_found(plain: Workspace) -> None:
    filled(plain)
    plain.connection().execute("UPDATE documents SET text = replace(text, 'thins', 'thans')")
    assert plain.verify(Monitor(), deep=False).ok
    assert plain.verify(Monitor(), deep=True).problems == (
        "The text of the document a is damaged: a passage doesn't stand where it should.",
    )


def test_a_link_to_nothing_is_found(plain: Workspace) -> None:
    filled(plain)
    connection = plain.connection()
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute("INSERT INTO evidence VALUES (1, 7, 99)")
    assert plain.verify(Monitor(), deep=False).problems == ("A row of evidence points to passages that are not there.",)


def test_a_damaged_page_of_the_database_is_found_or_refused(workspace: Workspace, passphrase: str | None) -> None:
    large = document("large", "word " * 50_000)
    workspace.documents.add(large, [])
    workspace.close()
    database = workspace.path / "workspace.db"
    stored = bytearray(database.read_bytes())
    for place in range(4096, len(stored), 4096):  # the kind of every page but the first
        stored[place] ^= 0xFF
    database.write_bytes(stored)
    try:
        with Workspace.open(workspace.path, passphrase=passphrase) as opened:
            assert not opened.verify(Monitor(), deep=False).ok
    except DamagedError as error:
        assert error.hint


def test_an_altered_audit_is_found(plain: Workspace) -> None:
    filled(plain)
    connection = plain.connection()
    connection.execute("DROP TRIGGER audit_is_never_changed")
    connection.execute("UPDATE audit SET detail = 'nothing happened' WHERE sequence = 2")
    assert plain.verify(Monitor(), deep=False).problems == ("The audit was altered at row 2.",)
