"""The environment is made anew when what it was made from changes, and only then."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what the set-up reads, and the script pointed at it."""
    import set_up

    (tmp_path / "packaging").mkdir()
    shutil.copytree(REPOSITORY / "packaging" / "locks", tmp_path / "packaging" / "locks")
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for name, path in (
        ("REPOSITORY", tmp_path),
        ("LOCKS", tmp_path / "packaging" / "locks"),
        ("PYTHON", tmp_path / ".venv" / "bin" / "python"),
        ("STAMP", tmp_path / ".venv" / ".installed"),
    ):
        monkeypatch.setattr(set_up, name, path)
    return tmp_path


@pytest.fixture
def installed(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same after an installation, with pip replaced."""
    import set_up

    monkeypatch.setattr(set_up, "pip", lambda *arguments: None)
    set_up.PYTHON.parent.mkdir(parents=True)
    set_up.PYTHON.symlink_to(sys.executable)
    set_up.install()
    return checkout


def test_a_second_run_has_nothing_to_do(installed: Path) -> None:
    import set_up

    assert set_up.is_installed()


@pytest.mark.parametrize("path", ["packaging/locks/linux-cpu.txt", "packaging/locks/build.txt"])
def test_a_new_lock_is_installed(installed: Path, path: str) -> None:
    import set_up

    with (installed / path).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert not set_up.is_installed()


def test_a_new_tool_setting_changes_nothing_and_a_new_command_does(installed: Path) -> None:
    import set_up

    path = installed / "pyproject.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace("line-length = 120", "line-length = 99"), encoding="utf-8")
    assert set_up.is_installed()
    path.write_text(text.replace("[project.scripts]", '[project.scripts]\nother = "engine.__main__:main"'), "utf-8")
    assert not set_up.is_installed()


def test_a_failed_installation_is_not_taken_for_one(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import set_up

    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(set_up.subprocess, "run", lambda *arguments, **options: failed)

    with pytest.raises(set_up.SetupError, match="The packages could not be installed"):
        set_up.install()
    assert not set_up.is_installed()


def test_another_python_gets_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    import set_up

    monkeypatch.setattr(set_up.sys, "version_info", (3, 12, 1))
    with pytest.raises(set_up.SetupError, match=r"Python 3\.11 is needed, this is 3\.12"):
        set_up.require_python()


def test_a_missing_python_gets_a_sentence() -> None:
    done = subprocess.run(
        ["make", "setup", "PYTHON=python3.99"], cwd=REPOSITORY, check=False, capture_output=True, text=True
    )

    assert done.returncode != 0
    assert "python3.99 is not here. Install Python 3.11" in done.stderr
