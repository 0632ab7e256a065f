"""Missing system libraries are installed as root on Debian, and named with the line that installs them elsewhere."""

from __future__ import annotations

import subprocess

import pytest


def test_what_this_machine_runs_on_is_found() -> None:
    import system_libraries

    assert system_libraries.missing_packages() == []
    assert not system_libraries.can_load("libnowhere.so.9")


def test_without_rights_the_exact_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import system_libraries

    monkeypatch.setattr(system_libraries, "missing_packages", lambda: ["libgl1", "libegl1"])
    monkeypatch.setattr(system_libraries.os, "geteuid", lambda: 1000)

    with pytest.raises(system_libraries.SetupError) as refused:
        system_libraries.require_system_libraries()
    assert "sudo apt-get install --yes --no-install-recommends libgl1 libegl1\n" in str(refused.value)


def test_root_on_debian_has_them_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import system_libraries

    commands: list[list[str]] = []
    missing = iter([["libgl1"], []])

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(system_libraries, "missing_packages", lambda: next(missing))
    monkeypatch.setattr(system_libraries.os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_libraries.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(system_libraries.subprocess, "run", run)

    system_libraries.require_system_libraries()

    assert commands == [
        ["apt-get", "update", "--quiet"],
        ["apt-get", "install", "--yes", "--no-install-recommends", "libgl1"],
    ]


def test_a_failed_installation_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import system_libraries

    failed = subprocess.CompletedProcess([], 100, "", "E: Unable to fetch\n")
    monkeypatch.setattr(system_libraries, "missing_packages", lambda: ["libgl1"])
    monkeypatch.setattr(system_libraries.os, "geteuid", lambda: 0)
    monkeypatch.setattr(system_libraries.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(system_libraries.subprocess, "run", lambda *arguments, **options: failed)

    with pytest.raises(system_libraries.SetupError, match="`apt-get update --quiet` failed: E: Unable to fetch"):
        system_libraries.require_system_libraries()
