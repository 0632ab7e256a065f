"""Documents: imported once, replaced as a whole, and gone with everything that came from them."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import DamagedError, DocumentError
from engine.jobs import Monitor, Skipped
from engine.records import Document, Passage
from engine.retrieval.index import stored_vectors
from engine.workspace.documents import DocumentRow, RemovalReport
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages, question, run


def matches(workspace: Workspace, expression: str) -> list[str]:
    rows = (
        workspace.connection()
        .execute(
            "SELECT passages.id FROM passages_fts JOIN passages ON passages.rowid = passages_fts.rowid "
            "WHERE passages_fts MATCH ? ORDER BY bm25(passages_fts)",
            (expression,),
        )
        .fetchall()
    )
    return [row[0] for row in rows]


def test_a_document_comes_back_as_it_was(workspace: Workspace) -> None:
    leaflet = document("a")
    workspace.documents.add(leaflet, passages(leaflet))
    assert workspace.documents.get("a") == leaflet
    assert workspace.documents.find(path=leaflet.path) == leaflet
    assert workspace.documents.find(digest=leaflet.digest) == leaflet
    assert workspace.documents.find(digest=leaflet.digest, path="/elsewhere") is None
    assert workspace.documents.passages("a") == passages(leaflet)
    assert workspace.documents.passages() == passages(leaflet)
    assert workspace.documents.passages_by_id(["a:0", "b:0"]) == {"a:0": passages(leaflet)[0]}
    assert workspace.documents.passage_count() == 2
    assert workspace.documents.ids_by_digest() == {leaflet.digest: "a"}
    assert workspace.documents.paths() == {leaflet.path: ("a", leaflet.digest)}
    assert workspace.documents.list() == (
        DocumentRow("a", "Title of a", leaflet.path, "txt", 2, 2, leaflet.digest, "leaflets", len(leaflet.text)),
    )


def test_passages_are_found_by_text_title_and_section(workspace: Workspace) -> None:
    leaflet = document("a")
    workspace.documents.add(leaflet, passages(leaflet))
    assert matches(workspace, "thinning") == ["a:0"]
    assert sorted(matches(workspace, "title")) == ["a:0", "a:25"]
    indexed = [
        row[0] for row in workspace.connection().execute("SELECT text FROM passages_fts ORDER BY rowid").fetchall()
    ]
    assert indexed == [passage.indexed_text for passage in passages(leaflet)]


def test_the_same_content_at_the_same_path_changes_nothing(plain: Workspace) -> None:
    leaflet = document("a")
    plain.documents.add(leaflet, passages(leaflet))
    plain.answers.put("key", "{}")
    plain.documents.add(replace(leaflet, id="other"), [])
    assert plain.documents.passages() == passages(leaflet)
    assert plain.index_version == 1
    assert plain.answers.get("key") == "{}"


def test_new_content_at_the_same_path_replaces_the_document(workspace: Workspace) -> None:
    old = document("a")
    new = document("b", "Aspirin thins the blood. Take it with milk.", path=old.path)
    original = workspace.objects.publish(b"old")
    workspace.documents.add(old, passages(old), original=original)
    workspace.vectors.add("encoder", ["a:0", "a:25"], np.ones((2, 3), dtype=np.float32))
    workspace.questions.add_many([question("q", "a:25", "a:0", of="a"), replace(question("r", of="a"), group="a")])
    workspace.answers.put("key", "{}")
    workspace.documents.add(new, passages(new))
    assert [row.id for row in workspace.documents.list()] == ["b"]
    assert matches(workspace, "water") == []
    assert matches(workspace, "milk") == ["b:25"]
    assert [passage.id for passage in workspace.vectors.missing("encoder")] == ["b:0", "b:25"]
    moved = workspace.questions.get("q")
    assert (moved.document_id, moved.evidence) == ("b", ("b:0",))  # the passage whose text is still there
    assert [asked.group for asked in workspace.questions.every()] == ["g", "b"]  # else it would be split anew
    assert workspace.answers.get("key") is None
    assert workspace.index_version == 2
    with pytest.raises(DamagedError):
        workspace.objects.read(original)
    assert workspace.verify(Monitor(), deep=True).problems == ()


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_what_reports_quote_goes_with_a_document_and_not_before_that_is_certain(
    plain: Workspace, *, replaced: bool
) -> None:
    old = document("a")
    plain.documents.add(old, passages(old))
    plain.runs.save_report("base", "test", "{}")
    plain.runs.save_report("base", "test/questions", "[]")
    quotes = plain.reports_folder / "base-test.jsonl"
    plain.reports_folder.mkdir()
    quotes.write_text("Aspirin thins the blood.", encoding="utf-8")
    plain.documents.add(document("b"), [])
    assert quotes.exists()
    with pytest.raises(KeyError), plain.transaction():
        plain.documents.remove(["a"])
        raise KeyError
    assert quotes.exists()
    if replaced:
        plain.documents.add(document("a", "Only this."), [])
    else:
        plain.documents.remove(["a"])
    assert not quotes.exists()
    assert [report.split for report in plain.runs.reports()] == ["test"]


def test_a_record_keeps_its_id_when_its_text_changes(plain: Workspace) -> None:
    old = document("a")
    new = document("a", "Only this.")
    plain.documents.add(old, passages(old))
    plain.documents.add(new, passages(new))
    assert plain.documents.passages() == passages(new)


def test_an_id_of_another_path_is_refused_and_nothing_is_imported(plain: Workspace) -> None:
    first = document("a")
    plain.documents.add(first, passages(first))
    stranger = replace(document("a", "Else."), path="/elsewhere.txt")
    with pytest.raises(DocumentError, match="would take the id a") as caught:
        plain.documents.add_many([(document("b"), [], ""), (stranger, [], "")])
    assert caught.value.hint
    assert [row.id for row in plain.documents.list()] == ["a"]


def test_a_removed_document_takes_everything_derived_with_it(workspace: Workspace) -> None:
    gone, kept = document("a"), document("b", "Ibuprofen stops pain. Take it with food.")
    original = workspace.objects.publish(b"original of a")
    workspace.documents.add_many([(gone, passages(gone), original), (kept, passages(kept), "")])
    workspace.vectors.add("encoder", ["a:0", "b:0", "a:25", "b:22"], np.eye(4, dtype=np.float32))
    workspace.questions.add_many([question("q1", "a:0", of="a"), question("q2", "b:0", "a:25", of="b")])
    workspace.runs.add(run("r1"))
    workspace.runs.learned_from("r1", ["a", "b"])
    workspace.runs.add(run("r2"))
    workspace.runs.learned_from("r2", ["b"])
    workspace.answers.put("key", "{}")
    report = workspace.documents.remove(["a", "a"])
    assert report == RemovalReport(
        documents=1, passages=2, questions=1, cached_answers=1, runs_that_learned_from_it=("r1",)
    )
    assert [row.id for row in workspace.documents.list()] == ["b"]
    assert matches(workspace, "aspirin") == []
    assert workspace.questions.ids() == {"q2"}
    assert workspace.questions.get("q2").evidence == ("b:0",)
    ids, vectors = stored_vectors(workspace, "encoder")
    assert ids == ["b:0", "b:22"]
    assert vectors.tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]
    assert workspace.index_version == 2
    with pytest.raises(DamagedError):
        workspace.objects.read(original)
    with pytest.raises(DocumentError, match="no document a"):
        workspace.documents.get("a")
    assert workspace.documents.remove(["b"]).runs_that_learned_from_it == ("r1", "r2")
    assert workspace.verify(Monitor(), deep=True).problems == ()


def test_removing_what_is_not_there_removes_nothing(plain: Workspace) -> None:
    leaflet = document("a")
    plain.documents.add(leaflet, passages(leaflet))
    with pytest.raises(DocumentError, match="no document b") as caught:
        plain.documents.remove(["a", "b"])
    assert caught.value.hint
    assert plain.documents.get("a") == leaflet
    assert plain.documents.remove([]) == RemovalReport(0, 0, 0, 0, ())
    assert plain.index_version == 1


def test_the_original_of_a_document_is_kept(workspace: Workspace) -> None:
    leaflet = document("a")
    original = workspace.objects.publish(b"original")
    workspace.documents.add(leaflet, passages(leaflet), original=original)
    workspace.objects.sweep()
    assert workspace.objects.read(workspace.documents.original("a")) == b"original"
    assert workspace.documents.original("b") == ""


def test_a_skipped_file_stands_in_the_list_until_it_is_imported(plain: Workspace) -> None:
    leaflet = document("a")
    plain.documents.note_skipped(Skipped(leaflet.path, "It is broken."))
    plain.documents.note_skipped(Skipped(leaflet.path, "It is empty."))
    plain.documents.note_skipped(Skipped("/files/z.pdf", "It is a scan."))
    assert plain.documents.skipped() == (
        Skipped(leaflet.path, "It is empty."),
        Skipped("/files/z.pdf", "It is a scan."),
    )
    plain.documents.add(leaflet, passages(leaflet))
    plain.documents.clear_skipped("/files/z.pdf")
    assert plain.documents.skipped() == ()


def test_a_corpus_is_added_fast(workspace: Workspace) -> None:
    items: list[tuple[Document, list[Passage], str]] = []
    for number in range(2444):
        text = " ".join(f"word{(number * 7 + place) % 5000}" for place in range(80))
        of = replace(document(f"d{number}", text), page_starts=(), headings=())
        cut = [Passage(f"d{number}:{start}", of.id, of.title, text, None, "", start, len(text)) for start in (0, 1)]
        items.append((of, cut, ""))
    started = time.perf_counter()
    workspace.documents.add_many(items)
    assert time.perf_counter() - started < 5  # measured: 0.4 s
    assert workspace.documents.passage_count() == 4888
    assert len(workspace.documents.passages_by_id([passage.id for _, cut, _ in items for passage in cut])) == 4888
