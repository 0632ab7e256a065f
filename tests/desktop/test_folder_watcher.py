"""Watched folders in the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import QToolButton
from pytestqt.qtbot import QtBot

from desktop.folder_watcher import FolderWatcher
from desktop.job_queue import JobQueue
from desktop.widgets.watched_folders import WatchedFolders
from engine.workspace.job import KeepWatchedFolders
from tests.desktop.conftest import FakeClient


def test_a_changed_folder_wants_to_be_imported(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient, tmp_path: Path
) -> None:
    client.ends |= {"ReadWatchedFolders": (str(tmp_path),), "KeepWatchedFolders": ()}
    watcher = FolderWatcher(jobs)
    with qtbot.waitSignal(watcher.import_wanted, timeout=20_000) as first:  # what changed while it was closed
        watcher.start_over(tmp_path / "w")
    assert first.args == [(str(tmp_path),)]
    watcher.note_import_ended()
    with qtbot.waitSignal(watcher.import_wanted, timeout=20_000):
        (tmp_path / "new.txt").write_text("x", encoding="utf-8")
    watcher.remove(str(tmp_path))
    assert client.handed_of(KeepWatchedFolders) == [KeepWatchedFolders(())]
    watcher.stop()


def test_a_folder_that_is_gone_is_told(qtbot: QtBot, jobs: JobQueue, client: FakeClient, tmp_path: Path) -> None:
    watcher = FolderWatcher(jobs)
    with qtbot.waitSignal(watcher.failed) as told:
        watcher.add(str(tmp_path / "gone"))
    assert "can't be watched" in told.args[0].message
    assert watcher.folders == ()


def test_a_folder_that_is_away_is_kept_and_watched_once_it_is_back(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient, tmp_path: Path
) -> None:
    away, here = tmp_path / "away", tmp_path / "here"
    here.mkdir()
    client.ends |= {"ReadWatchedFolders": (str(away),), "KeepWatchedFolders": ()}
    watcher = FolderWatcher(jobs)
    with qtbot.waitSignal(watcher.folders_changed) as told:
        watcher.start_over(tmp_path / "w")
    assert told.args == [(str(away),), (str(away),)]
    watcher.add(str(here))
    assert client.handed_of(KeepWatchedFolders) == [KeepWatchedFolders((str(away), str(here)))]
    away.mkdir()
    with qtbot.waitSignal(watcher.folders_changed) as told:
        watcher.look_again()
    assert told.args == [(str(away), str(here)), ()]
    with qtbot.waitSignal(watcher.import_wanted, timeout=20_000) as wanted:
        pass
    assert set(wanted.args[0]) == {str(away), str(here)}
    watcher.stop()


def test_a_folder_that_goes_away_is_said_to_be_and_not_imported(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient, tmp_path: Path
) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    client.ends |= {"ReadWatchedFolders": (str(folder),), "KeepWatchedFolders": ()}
    watcher = FolderWatcher(jobs)
    with qtbot.waitSignal(watcher.import_wanted, timeout=20_000):
        watcher.start_over(tmp_path / "w")
    watcher.note_import_ended()
    wanted: list[object] = []
    watcher.import_wanted.connect(wanted.append)
    with qtbot.waitSignal(watcher.folders_changed, timeout=20_000) as told:
        folder.rmdir()
        watcher.look_again()
    assert told.args == [(str(folder),), (str(folder),)]
    assert not wanted
    folder.mkdir()
    with qtbot.waitSignal(watcher.import_wanted, timeout=20_000):
        watcher.look_again()
    watcher.stop()


def test_a_folder_that_is_away_can_be_dismissed(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient, tmp_path: Path
) -> None:
    client.ends |= {"ReadWatchedFolders": (str(tmp_path / "away"),), "KeepWatchedFolders": ()}
    watcher = FolderWatcher(jobs)
    with qtbot.waitSignal(watcher.folders_changed):
        watcher.start_over(tmp_path / "w")
    watcher.remove(str(tmp_path / "away"))
    assert client.handed_of(KeepWatchedFolders) == [KeepWatchedFolders(())]


def test_the_watched_folders_are_listed_and_can_be_dismissed(qtbot: QtBot, jobs: JobQueue) -> None:
    widget = WatchedFolders()
    qtbot.addWidget(widget)
    assert widget.lines == ["No folder is watched."]
    widget.show_folders(("/ward", "/law"), ("/law",))
    assert widget.lines == ["Watching /ward", "/law is not there: watched again when it is back"]
    with qtbot.waitSignal(widget.folder_dismissed) as dismissed:
        widget.findChild(QToolButton).click()
    assert dismissed.args == ["/ward"]
