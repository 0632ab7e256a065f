"""`vademecum --install`, `--rollback` and `--uninstall`: what is refused, asked and said before anything is touched."""

from __future__ import annotations

import argparse
import io
import re
import sys
from pathlib import Path

import pytest

from desktop.app import main
from desktop.installation.commands import act, add_arguments
from desktop.installation.placing import Choices, install
from tests.desktop.test_installation import package


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def program(tmp_path: Path, home: Path) -> Path:
    return install(package(tmp_path / "source", "1"), Choices(tmp_path / "p"), home=home)


def called(program: Path, *arguments: str, patch: pytest.MonkeyPatch, answer: str = "") -> int:
    """Do as the frozen program in that folder would."""
    patch.setattr(sys, "frozen", True, raising=False)
    patch.setattr(sys, "executable", str(program / "vademecum"))
    patch.setattr(sys, "stdin", io.StringIO(answer))
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return act(parser.parse_args(arguments))


def test_silently_it_is_removed_and_what_stays_is_named(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert called(program, "--uninstall", "--silent", patch=monkeypatch) == 0
    said = capsys.readouterr().out
    assert "stays: workspaces, imported models and the CUDA add-on." in said
    assert re.search(r"the window's settings \(/.*/vademecum\) and the logs \(/.*/vademecum/log\)\.$", said.strip())
    assert not program.parent.exists()


@pytest.mark.parametrize(("answer", "code"), [("", 1), ("\n", 1), ("n\n", 1), ("y\n", 0)], ids=repr)
def test_otherwise_it_is_asked_first(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, code: int
) -> None:
    assert called(program, "--uninstall", patch=monkeypatch, answer=answer) == code
    assert f"Remove Vademecum from {program.parent}?" in capsys.readouterr().out
    assert program.exists() is bool(code)


@pytest.mark.parametrize("act", ["--uninstall", "--rollback"])
def test_a_program_that_a_run_file_did_not_install_is_left_alone(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], act: str
) -> None:
    unpacked = package(tmp_path / "x" / "vademecum", "1")
    assert called(unpacked, act, "--silent", patch=monkeypatch) == 1
    assert "was not put there by a .run file" in capsys.readouterr().err
    assert (unpacked / "vademecum").is_file()


def test_on_another_system_the_setup_does_it(
    program: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert called(program, "--uninstall", "--silent", patch=monkeypatch) == 2
    assert "This is for Linux" in capsys.readouterr().err
    assert program.is_dir()


def test_a_user_without_a_home_folder_is_told_to_set_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unknown(user: int) -> None:
        raise KeyError(user)

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for variable in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    assert main(["vademecum", "--uninstall"]) == 1
    assert capsys.readouterr().err.splitlines()[0] == "There is no home folder for this user."


def test_where_the_screen_of_a_variable_is_gone_it_is_installed_without_the_page(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":7777")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    source = package(tmp_path / "unpacked", "1")
    monkeypatch.setattr("desktop.installation.page.InstallPage", None)
    assert called(source, "--install", "--folder", str(tmp_path / "p"), patch=monkeypatch) == 0
    assert (tmp_path / "p" / "program" / "vademecum").is_file()


def test_an_update_is_of_the_folder_that_is_named(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    updated: list[Path] = []
    monkeypatch.setattr("desktop.installation.commands.update", lambda file, folder: updated.append(folder) or "done")
    assert called(program, "--update", "f.run", "--folder", str(tmp_path / "other"), patch=monkeypatch) == 0
    assert called(program, "--update", "f.run", patch=monkeypatch) == 0
    assert updated == [tmp_path / "other" / "program", program]


def test_there_is_nothing_to_update_where_there_is_no_program(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "f.run").touch()
    named = str(tmp_path / "other")
    assert called(program, "--update", str(tmp_path / "f.run"), "--folder", named, patch=monkeypatch) == 1
    assert f"There is no Vademecum in {named}." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("named", "told"),
    [("", "No folder is named."), ("~nobody-of-that-name/v", "There is no home folder for ~nobody-of-that-name/v.")],
)
def test_a_folder_that_can_not_be_is_told(
    tmp_path: Path,
    home: Path,
    named: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    source = package(tmp_path / "unpacked", "1")
    assert called(source, "--install", "--silent", f"--folder={named}", patch=monkeypatch) == 1
    assert capsys.readouterr().err.splitlines()[0] == told


def test_a_folder_of_the_home_is_found_though_no_shell_names_it(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = package(tmp_path / "unpacked", "1")
    assert called(source, "--install", "--silent", "--folder=~/apps/v", patch=monkeypatch) == 0
    assert (home / "apps" / "v" / "program" / "vademecum").is_file()
