"""The Windows setup, made of a payload in small: what it replaces, what it leaves alone, and how it fails."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "packaging" / "windows" / "installer.nsi"
pytestmark = pytest.mark.skipif(shutil.which("makensis") is None, reason="needs makensis")
under_wine = pytest.mark.skipif(shutil.which("wine") is None, reason="needs wine")


def setup(version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A setup of this version, with a module that only it has."""
    import windows

    work = tmp_path / version
    for name in ("vademecum.exe", "Lib/all.txt", f"Lib/only {version}.txt", "resources/Größe.txt"):
        path = work / "payload" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(version, encoding="utf-8")
    for name, value in (("WORK", work), ("ROOT", work / "payload"), ("DIST", work)):
        monkeypatch.setattr(windows, name, value)
    monkeypatch.setattr(windows, "version", lambda: version)
    windows.installer()
    return work / f"vademecum-{version}-windows-x86_64-setup.exe"


def install(package: Path, folder: Path, tmp_path: Path) -> int:
    where = "Z:" + str(folder).replace("/", "\\")
    environment = {**os.environ, "WINEPREFIX": str(tmp_path / "wine"), "WINEDEBUG": "-all"}
    done = subprocess.run(["wine", package, "/S", f"/D={where}"], check=False, env=environment, cwd=tmp_path)
    return done.returncode


def held(folder: Path) -> dict[str, str]:
    """The files in a folder with what they hold; not the uninstaller."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "uninstall.exe")
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in files}


def whole(version: str) -> dict[str, str]:
    names = ("vademecum.exe", "Lib/all.txt", f"Lib/only {version}.txt", "resources/Größe.txt")
    return dict.fromkeys(names, version)


def test_the_script_compiles_and_deletes_folders_of_its_own_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert setup("0.1.1", tmp_path, monkeypatch).is_file()
    assert "warning" not in capfd.readouterr().out
    install_part, _, removal = SCRIPT.read_text("utf-8").partition("Section Uninstall")
    assert (
        'Delete "$LOCALAPPDATA\\vademecum\\window.ini"' in removal
    )  # the folder goes with it, if no workspace is left
    assert set(re.findall(r"RMDir /r (.*?)(?: ;.*)?\n", install_part)) == {'"${NEW}"', '"${OLD}"'}


@under_wine
def test_an_update_replaces_the_program_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Vademecum"
    assert install(setup("0.1.1", tmp_path, monkeypatch), folder, tmp_path) == 0
    assert held(folder) == whole("0.1.1")
    (folder / "mine").mkdir()
    (folder / "mine" / "x").write_text("mine", encoding="utf-8")
    assert install(setup("0.1.2", tmp_path, monkeypatch), folder, tmp_path) == 0
    assert held(folder) == {**whole("0.1.2"), "mine/x": "mine"}


@under_wine
def test_a_folder_of_another_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Python311"
    (folder / "Lib").mkdir(parents=True)
    (folder / "Lib" / "os.py").write_text("theirs", encoding="utf-8")
    assert install(setup("0.1.1", tmp_path, monkeypatch), folder, tmp_path) == 2
    assert held(folder) == {"Lib/os.py": "theirs"}


@under_wine
def test_an_update_that_cannot_be_unpacked_leaves_the_version_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "Vademecum"
    assert install(setup("0.1.1", tmp_path, monkeypatch), folder, tmp_path) == 0
    (folder / "~new").write_text("in the way", encoding="utf-8")
    assert install(setup("0.1.2", tmp_path, monkeypatch), folder, tmp_path) == 2
    assert held(folder) == {**whole("0.1.1"), "~new": "in the way"}


@under_wine
def test_an_update_that_was_cut_short_is_undone_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "Vademecum"
    first = setup("0.1.1", tmp_path, monkeypatch)
    assert install(first, folder, tmp_path) == 0
    (folder / "~new").mkdir()
    (folder / "~old").mkdir()
    (folder / "Lib").rename(folder / "~old" / "Lib")
    assert install(first, folder, tmp_path) == 0
    assert held(folder) == whole("0.1.1")
