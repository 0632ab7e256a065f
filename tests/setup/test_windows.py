"""What is left out of the Windows package, in a stand-in for its folder."""

from __future__ import annotations

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
    with pytest.raises(SetupError, match="Longer than 200 characters"):
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
