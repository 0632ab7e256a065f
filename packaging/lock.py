"""Write the locks: every package the program, its set-up and its tests need, by version and SHA-256.

pip itself resolves, from wherever it is configured to look, for the machine this runs on; no address gets into the
locks. torch's CPU wheel must be within its reach (find-links), so that no CUDA package is drawn in. The lock of the
Windows package is made here too: uv resolves it, because pip takes this machine's markers for the other's.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
LOCKS = REPOSITORY / "packaging" / "locks"
BUILD = ("setuptools", "wheel")  # for the source packages, and for the project itself
SOURCES = ("rouge-score",)  # published as source only
OLDEST_PYTHON = "3.11.0"  # Debian 12 has 3.11.2: a package that wants 3.11.5 would lock it out
# How pip is to resolve: among wheels only where it is for another Python; of a source package, nothing but itself.
OLDEST = ("--only-binary=:all:", "--python-version", OLDEST_PYTHON)
ALONE = ("--no-deps",)
WINDOWS = ("--only-binary=:all:", "--no-deps", "--python-version", "3.11.9", "--platform", "win_amd64")
FORBIDDEN = ("nvidia-", "cuda-", "triton")


@dataclass(frozen=True, slots=True)
class Package:
    """One package as pip resolved it."""

    name: str
    version: str
    sha256: str
    requires: tuple[str, ...]


def main() -> int:
    """Resolve and write the locks."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    runtime = project["dependencies"]
    needed = [*runtime, *chain(*project["optional-dependencies"].values())]
    build = resolve(list(BUILD))
    sources = resolve([line for line in needed if line.startswith(SOURCES)], options=ALONE)
    wheels = [line for line in needed if not line.startswith(SOURCES)]
    drawn_in = [line for package in sources for line in package.requires if "extra ==" not in line]
    everything = resolve([*wheels, *drawn_in, *(f"{package.name}=={package.version}" for package in build)]) + sources
    foreign = [package.name for package in everything if package.name.startswith(FORBIDDEN)]
    if foreign:
        drawn = ", ".join(foreign)
        print(
            f"lock: torch's CUDA wheel drew in {drawn}. Name its CPU wheel's folder in PIP_FIND_LINKS.", file=sys.stderr
        )
        return 1
    write(LOCKS / "build.txt", build, "what the source packages are built with; installed first")
    write(LOCKS / "linux-cpu.txt", everything, "everything, for CPython 3.11 on Linux x86-64 without CUDA")
    windows = (
        resolve(
            versions_on_windows([line for line in [*runtime, *drawn_in] if not line.startswith(SOURCES)]),
            options=WINDOWS,
        )
        + sources
    )
    write(LOCKS / "windows-cpu.txt", windows, "what the program needs to run, for CPython 3.11 on Windows x86-64")
    return 0


def versions_on_windows(requirements: list[str]) -> list[str]:
    """Return the pins of what `requirements` lead to on Windows."""
    with tempfile.TemporaryDirectory() as temporary:
        wanted = Path(temporary) / "requirements.in"
        wanted.write_text("\n".join(requirements), encoding="utf-8")
        command = [sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
        target = ["--python-version", "3.11.9", "--python-platform", "x86_64-pc-windows-msvc"]
        done = subprocess.run([*command, *target, str(wanted)], check=True, capture_output=True, text=True)
    return done.stdout.split()


def resolve(requirements: list[str], *, options: Sequence[str] = OLDEST) -> list[Package]:
    """Return what pip would install for `requirements`, by default on the oldest Python we run on."""
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        target = ["--target", temporary]  # pip wants one for another Python, though nothing is installed
        subprocess.run([*command, *options, *target, "--report", str(report), *requirements], check=True)
        installs: list[dict[str, Any]] = json.loads(report.read_text("utf-8"))["install"]
    return [
        Package(
            name=install["metadata"]["name"].lower().replace("_", "-").replace(".", "-"),
            version=install["metadata"]["version"].partition("+")[0],  # 2.13.0+cpu is 2.13.0; the digest says which
            sha256=install["download_info"]["archive_info"]["hashes"]["sha256"],
            requires=tuple(install["metadata"].get("requires_dist", ())),
        )
        for install in installs
    ]


def write(path: Path, packages: list[Package], purpose: str) -> None:
    """Write one lock in pip's requirements format."""
    lines = [f"# {purpose}. Made by `make lock`; don't edit."]
    for package in sorted(packages, key=lambda package: package.name):
        lines.append(f"{package.name}=={package.version} \\\n    --hash=sha256:{package.sha256}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.relative_to(REPOSITORY)}: {len(packages)} packages")


if __name__ == "__main__":
    sys.exit(main())
