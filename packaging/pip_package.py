"""Packages of Python's registry, fetched with pip from wherever pip is configured to look."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from digests import sha256
from system_libraries import SetupError


def download(package: str, version: str, into: Path) -> Path:
    """Return the one wheel of this package and version. Raises SetupError when it can't be had."""
    return _download(package, version, into, kind="whl", only="--only-binary")


def download_source(package: str, version: str, into: Path, *, digest: str) -> Path:
    """Return the source of this package and version. Raises SetupError when it can't be had or is another file."""
    archive = _download(package, version, into, kind="tar.gz", only="--no-binary")
    if sha256(archive) != digest:
        raise SetupError(f"{archive.name} is not the file this program was made for: its SHA-256 differs.")
    return archive


def _download(package: str, version: str, into: Path, *, kind: str, only: str) -> Path:
    requirement = f"{package}=={version}"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"{only}={package}", "-d", str(into)]
    done = subprocess.run([*command, requirement], check=False, capture_output=True, text=True)
    found = list(into.glob(f"*.{kind}"))
    if done.returncode != 0 or len(found) != 1:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise SetupError(
            f"{requirement} can't be downloaded: {reason}. Connect once to a package registry and run make setup again."
        )
    return found[0]
