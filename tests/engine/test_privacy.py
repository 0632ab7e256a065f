"""What a process keeps to itself: memory, core files, logs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.privacy import private

REPOSITORY = Path(__file__).parents[2]
TELL = """
import ctypes, os, resource
def tell(*_, **__):
    dumpable = ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
    os.write(2, f"{dumpable} {resource.getrlimit(resource.RLIMIT_CORE)[0]}".encode())
    os._exit(0)
"""
COMMAND_LINE = "import engine.__main__ as entry; entry.go_offline = tell; entry.main(['models'])"
WORKER = "from engine.worker import server; server.Server.serve = tell; server.main()"
PARSER = "from engine.documents import parser_child; parser_child.go_offline = tell; parser_child.close_doors()"
WINDOW = "import desktop.__main__ as entry; entry.take_role = tell; entry.main()"


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n{code}"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(sys.platform != "linux", reason="hidden on Linux")
@pytest.mark.parametrize(("entry", "dumpable"), [(COMMAND_LINE, "0"), (WORKER, "0"), (PARSER, "0"), (WINDOW, "1")])
def test_every_process_of_a_workspace_keeps_its_memory_to_itself(entry: str, dumpable: str, tmp_path: Path) -> None:
    unlimited = "resource.setrlimit(resource.RLIMIT_CORE, resource.getrlimit(resource.RLIMIT_CORE)[1:] * 2)"
    told, limit = run(f"{TELL}{unlimited}\n{entry}", tmp_path).stderr.split()
    assert told == dumpable
    assert int(limit) in (0, 1)  # bytes


@pytest.mark.skipif(os.name != "posix", reason="core files are Unix's")
def test_a_crash_leaves_no_core_file(tmp_path: Path) -> None:
    crash = """
import os, resource
from engine.privacy import refuse_core_files
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
refuse_core_files()
os.abort()
"""
    assert run(crash, tmp_path).returncode < 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="rights as Unix has them")
def test_a_private_file_is_its_owners(tmp_path: Path) -> None:
    with open(tmp_path / "log", "a", opener=private):
        assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform == "win32", reason="rights of Unix")
def test_a_log_of_an_earlier_version_becomes_its_owners_only(tmp_path: Path) -> None:
    log = tmp_path / "engine.log"
    log.touch(0o644)
    with open(log, "a", opener=private):
        assert log.stat().st_mode & 0o777 == 0o600
