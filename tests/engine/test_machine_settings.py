"""The machine's settings: each rule is kept where it matters, and a file that is not understood stops the program."""

from __future__ import annotations

from pathlib import Path

import pytest

import engine.__main__ as entry
from engine.addon.folder import AddonError, install
from engine.device import Device
from engine.errors import ModelError, PassphraseError
from engine.exporting.job import ImportRun
from engine.jobs import Monitor
from engine.machine_settings import MachineSettings, MachineSettingsError, machine_settings
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.worker.protocol import Opening
from engine.worker.server import open_session
from engine.workspace.workspace import Workspace


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "etc" / "settings.toml"
    path.parent.mkdir()
    monkeypatch.setattr("engine.machine_settings.settings_path", lambda: path)
    return path


def test_without_a_file_everything_is_allowed(file: Path) -> None:
    assert machine_settings() == MachineSettings()


def test_a_workspace_without_a_passphrase_is_refused_and_nothing_is_made(file: Path, tmp_path: Path) -> None:
    file.write_text("require_passphrase = true", encoding="utf-8")
    with pytest.raises(PassphraseError, match="every workspace needs a passphrase"):
        Workspace.create(tmp_path / "w")
    assert not (tmp_path / "w").exists()
    Workspace.create(tmp_path / "w", passphrase="secret").close()


def test_no_model_is_imported(file: Path, tmp_path: Path) -> None:
    file.write_text("allow_model_import = false", encoding="utf-8")
    with pytest.raises(ModelError, match="no models may be imported"):
        ModelLibrary(tmp_path / "bundled", tmp_path / "imported").import_model(tmp_path)


def test_no_variable_brings_other_models(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VADEMECUM_MODELS", str(tmp_path))
    assert ModelLibrary.default().bundled == tmp_path
    file.write_text("allow_model_import = false", encoding="utf-8")
    assert ModelLibrary.default().bundled != tmp_path


def test_no_run_brings_other_models(file: Path, tmp_path: Path, session: Session) -> None:
    file.write_text("allow_model_import = false", encoding="utf-8")
    with pytest.raises(ModelError, match="no models may be imported, and a run brings its own"):
        ImportRun(str(tmp_path / "all-1.vademecum")).run(session, Monitor())


def test_no_addon_is_installed(file: Path, tmp_path: Path) -> None:
    file.write_text("allow_addons = false", encoding="utf-8")
    with pytest.raises(AddonError, match="no add-ons may be installed"):
        install(tmp_path, tmp_path / "addons", torch_version="2.13.0")


def test_no_more_threads_than_allowed(file: Path) -> None:
    file.write_text("threads = 1", encoding="utf-8")
    assert Device.detect("cpu").cores == 1
    assert Device.detect("cpu", threads=8).cores == 1


def test_a_mark_in_front_of_the_file_is_no_part_of_it(file: Path) -> None:
    file.write_text("threads = 2", encoding="utf-8-sig")
    assert machine_settings().threads == 2


def test_a_link_that_leads_nowhere_is_no_missing_file(file: Path) -> None:
    file.symlink_to(file.parent / "unmounted" / "settings.toml")
    with pytest.raises(MachineSettingsError, match="a link that leads nowhere"):
        machine_settings()


@pytest.mark.parametrize("command", [["status"], ["import"], ["documents"], ["verify"]], ids=" ".join)
def test_no_command_goes_on_without_understanding_the_file(
    file: Path,
    tmp_path: Path,
    command: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(entry, "go_offline", lambda: True)  # it could not be taken back
    Workspace.create(tmp_path / "w").close()
    file.write_text("threads = 'four'", encoding="utf-8")
    more = [str(tmp_path)] if command == ["import"] else []
    assert entry.main([*command, str(tmp_path / "w"), *more]) == 1
    assert "can't be understood" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    ["require_passphrase = yes", 'require_passphrase = "true"', "requirepassphrase = true", "threads = 0", "\x00"],
    ids=["no TOML", "another type", "a typing mistake", "out of bounds", "no text"],
)
def test_a_file_that_is_not_understood_stops_everything(file: Path, text: str, tmp_path: Path) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MachineSettingsError, match="can't be understood"):
        Workspace.create(tmp_path / "w", passphrase="secret")


def test_the_worker_opens_nothing_until_the_file_is_understood(file: Path, tmp_path: Path) -> None:
    Workspace.create(tmp_path / "w").close()
    file.write_text("threads = 'four'", encoding="utf-8")
    with pytest.raises(MachineSettingsError, match="can't be understood"):
        open_session(Opening(str(tmp_path / "w")))
    file.write_text("threads = 1", encoding="utf-8")
    open_session(Opening(str(tmp_path / "w"))).close()
