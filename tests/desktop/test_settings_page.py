"""The settings page: what it says of the add-on, what it hands to the worker, and what a refusal leaves."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from desktop.pages.settings import SettingsPage
from engine.addon.job import AddonState, InstallAddon, RemoveAddon
from engine.errors import EngineError
from tests.desktop.conftest import FakeClient

NONE = AddonState(False, "", False, "No add-on is installed: the CPU is used.")
WORKS = AddonState(True, "2.13.0+cu130", True, "Imaginary H1 is used.")
TOO_OLD = AddonState(True, "2.13.0+cu130", False, "The driver is too old for it. The CPU is used.")


def page_with(state: AddonState, jobs: JobQueue, client: FakeClient, qtbot: QtBot) -> SettingsPage:
    client.ends["ReadAddon"] = state
    page = SettingsPage(jobs)
    qtbot.addWidget(page)
    page.show()
    page.start_over()
    qtbot.waitUntil(lambda: state.text in page.state.text())
    return page


def test_without_an_addon_there_is_nothing_to_remove(
    qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot
) -> None:
    page = page_with(NONE, jobs, client, qtbot)
    assert (page.choose.isEnabled(), page.remove.isEnabled()) == (True, False)


def test_an_addon_is_installed_from_a_folder_and_used_after_a_restart(
    qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot
) -> None:
    page = page_with(NONE, jobs, client, qtbot)
    client.ends["InstallAddon"] = WORKS
    page.install_from("/media/stick/cuda")
    qtbot.waitUntil(lambda: "Imaginary H1" in page.state.text())
    assert client.handed_of(InstallAddon) == [InstallAddon("/media/stick/cuda")]
    assert "started again" in page.notice.text
    assert page.remove.isEnabled()


def test_an_addon_that_does_not_fit_the_driver_says_so_and_promises_nothing(
    qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot
) -> None:
    page = page_with(NONE, jobs, client, qtbot)
    client.ends["InstallAddon"] = TOO_OLD
    page.install_from("/media/stick/cuda")
    qtbot.waitUntil(lambda: "too old" in page.state.text())
    assert not page.notice.isVisible()


def test_a_damaged_addon_is_a_sentence_and_leaves_what_was_there(
    qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot
) -> None:
    page = page_with(WORKS, jobs, client, qtbot)
    client.ends["InstallAddon"] = EngineError("a.whl is damaged.", hint="Get it again.")
    page.install_from("/media/stick/cuda")
    qtbot.waitUntil(lambda: "a.whl is damaged. Get it again." in page.notice.text)
    qtbot.waitUntil(lambda: "Imaginary H1" in page.state.text())


def test_it_is_removed_again(qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot) -> None:
    page = page_with(WORKS, jobs, client, qtbot)
    client.ends["RemoveAddon"] = NONE
    page.remove.click()
    qtbot.waitUntil(lambda: "No add-on" in page.state.text())
    assert client.handed_of(RemoveAddon) == [RemoveAddon()]
    assert not page.remove.isEnabled()
