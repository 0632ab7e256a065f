"""Installing without an administrator: what is put where, updates with a way back, and what removing leaves alone."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from desktop.installation.entries import desktop_entry
from desktop.installation.page import InstallPage
from desktop.installation.placing import BILL, Choices, InstallError, install, rollback, uninstall
from desktop.selftest import report

NAMES = ("plain", "with space", "Größe ä", "中文 文件夹", "l" * 150, 'quote " $HOME `x` 100%')


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    return home


def package(folder: Path, version: str) -> Path:
    """A stand-in for the frozen program: the files an installation touches."""
    icons = folder / "_internal" / "resources" / "icons"
    icons.mkdir(parents=True)
    (icons / "vademecum.svg").write_text("<svg/>", encoding="utf-8")
    bill = {"metadata": {"component": {"name": "vademecum", "version": version}}}
    (folder / BILL).write_text(json.dumps(bill), encoding="utf-8")
    for name in ("vademecum", "vademecum-engine"):
        (folder / name).write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def said(program: Path) -> str:
    return subprocess.run([program / "vademecum"], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("name", NAMES)
def test_the_program_goes_where_it_is_asked_whatever_the_folder_is_called(
    tmp_path: Path, home: Path, name: str
) -> None:
    program = install(package(tmp_path / "source", "1"), Choices(tmp_path / name), home=home)
    assert program == tmp_path / name / "program"
    assert said(program) == "1"
    assert (home / ".local/bin/vademecum").resolve() == program / "vademecum"
    assert (home / ".local/share/applications/vademecum.desktop").is_file()
    assert "workspace.json" in (home / ".local/share/mime/packages/vademecum.xml").read_text("utf-8")


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="apt-get install desktop-file-utils")
def test_the_menu_entry_is_valid(tmp_path: Path) -> None:
    entry = tmp_path / "vademecum.desktop"
    entry.write_text(desktop_entry(Path("/opt/vademecum 中/program")), encoding="utf-8")
    assert subprocess.run(["desktop-file-validate", entry], capture_output=True, check=False).stdout == b""


def test_the_menu_entry_quotes_the_command() -> None:
    assert 'Exec="/o p\\\\\\\\t/100%%/vademecum" %f' in desktop_entry(Path("/o p\\t/100%"))


def test_shortcuts_and_association_can_be_left_out(tmp_path: Path, home: Path) -> None:
    install(package(tmp_path / "source", "1"), Choices(tmp_path / "p", shortcuts=False, association=False), home=home)
    assert list(home.rglob("*")) == []


def test_a_workspace_opens_without_an_entry_in_the_menu(tmp_path: Path, home: Path) -> None:
    program = install(package(tmp_path / "source", "1"), Choices(tmp_path / "p", shortcuts=False), home=home)
    entry = (home / ".local/share/applications/vademecum.desktop").read_text("utf-8").splitlines()
    assert {"NoDisplay=true", f'Exec="{program}/vademecum" %f', "MimeType=application/x-vademecum-workspace;"} <= {
        *entry
    }
    assert not (home / ".local/bin").exists()


def test_an_update_keeps_the_version_before_and_rollback_swaps_them(tmp_path: Path, home: Path) -> None:
    choices = Choices(tmp_path / "p")
    for version in ("1", "2", "3"):
        install(package(tmp_path / version, version), choices, home=home)
    assert said(tmp_path / "p" / "program") == "3"
    assert said(rollback(tmp_path / "p")) == "2"
    assert said(rollback(tmp_path / "p")) == "3"
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["previous", "program"]


def test_the_same_version_again_keeps_the_version_before(tmp_path: Path, home: Path) -> None:
    for number, version in enumerate(("1", "2", "2")):
        install(package(tmp_path / str(number), version), Choices(tmp_path / "p"), home=home)
    assert said(rollback(tmp_path / "p")) == "1"
    assert sorted(path.name for path in (tmp_path / "p").iterdir()) == ["previous", "program"]


def test_an_older_version_is_no_update(tmp_path: Path, home: Path) -> None:
    install(package(tmp_path / "new", "0.10.0"), Choices(tmp_path / "p"), home=home)
    with pytest.raises(InstallError, match=r"0\.9\.0 is older than 0\.10\.0, which is in use") as refused:
        install(package(tmp_path / "old", "0.9.0"), Choices(tmp_path / "p"), home=home)
    assert "--rollback" in refused.value.hint
    assert said(tmp_path / "p" / "program") == "0.10.0"


def test_without_a_version_before_there_is_nothing_to_go_back_to(tmp_path: Path, home: Path) -> None:
    install(package(tmp_path / "source", "1"), Choices(tmp_path / "p"), home=home)
    with pytest.raises(InstallError, match="no version before"):
        rollback(tmp_path / "p")


def test_an_update_that_fails_leaves_the_version_in_use(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(package(tmp_path / "1", "1"), Choices(tmp_path / "p"), home=home)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copytree", full)
    with pytest.raises(InstallError, match=r"can't be put into .*: No space left on device") as refused:
        install(package(tmp_path / "2", "2"), Choices(tmp_path / "p"), home=home)
    assert "Make room" in refused.value.hint
    assert said(tmp_path / "p" / "program") == "1"
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["program"]


def test_the_first_file_that_can_not_be_written_ends_it_with_the_reason(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    def full(file: str, to: str) -> None:
        written.append(to)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(InstallError, match=r"can't be put into .*: No space left on device"):
        install(package(tmp_path / "source", "1"), Choices(tmp_path / "p"), home=home)
    assert len(written) == 1


@pytest.mark.parametrize("act", ["install", "rollback"])
def test_where_the_new_version_can_not_take_its_place_the_one_in_use_is_back(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    folder = tmp_path / "p"
    for version in ("1", "2"):
        install(package(tmp_path / version, version), Choices(folder), home=home)
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if target.name == "program" and self.name != ".incoming-aside":
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, target)

    with monkeypatch.context() as patch, pytest.raises(InstallError, match="Input/output error"):
        patch.setattr(Path, "rename", fail)
        if act == "rollback":
            rollback(folder)
        else:
            install(package(tmp_path / "3", "3"), Choices(folder), home=home)
    assert sorted(path.name for path in folder.iterdir()) == ["previous", "program"]
    assert said(folder / "program") == "2"
    assert said(rollback(folder)) == "1"


@pytest.mark.parametrize("crashed", ["program", "previous"], ids=["after one rename", "after two"])
def test_a_crash_while_versions_change_places_is_put_right(tmp_path: Path, home: Path, crashed: str) -> None:
    folder = tmp_path / "p"
    for version in ("1", "2"):
        install(package(tmp_path / version, version), Choices(folder), home=home)
    (folder / crashed).rename(folder / ".incoming-aside")
    assert said(rollback(folder)) == "1"
    assert said(rollback(folder)) == "2"
    assert sorted(path.name for path in folder.iterdir()) == ["previous", "program"]


def test_a_crash_before_the_version_in_use_is_kept_does_not_lose_it(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "p"
    for version in ("1", "2"):
        install(package(tmp_path / version, version), Choices(folder), home=home)
    (folder / "program").rename(folder / ".incoming-aside")
    package(folder / "program", "3")
    assert said(rollback(folder)) == "2"
    assert said(rollback(folder)) == "3"


def test_what_a_killed_installation_left_is_swept_but_not_what_is_being_made(tmp_path: Path, home: Path) -> None:
    folder = tmp_path / "p"
    ended = subprocess.Popen(["true"])
    ended.wait()
    for process in (ended.pid, os.getppid()):
        (folder / f".incoming-{process}-abc" / "half").mkdir(parents=True)
    install(package(tmp_path / "source", "1"), Choices(folder), home=home)
    assert sorted(path.name for path in folder.iterdir()) == [f".incoming-{os.getppid()}-abc", "program"]


def test_entries_that_fail_do_not_hide_that_the_program_is_installed(tmp_path: Path, home: Path) -> None:
    (home / ".local").write_text("", encoding="utf-8")
    with pytest.raises(InstallError, match=r"is installed in .*/program, but its entries .* can't be made"):
        install(package(tmp_path / "source", "1"), Choices(tmp_path / "p"), home=home)
    assert said(tmp_path / "p" / "program") == "1"


def test_a_temporary_copy_is_linked_and_may_go(tmp_path: Path, home: Path) -> None:
    source = package(tmp_path / "source", "1")
    program = install(source, Choices(tmp_path / "p"), home=home, linked=True)
    assert (program / "vademecum").samefile(source / "vademecum")
    shutil.rmtree(source)
    assert said(program) == "1"


def test_a_file_system_without_links_gets_copies(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = package(tmp_path / "source", "1")
    (source / "_internal" / "libx.so").symlink_to("resources/icons/vademecum.svg")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "symlink", refuse)
    program = install(source, Choices(tmp_path / "p", shortcuts=False), home=home, linked=True)
    assert not (program / "vademecum").samefile(source / "vademecum")
    assert (program / "_internal" / "libx.so").read_text("utf-8") == "<svg/>"
    assert not (program / "_internal" / "libx.so").is_symlink()


def test_a_folder_with_other_files_is_refused(tmp_path: Path, home: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine", encoding="utf-8")
    with pytest.raises(InstallError, match="holds other files"):
        install(package(tmp_path / "source", "1"), Choices(tmp_path), home=home)


def test_a_folder_inside_what_is_installed_is_refused(tmp_path: Path, home: Path) -> None:
    source = package(tmp_path / "source", "1")
    with pytest.raises(InstallError, match="lies inside what is to be installed"):
        install(source, Choices(source / "inside"), home=home)
    assert not (source / "inside").exists()


def test_uninstalling_takes_the_program_and_leaves_everything_of_the_person(tmp_path: Path, home: Path) -> None:
    own = home / ".local/share/vademecum/Ward/workspace.json"
    own.parent.mkdir(parents=True)
    own.write_text("{}", encoding="utf-8")
    install(package(tmp_path / "source", "1"), Choices(tmp_path / "p"), home=home)
    uninstall(tmp_path / "p", home=home)
    assert not (tmp_path / "p").exists()
    assert [path for path in home.rglob("*vademecum*") if not path.is_dir()] == []
    assert own.is_file()


def test_a_folder_that_is_not_the_programs_is_neither_removed_nor_installed_into(tmp_path: Path, home: Path) -> None:
    own = tmp_path / "work" / "program" / "thesis.docx"
    own.parent.mkdir(parents=True)
    own.write_text("mine", encoding="utf-8")
    with pytest.raises(InstallError, match="/program does not hold Vademecum"):
        uninstall(tmp_path / "work", home=home)
    with pytest.raises(InstallError, match="holds other files: program"):
        install(package(tmp_path / "source", "1"), Choices(tmp_path / "work"), home=home)
    assert own.read_text("utf-8") == "mine"


def test_with_a_folder_of_the_persons_own_called_previous_nothing_is_removed(tmp_path: Path, home: Path) -> None:
    program = install(package(tmp_path / "source", "1"), Choices(tmp_path / "p"), home=home)
    own = tmp_path / "p" / "previous" / "thesis.docx"
    own.parent.mkdir()
    own.write_text("mine", encoding="utf-8")
    with pytest.raises(InstallError, match="/previous does not hold Vademecum"):
        uninstall(tmp_path / "p", home=home)
    assert own.read_text("utf-8") == "mine"
    assert said(program) == "1"


def test_where_there_is_no_program_none_is_said_to_be_removed(tmp_path: Path, home: Path) -> None:
    with pytest.raises(InstallError, match="There is no Vademecum in"):
        uninstall(tmp_path, home=home)


def test_removing_one_of_two_leaves_the_entries_of_the_other(tmp_path: Path, home: Path) -> None:
    for name in ("one", "two"):
        install(package(tmp_path / f"source {name}", "1"), Choices(tmp_path / name), home=home)
    before = sorted(home.rglob("*"))
    uninstall(tmp_path / "one", home=home)
    assert sorted(home.rglob("*")) == before
    uninstall(tmp_path / "two", home=home)
    assert [path for path in home.rglob("*vademecum*") if not path.is_dir()] == []


def test_entries_are_found_again_where_the_folder_was_named_through_a_link(tmp_path: Path, home: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    install(package(tmp_path / "source", "1"), Choices(tmp_path / "link" / "p"), home=home)
    uninstall(tmp_path / "real" / "p", home=home)  # as the running program knows itself
    assert [path for path in home.rglob("*vademecum*") if path.is_symlink() or path.is_file()] == []


def test_a_command_of_the_persons_own_is_not_replaced(tmp_path: Path, home: Path) -> None:
    own = home / ".local/bin/vademecum"
    own.parent.mkdir(parents=True)
    own.write_text("mine", encoding="utf-8")
    install(package(tmp_path / "source", "1"), Choices(tmp_path / "p"), home=home)
    uninstall(tmp_path / "p", home=home)
    assert own.read_text("utf-8") == "mine"


def test_the_page_installs_and_says_where(
    qtbot: QtBot, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    page = InstallPage(package(tmp_path / "source", "1"))
    qtbot.addWidget(page)
    page.folder.setText(str(tmp_path / "p"))
    page.show()
    page.go.click()
    qtbot.waitUntil(lambda: page.program is not None)
    assert str(tmp_path / "p" / "program") in page.message.text()
    assert "from the menu" in page.message.text()
    assert said(tmp_path / "p" / "program") == "1"


def test_the_page_promises_no_menu_entry_that_was_not_wanted(
    qtbot: QtBot, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    page = InstallPage(package(tmp_path / "source", "1"))
    qtbot.addWidget(page)
    page.folder.setText(str(tmp_path / "p"))
    page.shortcuts.setChecked(False)
    page.start()
    qtbot.waitUntil(lambda: page.program is not None)
    assert "from the menu" not in page.message.text()
    assert str(tmp_path / "p" / "program" / "vademecum") in page.message.text()


def test_the_page_names_a_home_that_does_not_exist(qtbot: QtBot, tmp_path: Path) -> None:
    page = InstallPage(package(tmp_path / "source", "1"))
    qtbot.addWidget(page)
    page.folder.setText("~nobody-of-that-name/vademecum")
    page.show()
    page.go.click()
    assert "no home folder for ~nobody-of-that-name" in page.message.text()
    assert page.go.isEnabled()


def test_the_page_says_why_not_and_lets_choose_again(qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("mine", encoding="utf-8")
    page = InstallPage(package(tmp_path / "source", "1"))
    qtbot.addWidget(page)
    page.folder.setText(str(tmp_path))
    page.show()
    page.go.click()
    qtbot.waitUntil(lambda: page.message.isVisible())
    assert "holds other files" in page.message.text()
    assert page.go.isEnabled()


def test_a_self_test_without_standard_output_writes_a_log(
    qapp: QApplication, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("desktop.selftest.QApplication", lambda arguments: qapp)  # there can be only one
    monkeypatch.setattr("engine.offline.go_offline", lambda: True)  # it could not be taken back
    monkeypatch.setattr("desktop.selftest.engine_checks", lambda: ())
    monkeypatch.setattr("desktop.selftest.check_window", lambda folder: "It is painted.")
    assert report(None) == 0
    log = next(tmp_path.rglob("selftest.log"))
    assert "pass  window      It is painted." in log.read_text("utf-8")
    assert sys.platform == "win32" or log.stat().st_mode & 0o777 == 0o600  # as every log
