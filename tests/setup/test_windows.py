"""What is in the Windows package and what is left out, in a stand-in for its folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


def test_what_nothing_loads_is_not_packed(tmp_path: Path) -> None:
    import windows

    site = tmp_path / "Lib" / "site-packages"
    unused = (
        "pyarrow/_s3fs.cp311-win_amd64.pyd",
        "PySide6/QtQml.pyd",
        "scipy/linalg/basic.py",
        "torch/include/torch/torch.h",
        "torch/lib/torch_cpu.lib",
        "PySide6/opengl32sw.dll",
    )
    needed = (
        "pyarrow/_s3fs_like.py",
        "pyarrow/_fs.cp311-win_amd64.pyd",
        "PySide6/QtCore.pyd",
        "torch/lib/torch_cpu.dll",
        "torch-2.dist-info/licenses/third_party/json/test/LICENSE.txt",
    )
    for name in (*unused, *needed):
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    windows.prune(tmp_path)
    assert {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()} == set(needed)
    assert not (site / "scipy").exists()


def test_a_path_that_windows_could_not_take_is_refused(tmp_path: Path) -> None:
    import windows
    from system_libraries import SetupError

    folder = tmp_path / ("a" * 120) / ("b" * 90)
    folder.mkdir(parents=True)
    (folder / "c.py").touch()
    with pytest.raises(SetupError, match="Longer than 190 characters"):
        windows.prune(tmp_path)


def test_packages_are_left_compiled_but_where_their_source_is_read(tmp_path: Path) -> None:
    import windows

    site = tmp_path / "Lib" / "site-packages"
    sources = {
        "plain/part.py": "ANSWER = 42\n",
        "plain/template.py": "class {{ name }}:\n",
        "torch/config.py": "install_config_module(None)\n",
        "transformers/models.py": "",
    }
    for name, source in sources.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(source, encoding="utf-8")
    windows.leave_compiled(site)
    left = {str(path.relative_to(site)) for path in site.rglob("*.py")}
    assert left == {"plain/template.py", "torch/config.py", "transformers/models.py"}
    run = subprocess.run(
        [sys.executable, "-c", "import plain.part as p; print(p.ANSWER, p.__file__)"],
        capture_output=True, text=True, check=True, cwd=site,
    )  # fmt: skip
    assert run.stdout.split() == ["42", str(site / "plain" / "part.pyc")]
    assert str(tmp_path).encode() not in (site / "plain" / "part.pyc").read_bytes()


def test_the_bill_is_of_what_lies_in_the_payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import bill
    import windows

    root, dist = tmp_path / "payload", tmp_path / "dist"
    site = root / "Lib" / "site-packages"
    for name, package in (("numpy", "1"), (windows.RUNTIME[0].partition("==")[0], "14")):
        metadata = site / f"{name.replace('-', '_')}-{package}.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Name: {name}\nVersion: {package}\nLicense: BSD\n", encoding="utf-8")
    (root / "resources" / "models" / "gte-small").mkdir(parents=True)
    (root / "LICENSE.txt").write_text("PSF", encoding="utf-8")
    for name, value in (("ROOT", root), ("SITE", site), ("DIST", dist)):
        monkeypatch.setattr(windows, name, value)
    windows.write_bill()
    content = json.loads((root / bill.SBOM).read_bytes())
    hashes = {part["name"]: part["hashes"][0]["content"] for part in content["components"]}
    assert hashes["numpy"] == bill.digests(windows.LOCK)["numpy"]
    assert hashes["msvc-runtime"] == windows.RUNTIME[1]
    assert hashes["CPython"] == windows.INTERPRETER[1]
    assert "gte-small" in hashes
    assert (root / "licences" / "LGPL-3.0.txt").is_file()
    assert (root / "LICENCES.txt").is_file()
    assert [path.name for path in dist.iterdir()] == [f"vademecum-{windows.version()}-windows-x86_64.sbom.cdx.json"]


def test_the_bill_gets_the_commits_time_and_the_checksums_are_the_last() -> None:
    import windows

    order = list(windows.STEPS)
    assert order.index("bill") < order.index("compile") < order.index("selftest") < order.index("installer")
    assert order[-1] == "sums"


@pytest.mark.parametrize("ends", [0, 1])
def test_the_self_test_runs_under_wine_and_its_failure_stops_the_build(
    ends: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import windows
    import wine_copy

    wine = tmp_path / "wine"
    wine.write_text(f'#!/bin/sh\necho "$KMP_AFFINITY ${{1##*/}} $2"\nexit {ends}\n', encoding="utf-8")
    wine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(windows, "WORK", tmp_path / "work")
    monkeypatch.setattr(wine_copy, "main", lambda into: into.mkdir(parents=True))
    assert windows.main(["selftest"]) == ends
    assert capfd.readouterr().out.splitlines()[-1] == "disabled vademecum-engine.exe selftest"
    assert list((tmp_path / "work").iterdir()) == []


def test_without_wine_it_is_said_that_no_self_test_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import windows

    monkeypatch.setenv("PATH", str(tmp_path))
    assert windows.main(["selftest"]) == 0
    assert "Not tested: wine is not here." in capsys.readouterr().out
