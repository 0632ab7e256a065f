"""Asking within some documents: the dialog, the line under the conversation, and the tags."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from desktop.models.check_list import CheckList, Entry
from desktop.pages.chat import ChatPage
from desktop.pages.documents import DocumentsPage
from desktop.widgets.scope_dialog import ScopeDialog
from desktop.widgets.tag_dialog import TagDialog
from engine.records import Answer
from engine.serving.job import AnswerQuestion
from engine.workspace.documents import DocumentRow
from engine.workspace.job import DocumentList, TagDocuments
from engine.workspace.scope import EVERYTHING, Scope
from tests.desktop.conftest import FakeClient


def row(name: str, path: str, kind: str = "pdf", tags: tuple[str, ...] = ()) -> DocumentRow:
    return DocumentRow(name, f"Title {name}", path, kind, 1, 1, "0", "", 9, tags=tags)


ROWS = (
    row("a", "/office/leases/a.pdf", tags=("old",)),
    row("b", "/office/leases/2026/b.pdf", tags=("old", "signed")),
    row("c", "/office/wills.jsonl#will/1", "record"),
)


def test_what_is_ticked_stays_ticked_while_the_filter_hides_it() -> None:
    model = CheckList([Entry("1", "Lease"), Entry("2", "Will", "/office/wills")], {"1", "gone"})
    model.filter("office WILL")
    assert [model.data(model.index(place)) for place in range(model.rowCount())] == ["Will"]
    model.setData(model.index(0), Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)
    model.filter("")
    assert model.ticked == ("1", "2")


def test_folders_are_offered_below_the_one_all_documents_share(qtbot: QtBot) -> None:
    dialog = ScopeDialog(None, ROWS, EVERYTHING)
    qtbot.addWidget(dialog)
    folders = dialog.folders
    shown = [folders.data(folders.index(place)) for place in range(folders.rowCount())]
    assert shown == ["office  (3)", "leases  (2)", "leases/2026  (1)"]
    folders.tick("/office/leases")
    dialog.tags.tick("signed")
    dialog.documents.tick("b")
    assert dialog.scope == Scope(("b",), ("/office/leases",), ("signed",))


def test_a_chosen_scope_is_shown_again_and_everywhere_undoes_it(qtbot: QtBot) -> None:
    scope = Scope(("a",), tags=("old",), since="2026-01-31")
    dialog = ScopeDialog(None, ROWS, scope)
    qtbot.addWidget(dialog)
    assert dialog.scope == scope
    dialog._look_everywhere()
    assert dialog.scope == EVERYTHING


def test_a_question_is_asked_within_what_was_chosen(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["ListDocuments"] = DocumentList(ROWS, ())
    page = ChatPage(jobs)
    qtbot.addWidget(page)
    page.scope._change.click()
    qtbot.waitUntil(lambda: page.findChild(ScopeDialog) is not None)
    dialog = page.findChild(ScopeDialog)
    assert dialog is not None
    dialog.documents.tick("b")
    dialog.accept()
    assert page.scope._told.text() == "document Title b"
    page.input.setPlainText("How long?")
    page.ask()
    assert client.handed_of(AnswerQuestion) == [AnswerQuestion("How long?", scope=Scope(("b",)))]
    assert "Looked for in: document Title b" in page.conversation.toPlainText()
    client.end("AnswerQuestion", Answer("How long?", "A year", False, 0.9, (), (), "base", False, {}))
    qtbot.waitUntil(lambda: not page.conversation.streams)
    page.start_over()  # another workspace has other documents
    assert page.scope.scope == EVERYTHING
    assert page.scope._told.text() == "all documents"


def test_a_new_conversation_looks_where_the_last_one_did(qtbot: QtBot, jobs: JobQueue) -> None:
    page = ChatPage(jobs)
    qtbot.addWidget(page)
    page.scope.choose(Scope(tags=("signed",)))
    page.manner.started_over.emit()
    assert page.scope.scope == Scope(tags=("signed",))


def test_tags_are_added_to_and_taken_from_all_selected_documents(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient
) -> None:
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    page.show_list(DocumentList(ROWS[:2], ()))
    page.table.selectAll()
    page._ask_for_tags()
    dialog = page.findChild(TagDialog)
    assert dialog is not None
    assert dialog.tags.text() == "old"
    dialog.tags.setText("new, , signed ")
    dialog.accept()
    assert client.handed_of(TagDocuments) == [TagDocuments(("a", "b"), add=("new", "signed"), remove=("old",))]


@pytest.mark.parametrize(
    ("written", "added", "removed"),
    [
        ("old, Station 7, station 7", ("Station 7",), ()),
        ("OLD, old, STATION 7, Station 7", ("STATION 7",), ()),
        ("Old", ("Old",), ("old",)),
    ],
)
def test_tags_that_differ_in_case_only_are_one(
    qtbot: QtBot, written: str, added: tuple[str, ...], removed: tuple[str, ...]
) -> None:
    dialog = TagDialog(None, ROWS[:2])
    qtbot.addWidget(dialog)
    dialog.tags.setText(written)
    assert (dialog.added, dialog.removed) == (added, removed)
