"""The steps of a build end in one sentence where something is wrong, and no old checksum stays beside a new file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest


def test_a_missing_tool_is_named_before_the_first_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import steps
    import windows

    ran: list[str] = []
    monkeypatch.setitem(windows.STEPS, "collect", lambda: ran.append("collect"))
    monkeypatch.setattr(steps.shutil, "which", lambda tool: None if tool == "makensis" else f"/usr/bin/{tool}")
    assert windows.main([]) == 1
    assert capsys.readouterr().err == "Not here: makensis. On Debian: apt-get install nsis\n"
    assert ran == []


@pytest.mark.parametrize("script", ["build", "windows"])
def test_what_a_step_finds_wrong_is_a_sentence(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import bill
    import build
    import windows

    def refuse() -> None:
        raise bill.BillError("Not to be shipped.")

    module = {"build": build, "windows": windows}[script]
    monkeypatch.setitem(module.STEPS, "bill", refuse)
    assert module.main(["bill"]) == 1
    assert capsys.readouterr().err == "bill: Not to be shipped.\n"


def test_a_tool_that_fails_is_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import build

    monkeypatch.setitem(build.STEPS, "selftest", lambda: subprocess.run(["/bin/false"], check=True))
    assert build.main(["selftest"]) == 1
    assert capsys.readouterr().err == "selftest: false failed with exit code 1.\n"


def test_no_signature_of_an_older_list_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import checksums

    key = tmp_path / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True)
    dist = tmp_path / "dist"
    dist.mkdir()
    (dist / "a.deb").write_bytes(b"")
    monkeypatch.setenv(checksums.SIGNING_KEY, str(key))
    checksums.write(dist)
    assert (dist / "SHA256SUMS.sig").is_file()
    monkeypatch.delenv(checksums.SIGNING_KEY)
    checksums.write(dist)
    assert {path.name for path in dist.iterdir()} == {"a.deb", "SHA256SUMS"}
    assert (dist / "SHA256SUMS").read_text("utf-8").endswith("  a.deb\n")


def test_a_file_that_is_made_anew_takes_its_checksums_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import build

    def stop(*arguments: object, **options: object) -> None:
        raise InterruptedError

    monkeypatch.setattr(build, "DIST", tmp_path)
    monkeypatch.setattr(build.linux_packages, "make_data", stop)
    (tmp_path / "SHA256SUMS").write_text("", encoding="utf-8")
    with pytest.raises(InterruptedError):
        build.package()
    assert not (tmp_path / "SHA256SUMS").exists()
