"""The models page: lists, tries what was imported, shows licences, removes only what a person brought."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from desktop.pages.models import ModelsPage
from engine.errors import ModelError
from engine.models.job import ReadLicence, RemoveModel
from engine.records import ModelInfo
from engine.serving.trial import ImportModel, Trial
from engine.worker.ticket import Failed, Stopped
from tests.desktop.conftest import FakeClient

MODELS = (
    ModelInfo("flan-t5-small", "seq2seq", 77_000_000, "/m", "0", "Apache-2.0", "a package", True),
    ModelInfo("my-llama", "causal", 360_000_000, "/i", "1", "not stated", "imported from /home/me/my-llama", True),
)
TRIAL = Trial("my-llama", True, "the Mediterranean Sea", 2.5, "", 4 * 2**30, 9 * 2**30, 6 * 2**30)


def page_with(jobs: JobQueue, qtbot: QtBot) -> ModelsPage:
    page = ModelsPage(jobs)
    qtbot.addWidget(page)
    page.show_models(MODELS)
    return page


def button(page: ModelsPage, name: str) -> QAbstractButton:
    return next(one for one in page.findChildren(QAbstractButton) if one.accessibleName() == name)


def test_models_are_listed_with_their_need_of_memory(qtbot: QtBot, jobs: JobQueue) -> None:
    page = page_with(jobs, qtbot)
    shown = [page.table_model.columns[column].text(MODELS[0]) for column in range(6)]
    assert shown[:3] == ["flan-t5-small", "generator, reads and answers", "77 M"]
    assert shown[3].endswith("GiB") and shown[5] == "Apache-2.0"


def test_only_an_imported_model_can_be_removed(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = page_with(jobs, qtbot)
    remove = button(page, "Remove the selected model")
    assert not remove.isEnabled()
    page.table.selectRow(0)
    assert not remove.isEnabled()
    page.table.selectRow(1)
    assert remove.isEnabled()
    page.remove("my-llama")
    assert client.handed_of(RemoveModel) == [RemoveModel("my-llama")]


def test_what_was_seen_of_an_imported_folder_is_shown(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["ImportModel"] = TRIAL
    client.ends["ListModels"] = MODELS
    page = page_with(jobs, qtbot)
    with qtbot.waitSignal(page.models_changed):
        page.drop_area.paths_dropped.emit(("/home/me/my-llama",))
    qtbot.waitUntil(lambda: "the Mediterranean Sea" in page.detail.toPlainText())
    assert client.handed_of(ImportModel) == [ImportModel("/home/me/my-llama")]
    assert "4.0 GiB of memory to answer and 9.0 GiB to be trained; 6.0 GiB are free" in page.detail.toPlainText()


def test_a_trial_that_fails_or_is_stopped_is_not_said_to_go_on(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient
) -> None:
    page = page_with(jobs, qtbot)
    page.table.selectRow(1)
    for end in (Failed(ModelError("It is too large.", hint="Free memory.")), Stopped()):
        button(page, "Try the selected model").click()
        assert page.detail.toPlainText() == "Trying my-llama…"
        client.tickets["TryModel"].end(end)
        qtbot.waitUntil(lambda: page.detail.toPlainText() == "")
    assert page._notice.text == "It is too large. Free memory."


def test_a_licence_is_shown_as_text(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["ReadLicence"] = "<b>Apache</b> License"
    page = page_with(jobs, qtbot)
    page.table.selectRow(0)
    button(page, "Show the licence of the selected model").click()
    qtbot.waitUntil(lambda: page.detail.toPlainText() == "<b>Apache</b> License")
    assert client.handed_of(ReadLicence) == [ReadLicence("flan-t5-small")]
