"""The lock pins everything by digest, names no address, and draws in no CUDA package."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
LOCK = REPOSITORY / "packaging" / "locks" / "linux-cpu.txt"


def locked() -> dict[str, str]:
    return dict(
        re.findall(r"^([a-z0-9-]+)==([^ ]+) \\\n    --hash=sha256:[0-9a-f]{64}$", LOCK.read_text("utf-8"), re.M)
    )


def test_every_requirement_of_the_project_is_in_the_lock() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    needed = {
        re.split(r"[<>=~! ]", line)[0] for line in (*project["dependencies"], *(line for e in extras for line in e))
    }

    assert needed - locked().keys() == set()


def test_every_line_is_a_pin_with_a_digest() -> None:
    lines = [line for line in LOCK.read_text("utf-8").splitlines() if not line.startswith("#")]

    assert len(lines) == 2 * len(locked())
    assert locked()["torch"] == "2.13.0"
    assert locked()["pyside6-essentials"] == "6.9.3"
    assert not [name for name in locked() if name.startswith(("nvidia", "cuda", "triton"))]


def test_a_cuda_torch_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import lock

    monkeypatch.setattr(
        lock, "resolve", lambda requirements, options=(): [lock.Package("nvidia-cublas", "1", "0" * 64, ())]
    )
    monkeypatch.setattr(lock, "write", lambda *arguments: pytest.fail("written"))

    assert lock.main() == 1
    assert "PIP_FIND_LINKS" in capsys.readouterr().err


def test_nothing_installed_differs_from_the_lock() -> None:
    """What the tests run on is what is shipped."""
    python = REPOSITORY / ".venv" / "bin" / "python"
    if not python.exists():
        pytest.skip("not run from the environment that make setup makes")
    freeze = subprocess.run(
        [str(python), "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    ).stdout
    installed = dict(line.split("==") for line in freeze.lower().replace("_", "-").splitlines())

    differing = {
        name: installed.get(name)
        for name, version in locked().items()
        if installed.get(name, "").split("+")[0] != version
    }
    assert differing == {}
