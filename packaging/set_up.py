"""Make this checkout ready to run: virtual environment, locked packages, system libraries, bundled models.

Every step looks first whether it is done; a second run touches no network and takes about a second. Run by
`make setup` with Python 3.11; needs the standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from system_libraries import SetupError, require_system_libraries

REPOSITORY = Path(__file__).resolve().parent.parent
ENVIRONMENT = REPOSITORY / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
LOCKS = REPOSITORY / "packaging" / "locks"
STAMP = ENVIRONMENT / ".installed"  # the digest of what the environment was made from


def main() -> int:
    """Run every step that is not done yet."""
    try:
        require_python()
        require_system_libraries()
        if not is_installed():
            make_environment()
            install()
    except SetupError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return 1
    return subprocess.run([str(PYTHON), str(REPOSITORY / "packaging" / "fetch_models.py")], check=False).returncode


def require_python() -> None:
    """Raise SetupError unless this is Python 3.11."""
    if sys.version_info[:2] != (3, 11):
        raise SetupError(
            f"Python 3.11 is needed, this is {sys.version_info[0]}.{sys.version_info[1]}. "
            "Install it (Debian 12: apt-get install python3.11 python3.11-venv) or name it: "
            "make setup PYTHON=/path/to/python3.11"
        )


def wanted() -> str:
    """Digest of everything the environment depends on, the place included: an environment can't be moved."""
    import tomllib  # not there before 3.11, and require_python must get to speak

    pyproject = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    project = [pyproject["build-system"], pyproject["project"], pyproject["tool"]["setuptools"]]  # not the tools' part
    digest = hashlib.sha256(json.dumps([sys.version, str(REPOSITORY), project]).encode())
    for lock in ("build.txt", "linux-cpu.txt"):
        digest.update((LOCKS / lock).read_bytes())
    return digest.hexdigest()


def is_installed() -> bool:
    """Whether the environment was made from today's locks."""
    return PYTHON.exists() and STAMP.is_file() and STAMP.read_text("utf-8") == wanted()


def make_environment() -> None:
    """Create .venv when there is none that works."""
    pip_version = [str(PYTHON), "-m", "pip", "--version"]
    if PYTHON.exists() and subprocess.run(pip_version, check=False, capture_output=True).returncode == 0:
        return
    print("Making the virtual environment …", flush=True)
    try:
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
    except subprocess.CalledProcessError as error:
        raise SetupError("Python has no venv module with pip. On Debian: apt-get install python3.11-venv") from error


def install() -> None:
    """Install the locked packages, each checked against its digest, then the project itself in place."""
    print("Installing the locked packages …", flush=True)
    STAMP.unlink(missing_ok=True)
    locked = ("--require-hashes", "--no-deps", "--no-build-isolation")
    pip(*locked, "-r", str(LOCKS / "build.txt"))
    pip(*locked, "-r", str(LOCKS / "linux-cpu.txt"))
    pip("--no-deps", "--no-build-isolation", "--editable", str(REPOSITORY))
    STAMP.write_text(wanted(), encoding="utf-8")


def pip(*arguments: str) -> None:
    """Run pip install; its own words are the best explanation when it fails."""
    command = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments]
    if subprocess.run(command, check=False, env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "1"}).returncode != 0:
        raise SetupError(
            "The packages could not be installed; pip says why above. The first set-up needs a package registry, and "
            "torch's CPU wheel within pip's reach (PIP_FIND_LINKS or an index that has it)."
        )


if __name__ == "__main__":
    sys.exit(main())
