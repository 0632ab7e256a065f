"""Runs the steps of a build: what it needs is asked for before the first, what goes wrong is one sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from system_libraries import SetupError


def run(
    arguments: list[str],
    steps: Mapping[str, Callable[[], None]],
    *,
    tools: Mapping[str, Mapping[str, str]],
    usage: str | None,
) -> int:
    """Run the steps that were asked for, in order, all of them without any; return the exit code.

    `tools` names what a step calls, each tool with its Debian package.
    """
    if not set(arguments) <= steps.keys():
        print(usage, file=sys.stderr)
        return 2
    wanted = arguments or list(steps)
    called = {tool: package for name in wanted for tool, package in tools.get(name, {}).items()}
    missing = {tool: package for tool, package in called.items() if shutil.which(tool) is None}
    if missing:
        packages = " ".join(sorted(set(missing.values())))
        print(f"Not here: {', '.join(missing)}. On Debian: apt-get install {packages}", file=sys.stderr)
        return 1
    for name in wanted:
        print(f"== {name}", flush=True)
        try:
            steps[name]()
        except SetupError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 1
        except subprocess.CalledProcessError as error:  # it said why itself
            print(f"{name}: {Path(str(error.cmd[0])).name} failed with exit code {error.returncode}.", file=sys.stderr)
            return 1
    return 0
