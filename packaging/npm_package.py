"""A package of npm's registry, fetched with npm, or without it from the registry that npm's settings name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from system_libraries import SetupError

SETTINGS = (Path.home() / ".npmrc", Path("/etc/npmrc"))
TIMEOUT_S = 60
_REGISTRY = re.compile(r"^\s*registry\s*=\s*(\S+)\s*$", re.MULTILINE)


def download(package: str, version: str, into: Path) -> Path:
    """Return the archive of this package and version. Raises SetupError when it can't be had."""
    npm = shutil.which("npm")
    address = None if npm else registry()
    if npm:
        command = [npm, "pack", "--silent", "--fetch-retries=1", f"{package}@{version}"]
        done = subprocess.run(command, cwd=into, check=False, capture_output=True, text=True)
        failed = (done.stderr.strip().splitlines() or ["npm said nothing"])[-1] if done.returncode else ""
    elif address:
        failed = _fetch(f"{address}/{package}/-/{package.partition('/')[2] or package}-{version}.tgz", into)
    else:
        failed = "npm is not here, and no registry is named in npm_config_registry or .npmrc"
    archives = list(into.glob("*.tgz"))
    if failed or len(archives) != 1:
        raise SetupError(
            f"{package} {version} can't be downloaded: {failed}. To have it, install npm, connect once to a package "
            "registry and run make setup again."
        )
    return archives[0]


def registry() -> str | None:
    """Return the registry that npm would ask by its settings; None when none is named there."""
    named = os.environ.get("npm_config_registry")  # noqa: SIM112 - npm spells it so
    for path in SETTINGS:
        if not named and path.is_file():
            found = _REGISTRY.search(path.read_text("utf-8"))
            named = found.group(1) if found else None
    return named.rstrip("/") if named else None


def _fetch(address: str, into: Path) -> str:
    """Download one archive; return what went wrong, "" when nothing did."""
    try:
        with (
            urllib.request.urlopen(address, timeout=TIMEOUT_S) as reply,  # noqa: S310 - the registry the person named
            (into / "package.tgz").open("wb") as file,
        ):
            shutil.copyfileobj(reply, file)
    except (urllib.error.URLError, OSError, ValueError) as error:
        return str(error)
    return ""
