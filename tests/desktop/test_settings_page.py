"""The settings page: what it says of the add-on, what it hands to the worker, and what a refusal leaves."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from desktop.pages.settings import SettingsPage
from engine.addon.job import AddonState, InstallAddon, ReadAddon, RemoveAddon
from engine.errors import EngineError
from engine.worker.ticket import Broken, Stopped
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
    client.ends |= {"InstallAddon": WORKS, "ReadAddon": WORKS}
    page.install_from("/media/stick/cuda")
    qtbot.waitUntil(lambda: "Imaginary H1" in page.state.text())
    assert client.handed_of(InstallAddon) == [InstallAddon("/media/stick/cuda")]
    assert "started again" in page.notice.text
    assert page.remove.isEnabled()


def test_an_addon_that_does_not_fit_the_driver_says_so_and_promises_nothing(
    qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot
) -> None:
    page = page_with(NONE, jobs, client, qtbot)
    client.ends |= {"InstallAddon": TOO_OLD, "ReadAddon": TOO_OLD}
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
    client.ends |= {"RemoveAddon": NONE, "ReadAddon": NONE}
    page.remove.click()
    qtbot.waitUntil(lambda: "No add-on" in page.state.text())
    assert client.handed_of(RemoveAddon) == [RemoveAddon()]
    assert not page.remove.isEnabled()


def test_a_cancelled_or_broken_installation_leaves_a_page_that_works(
    qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot
) -> None:
    page = page_with(WORKS, jobs, client, qtbot)
    for end in (Stopped(), Broken("Traceback")):
        page.install_from("/media/stick/cuda")
        assert (page.choose.isEnabled(), page.remove.isEnabled()) == (False, False)
        client.tickets["InstallAddon"].end(end)
        qtbot.waitUntil(lambda: "Imaginary H1" in page.state.text())
        assert (page.choose.isEnabled(), page.remove.isEnabled()) == (True, True)


def test_a_state_that_cannot_be_read_is_asked_for_once_and_the_addon_can_still_be_removed(
    qapp: QApplication, jobs: JobQueue, client: FakeClient, qtbot: QtBot
) -> None:
    client.ends["ReadAddon"] = EngineError("The engine's process ended.", hint="Start Vademecum again.")
    page = SettingsPage(jobs)
    qtbot.addWidget(page)
    page.show()
    page.start_over()
    qtbot.waitUntil(lambda: bool(page.notice.text) and page.remove.isEnabled())
    assert client.handed_of(ReadAddon) == [ReadAddon()]
    assert page.notice.text == "The engine's process ended. Start Vademecum again."
    assert page.choose.isEnabled()
