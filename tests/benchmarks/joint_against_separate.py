"""Joint training against the separately tuned run it starts from, on test questions, a few seeds.

    .venv/bin/python -m tests.benchmarks.joint_against_separate WORKSPACE [--seeds 3] [--minutes 6]

The workspace has a separately tuned run, which is the active one. A joint run that validation did not find better is
not kept: what it answers is what it started from, and is not asked again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any


def main() -> None:
    """Train jointly once a seed, measure, print a line each."""
    parser = argparse.ArgumentParser()
    parser.add_argument("workspace")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=6.0)
    parser.add_argument("--objective", default="sequence")
    chosen = parser.parse_args()
    separate = _engine("status", chosen.workspace)["active"]
    for seed in range(chosen.seeds):
        run = _engine(
            *("train", chosen.workspace, "--what", "joint", "--objective", chosen.objective),
            *("--seed", str(seed), "--minutes", str(chosen.minutes)),
        )
        before, after = (run["validation"][when]["joint f1"] for when in ("before", "after"))
        gain = f"validation F1 {100 * before:.1f} → {100 * after:.1f}"
        print(f"seed {seed}: {run['steps']} steps, {gain}, kept: {run['kept']}", flush=True)
        if run["kept"]:
            report = _engine("evaluate", chosen.workspace, "--run", run["run"], "--against", separate)
            against = report["against"]
            print(
                f"    test F1 {100 * against['answers']['f1']:.1f} → {100 * report['answers']['f1']:.1f}, hit@1"
                f" {100 * against['retrieval']['hit@1']:.1f} → {100 * report['retrieval']['hit@1']:.1f};"
                f" F1 by {against['difference']:+.3f} {against['interval']}: {against['verdict']}",
                flush=True,
            )
            _engine("promote", chosen.workspace, separate)


def _engine(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "engine", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
