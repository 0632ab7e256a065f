"""The workflow for continuous integration calls what there is, and tests what it says it tests. It has not run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
JOBS = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "packages.yml").read_text("utf-8"))["jobs"]


def commands(job: str) -> list[str]:
    return [str(step["run"]) for step in JOBS[job]["steps"] if "run" in step]


def test_what_is_made_and_built_is_there() -> None:
    import build

    every = "\n".join(command for job in JOBS for command in commands(job))
    made = set(re.findall(r"\bmake ([a-z-]+)", every))
    rules = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert made <= rules
    called = {step for line in re.findall(r"packaging/build\.py ([a-z ]+)", every) for step in line.split()}
    assert called <= {*build.STEPS, "compare"}


@pytest.mark.parametrize("job", ["linux", "windows-installer"])
def test_a_runner_that_is_not_root_has_the_libraries_before_the_set_up(job: str) -> None:
    first = next(number for number, command in enumerate(commands(job)) if re.search(r"\bmake ", command))
    assert any("require_system_libraries" in command for command in commands(job)[:first])


def test_the_debian_package_is_tested_not_what_stands_before_it_in_the_path() -> None:
    (tested,) = [command for command in commands("linux") if ".deb" in command]
    assert "/usr/bin/vademecum --selftest" in tested
