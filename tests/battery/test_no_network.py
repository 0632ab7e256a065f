"""Silence, watched from outside: not one internet socket is even tried, from import to answer."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "sample"


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace watches the system calls: apt-get install strace")
def test_no_command_tries_an_internet_socket(tmp_path: Path) -> None:
    workspace = str(tmp_path / "w")
    watch = ["strace", "-f", "-e", "trace=network,io_uring_setup"]
    commands = (
        ("new", workspace, "--no-passphrase"),
        ("import", workspace, str(SAMPLE / "law"), str(SAMPLE / "questions.jsonl")),
        ("search", workspace, "confidentiality"),
        ("ask", workspace, "How long does the obligation of confidentiality last?"),
        ("train", workspace, "--what", "retriever", "--preset", "quick", "--epochs", "1"),
        ("evaluate", workspace, "--run", "base", "--against", "base"),
    )
    for number, command in enumerate(commands):
        seen = tmp_path / f"{number}.txt"
        watched = [*watch, "-o", str(seen), sys.executable, "-m", "engine", *command]
        subprocess.run(watched, check=True, capture_output=True)
        attempts = [line for line in seen.read_text("utf-8").splitlines() if "AF_INET" in line or "io_uring" in line]
        assert attempts == [], f"{command[0]}: {attempts[0]}"
