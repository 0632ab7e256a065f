"""The window as a whole: first start, opening, closing, bugs, and what it must not import."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialogButtonBox,
    QLabel,
    QMessageBox,
    QPushButton,
    QScrollArea,
)
from pytestqt.qtbot import QtBot

from desktop.app import Desk, _folder_of
from desktop.job_queue import JobQueue
from desktop.preferences import Preferences
from desktop.theme import apply_theme, icon
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.job_bar import JobBar
from desktop.widgets.workspace_dialogs import NewWorkspaceDialog, PassphraseDialog
from engine.errors import PassphraseError, WorkspaceError
from engine.evaluation.job import Amend
from engine.importing import ImportFiles, ImportReport
from engine.jobs import Progress
from engine.records import Amendment
from engine.retrieval.job import BuildIndex, IndexReport
from engine.training.job import EstimateTraining, Train
from engine.worker.protocol import Opened, Opening
from engine.worker.ticket import Broken
from engine.worker.warm_up import WarmUp
from engine.workspace.job import ListQuestions, Verify
from engine.workspace.scope import Scope
from tests.desktop.conftest import FakeClient
from tests.desktop.test_evaluation_page import REPORT

HEAVY = {
    "torch", "transformers", "faiss", "datasets", "evaluate", "ctranslate2", "tokenizers",
    "docx", "pypdfium2", "bs4", "lxml", "markdown_it",
}  # fmt: skip


def end_work(desk: Desk) -> None:
    """End what still runs, and let closing the window ask no one: a thread takes a moment to end."""
    desk.jobs.close()
    QApplication.processEvents()
    desk.window._has_running_work = lambda: False


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, client: FakeClient, tmp_path: Path) -> Iterator[Desk]:
    apply_theme(qapp)
    desk = Desk(Preferences(tmp_path / "window.ini"), client=client, data_path=tmp_path / "data")  # type: ignore[arg-type]
    qtbot.addWidget(desk.window, before_close_func=lambda _: end_work(desk))
    yield desk


def start(qtbot: QtBot, desk: Desk, workspace: Path | None, client: FakeClient) -> None:
    desk.start(workspace)
    qtbot.waitUntil(lambda: bool(client.opened))


@pytest.mark.parametrize(("width", "height"), [(1240, 700), (800, 600)])
def test_every_page_fits_a_small_screen(qtbot: QtBot, desk: Desk, client: FakeClient, width: int, height: int) -> None:
    start(qtbot, desk, Path("/ward"), client)
    desk.training.start_training(Train())
    client.tell("Train", Progress("Retrieving passages for the examples", 1, 2, 3700.0))
    bar = desk.window.findChild(JobBar)
    qtbot.waitUntil(lambda: bar.told == ("Retrieving passages for the examples 1 / 2", "about 1 h 2 min left"))
    desk.window.resize(width, height)
    for page in (desk.documents, desk.questions, desk.training, desk.evaluation, desk.chat, desk.models):
        desk.window._pages.setCurrentWidget(page)
        QApplication.processEvents()
        assert desk.window.size().toTuple() == (width, height)
        area = page.findChild(QScrollArea, options=Qt.FindChildOption.FindDirectChildrenOnly)
        assert area.horizontalScrollBar().maximum() == 0
        assert area.verticalScrollBar().maximum() == 0


def test_no_button_of_the_training_page_lies_under_its_list_on_a_small_screen(
    qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    start(qtbot, desk, Path("/ward"), client)
    desk.training.start_training(Train())
    desk.window.resize(800, 600)
    desk.window.show_page(desk.training)
    lower = desk.training.table.parentWidget()

    def covered() -> list[str]:
        buttons = [button for button in lower.findChildren(QAbstractButton) if button.isVisible() and button.text()]
        assert len(buttons) == 6
        below = desk.training.table.y()
        return [one.text() for one in buttons if one.mapTo(lower, QPoint(0, one.height())).y() > below]

    qtbot.waitUntil(lambda: not covered())


def test_an_evaluated_question_can_be_read_on_a_small_screen(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    start(qtbot, desk, Path("/ward"), client)
    desk.evaluation.show_report(REPORT)
    desk.window.resize(800, 600)
    desk.window.show_page(desk.evaluation)
    desk.evaluation.tabs.setCurrentWidget(desk.evaluation.questions)
    area = desk.evaluation.findChild(QScrollArea, options=Qt.FindChildOption.FindDirectChildrenOnly)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)  # rather than be squeezed
    desk.evaluation.show_report(None)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() == 0)


def test_the_chat_looks_no_longer_in_a_document_that_is_removed(desk: Desk) -> None:
    desk.chat.scope.choose(Scope(("d", "e")))
    desk.documents.documents_removed.emit(("d",))
    assert desk.chat.scope.scope == Scope(("e",))


def test_the_first_start_makes_the_sample_workspace(
    qtbot: QtBot, desk: Desk, client: FakeClient, tmp_path: Path
) -> None:
    client.ends |= {"ImportFiles": ImportReport(2, 0, 0, 9, 3, 0, 3, (), 1.0), "BuildIndex": IndexReport(9, 9, 1.0)}
    start(qtbot, desk, None, client)
    qtbot.waitUntil(lambda: bool(client.handed_of(BuildIndex)))
    assert client.opened == [Opening(str(tmp_path / "data" / "Sample workspace"), create=True, name="Sample workspace")]
    imported = [Path(path).name for path in client.handed_of(ImportFiles)[0].paths]
    assert imported == ["law", "medicine", "questions.jsonl"]
    qtbot.waitUntil(lambda: bool(client.handed_of(WarmUp)))


def test_the_workspace_opened_last_is_opened_again(
    qtbot: QtBot, desk: Desk, client: FakeClient, tmp_path: Path
) -> None:
    workspace = tmp_path / "ward"
    workspace.mkdir()
    (workspace / "workspace.json").write_text("{}", encoding="utf-8")
    Preferences(tmp_path / "window.ini").remember(workspace)
    start(qtbot, desk, None, client)
    qtbot.waitUntil(lambda: desk.window.windowTitle().startswith("Ward"))
    assert client.opened == [Opening(str(workspace))]


def test_what_is_given_on_the_command_line_may_be_the_workspaces_file_or_nothing_that_can_be(tmp_path: Path) -> None:
    (tmp_path / "workspace.json").write_text("{}", encoding="utf-8")
    impossible = Path("x" * 5000)  # as what may not be entered: OSError
    assert _folder_of(tmp_path / "workspace.json") == _folder_of(tmp_path) == tmp_path
    assert _folder_of(impossible) == impossible


def test_a_protected_workspace_asks_for_its_passphrase(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    client.ends["open"] = PassphraseError("A passphrase is needed.", hint="Type it.")
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitUntil(lambda: desk.window.findChild(PassphraseDialog) is not None)
    dialog = desk.window.findChild(PassphraseDialog)
    del client.ends["open"]
    dialog.passphrase.setText("correct horse")
    dialog.accept()
    qtbot.waitUntil(lambda: len(client.opened) == 2)
    assert client.opened[1] == Opening("/ward", "correct horse")


def test_what_must_not_be_made_without_a_passphrase_is_made_with_one(
    qtbot: QtBot, desk: Desk, client: FakeClient, tmp_path: Path
) -> None:
    client.ends["open"] = PassphraseError("On this machine every workspace needs a passphrase.", hint="Choose one.")
    start(qtbot, desk, None, client)
    qtbot.waitUntil(lambda: desk.window.findChild(NewWorkspaceDialog) is not None)
    dialog = desk.window.findChild(NewWorkspaceDialog)
    assert (dialog.protect.isChecked(), dialog.protect.isEnabled()) == (True, False)
    assert dialog.protect.text() == "On this machine every workspace needs a passphrase."
    del client.ends["open"]
    client.ends["ImportFiles"] = ImportReport(2, 0, 0, 9, 3, 0, 3, (), 1.0)
    dialog.passphrase.setText("correct horse")
    dialog.again.setText("correct horse")
    dialog.accept()
    qtbot.waitUntil(lambda: bool(client.handed_of(ImportFiles)))  # the sample's files, as without the rule
    sample = str(tmp_path / "data" / "Sample workspace")
    assert client.opened[1] == Opening(sample, "correct horse", create=True, name="Sample workspace")
    assert desk.window.findChild(PassphraseDialog) is None


def test_a_workspace_that_cannot_be_opened_says_why(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    client.ends["open"] = WorkspaceError("/ward is no workspace.", hint="Choose another folder.")
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitUntil(lambda: desk.window.findChild(QMessageBox) is not None)
    box = desk.window.findChild(QMessageBox)
    assert (box.text(), box.informativeText()) == ("/ward is no workspace.", "Choose another folder.")
    box.close()

    qtbot.waitUntil(desk.window.findChild(EmptyState, "no_workspace").isVisible)


def test_an_opening_that_fails_leaves_the_present_workspace_in_the_window(
    qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitUntil(lambda: desk.window.windowTitle().startswith("Ward"))
    client.ends["open"] = WorkspaceError("/law is no workspace.", hint="Choose another folder.")
    desk.opener.open_path(Path("/law"))
    qtbot.waitUntil(lambda: desk.window.findChild(QMessageBox) is not None)
    warmed = len(client.handed_of(WarmUp))
    client.reopen(desk.jobs, Opened("/ward", "w", "Ward", False))
    qtbot.waitUntil(lambda: len(client.handed_of(WarmUp)) > warmed)
    assert desk.window.windowTitle().startswith("Ward") and desk.documents.isVisible()
    desk.window.findChild(QMessageBox).close()


def test_a_workspace_that_is_lost_leaves_the_window(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitUntil(lambda: desk.window.windowTitle().startswith("Ward"))
    client.reopen(desk.jobs, WorkspaceError("/ward is no workspace.", hint="Choose another folder."))
    qtbot.waitUntil(lambda: desk.window.findChild(QMessageBox) is not None)
    box = desk.window.findChild(QMessageBox)
    assert box.text() == "/ward is no workspace."
    box.close()
    nothing = desk.window.findChild(EmptyState, "no_workspace")
    qtbot.waitUntil(nothing.isVisible)
    assert desk.window.windowTitle() == "Vademecum" and not desk.documents.isVisible()
    desk.opener.open_path(Path("/ward"))
    qtbot.waitUntil(desk.documents.isVisible)


def test_a_passphrase_that_is_not_given_leaves_no_workspace_open(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    client.ends["open"] = PassphraseError("A passphrase is needed.", hint="Type it.")
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitUntil(lambda: desk.window.findChild(PassphraseDialog) is not None)
    desk.window.findChild(PassphraseDialog).reject()
    qtbot.waitUntil(lambda: "no workspace open" in [label.text() for label in desk.window.findChildren(QLabel)])


def test_opening_another_workspace_asks_only_while_there_is_work_to_lose(
    qtbot: QtBot, desk: Desk, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(qtbot, desk, Path("/ward"), client)
    asked: list[object] = []
    monkeypatch.setattr(QMessageBox, "question", lambda *_: asked.append(_) or QMessageBox.StandardButton.No)
    with qtbot.waitSignal(desk.jobs.run(EstimateTraining(Train())).started):
        pass
    desk.opener.open_path(Path("/law"))
    assert not asked and client.opened[-1].path == "/law"
    desk.jobs.run(Train())
    desk.opener.open_path(Path("/court"))
    assert asked and client.opened[-1].path == "/law"


def test_a_question_amended_after_an_evaluation_is_listed_as_it_is_now(
    qtbot: QtBot, desk: Desk, client: FakeClient
) -> None:
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitUntil(lambda: bool(client.handed_of(ListQuestions)))
    read = len(client.handed_of(ListQuestions))
    client.ends["Amend"] = Amendment("q1", excluded=True)
    desk.evaluation.questions.amend_asked.emit(Amend("q1", excluded=True))
    qtbot.waitUntil(lambda: len(client.handed_of(ListQuestions)) == read + 1)


def test_removed_documents_end_the_reckoning_that_counted_them(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    start(qtbot, desk, Path("/ward"), client)
    desk.window.show_page(desk.training)
    qtbot.waitUntil(lambda: "EstimateTraining" in client.tickets)
    desk.documents.documents_removed.emit(("d",))
    assert client.tickets["EstimateTraining"].cancel_asked


def test_a_long_name_is_shortened_visibly_and_whole_in_its_tip(qtbot: QtBot, desk: Desk) -> None:
    name = "Matter Smith & Sons <2026> against the county council"
    desk.window.show_workspace(name, protected=True)
    shown = next(label for label in desk.window.findChildren(QLabel) if label.accessibleName() == "Open workspace")
    assert shown.text().startswith("Matter") and shown.text().endswith("…")
    assert "Smith &amp; Sons &lt;2026&gt; against the county council" in shown.toolTip()
    assert "Encrypted with your passphrase" in shown.toolTip()


def test_every_page_is_reached_by_its_number(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitExposed(desk.window)
    desk.window.activateWindow()
    pages = (desk.documents, desk.questions, desk.training, desk.evaluation, desk.chat, desk.models, desk.settings)
    for number, page in enumerate(pages, 1):
        qtbot.keyClick(desk.window, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier)
        qtbot.waitUntil(page.isVisible)


def test_closing_asks_while_work_runs(
    qtbot: QtBot, desk: Desk, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(qtbot, desk, Path("/ward"), client)
    desk.jobs.run(Train())
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.No)
    desk.window.close()
    assert desk.window.isVisible() and not client.closed
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    desk.window.close()
    assert client.closed and not desk.window.isVisible()


def test_watched_folders_are_imported_after_a_bug_in_an_import_too(
    qtbot: QtBot, desk: Desk, client: FakeClient, tmp_path: Path
) -> None:
    client.ends |= {"ReadWatchedFolders": (str(tmp_path),)}
    start(qtbot, desk, Path("/ward"), client)
    qtbot.waitUntil(lambda: len(client.handed_of(ImportFiles)) == 1, timeout=20_000)
    client.tickets["ImportFiles"].end(Broken("Traceback: it broke"))
    qtbot.waitUntil(lambda: desk.window.findChild(QMessageBox) is not None)
    desk.window.findChild(QMessageBox).close()
    (tmp_path / "new.txt").write_text("x", encoding="utf-8")
    qtbot.waitUntil(lambda: len(client.handed_of(ImportFiles)) == 2, timeout=20_000)
    desk.watcher.stop()


def test_a_bug_is_shown_with_its_log(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    start(qtbot, desk, Path("/ward"), client)
    desk.jobs.broke.emit("Traceback: it broke")
    box = desk.window.findChild(QMessageBox)
    assert box.detailedText() == "Traceback: it broke"
    desk.jobs.broke.emit("Traceback: and broke again")
    assert desk.window.findChildren(QMessageBox) == [box]  # not one box upon the other
    assert box.detailedText() == "Traceback: it broke\nTraceback: and broke again"
    box.close()


def test_the_job_bar_shows_the_first_heavy_job(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    start(qtbot, desk, Path("/ward"), client)
    bar = desk.window.findChild(JobBar)
    assert not bar.isVisible()
    desk.jobs.run(Train())
    client.tell("Train", Progress("Training the retriever", 30, 100, 3700.0))
    qtbot.waitUntil(lambda: bar.told == ("Training the retriever 30 / 100", "about 1 h 2 min left"))
    with qtbot.waitSignal(desk.jobs.heavy_ended):
        desk.jobs.cancel_heavy()
    assert not bar.isVisible()


def test_both_buttons_that_pause_say_the_same(qtbot: QtBot, desk: Desk, client: FakeClient) -> None:
    start(qtbot, desk, Path("/ward"), client)
    desk.training.start_training(Train())
    in_bar, in_form = (
        next(one for one in desk.window.findChildren(QPushButton) if one.accessibleName() == name)
        for name in ("Pause the running work", "Pause the training")
    )
    in_bar.click()
    assert (in_bar.text(), in_form.text(), desk.training.stage) == ("&Resume", "Resume", "Paused")
    in_form.click()
    assert (in_bar.text(), in_form.text(), desk.training.stage) == ("&Pause", "Pause", "Going on…")
    assert client.sent == ["pause", "resume"]
    in_form.click()
    desk.training._cancel_training()
    desk.jobs.run(Verify())
    qtbot.waitUntil(lambda: [type(thread.ticket.job) for thread in desk.jobs.heavy] == [Verify])
    assert in_bar.text() == "&Pause"
    assert in_bar.icon().cacheKey() == icon("pause").cacheKey()


def test_a_job_that_waits_paused_is_paused_when_its_turn_comes(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient
) -> None:
    bar = JobBar()
    qtbot.addWidget(bar)
    jobs.heavy_queued.connect(bar.add_job)
    jobs.heavy_ended.connect(bar.remove_job)
    first, second = jobs.run(Train()), jobs.run(Verify())
    second.pause()
    assert bar.told[0] == "Starting…"
    first.cancel()
    qtbot.waitUntil(lambda: bar.told[0] == "Paused")


def test_a_new_workspace_needs_a_name_and_two_equal_passphrases(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = NewWorkspaceDialog(None, folder=tmp_path)
    qtbot.addWidget(dialog)
    ok = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok)
    assert not ok.isEnabled()
    dialog.name.setText("Ward 3")
    assert ok.isEnabled() and dialog.chosen_passphrase is None
    dialog.protect.setChecked(True)
    dialog.passphrase.setText("correct horse")
    dialog.again.setText("correct house")
    assert not ok.isEnabled()
    dialog.again.setText("correct horse")
    assert ok.isEnabled() and dialog.chosen_passphrase == "correct horse"
    assert dialog.path == tmp_path / "Ward 3"


@pytest.mark.parametrize("name", ["...", "Ward 3.", "CON", "nul.txt", "a" * 300, "a/b"])
def test_a_name_that_no_folder_can_have_is_refused(qtbot: QtBot, tmp_path: Path, name: str) -> None:
    dialog = NewWorkspaceDialog(None, folder=tmp_path)
    qtbot.addWidget(dialog)
    dialog.name.setText("Ward 3")
    dialog.name.setText(name)
    assert not dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).isEnabled()


@pytest.mark.parametrize("folder", ["", "wards", "~nobody9/x"])
def test_a_folder_that_cannot_be_found_is_refused(qtbot: QtBot, tmp_path: Path, folder: str) -> None:
    dialog = NewWorkspaceDialog(None, folder=tmp_path)
    qtbot.addWidget(dialog)
    dialog.name.setText("Ward 3")
    dialog.folder.setText(folder)
    assert not dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok).isEnabled()


def test_preferences_hold_paths_and_no_more(tmp_path: Path) -> None:
    preferences = Preferences(tmp_path / "window.ini")
    for name in ("a ä", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "workspace.json").write_text("{}", encoding="utf-8")
        preferences.remember(tmp_path / name)
    preferences.remember(tmp_path / "a ä")
    assert preferences.recent == [tmp_path / "a ä", tmp_path / "b"]


def test_a_number_is_typed_as_all_are_written_whatever_the_systems_language() -> None:
    source = """
import desktop.app
from desktop.widgets.training_numbers import TrainingNumbers

def show(*_):
    numbers = TrainingNumbers()
    numbers._rate.lineEdit().setText("10.5 millionths")
    numbers._rate.interpretText()
    print(numbers._rate.value())
    raise SystemExit

desktop.app.Desk = show
desktop.app.main(["vademecum"])
"""
    german = {**os.environ, "LC_ALL": "de_DE.UTF-8", "QT_QPA_PLATFORM": "offscreen"}
    told = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, env=german)
    assert told.stdout.strip() == "10.5"


def test_the_window_imports_no_model_library_and_no_parser() -> None:
    source = f"""
import sys
import desktop.app
from desktop.app import Desk, _import_late
import desktop.importer, desktop.pages.chat, desktop.pages.documents, desktop.pages.evaluation
import desktop.pages.questions, desktop.pages.settings, desktop.pages.training
_import_late()
print(sorted({HEAVY!r} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
