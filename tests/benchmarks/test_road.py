"""The whole road on COVID-QA with the real models, one command each, as `docs/measurements.md` reports it.

Takes some forty minutes on two cores: `make bench`, or this file alone with `-s` to see the table.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "med_covidqa"
ASKED = 20


def engine(*arguments: str) -> tuple[dict[str, Any], float]:
    """Run one command and return its JSON and the seconds it took."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "engine", *arguments, "--json"], stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout), time.monotonic() - started


@pytest.mark.timeout(4 * 3600)
@pytest.mark.skipif(not DATA.exists(), reason="the shared question sets are not beside this checkout")
def test_the_road_on_covidqa(tmp_path: Path) -> None:
    workspace = str(tmp_path / "covidqa")
    engine("new", workspace, "--no-passphrase")
    imported, import_s = engine(
        "import", workspace, *(str(DATA / name) for name in ("corpus.jsonl", "train.jsonl", "test.jsonl"))
    )
    trained, train_s = engine("train", workspace)
    report, evaluate_s = engine("evaluate", workspace, "--against", "base")
    questions = [json.loads(line)["question"] for line in (DATA / "test.jsonl").read_text("utf-8").splitlines()][:ASKED]
    (tmp_path / "asked.jsonl").write_text(
        "\n".join(json.dumps({"id": str(n), "question": q}) for n, q in enumerate(questions)), "utf-8"
    )

    untuned = {name: scores["hit@1"] for name, scores in report["baselines"].items()}
    table = {
        "import, seconds": import_s,
        "training, seconds": train_s,
        "evaluation of both runs, seconds": evaluate_s,
        "whole road, minutes": (import_s + train_s + evaluate_s) / 60,
        "hit@1 tuned": report["retrieval"]["hit@1"],
        **{f"hit@1 untuned {name}": value for name, value in untuned.items()},
        "hit@1 gain, points": 100 * (report["retrieval"]["hit@1"] - max(untuned.values())),
        "right passage given, EM / F1 tuned": [100 * report["oracle_answers"][name] for name in ("exact_match", "f1")],
        "right passage given, EM / F1 base": [
            100 * report["against"]["oracle_answers"][name] for name in ("exact_match", "f1")
        ],
        "end to end F1 tuned / base": [100 * report["answers"]["f1"], 100 * report["against"]["answers"]["f1"]],
        "verdict": report["against"]["verdict"],
        "validation": trained["validation"],
        "asked warm, median ms": median_answer_ms(workspace, questions),
    }
    for name, value in table.items():
        print(f"{name:40} {value}")
    assert imported["questions"]["with_evidence"] == 1380
    assert table["hit@1 gain, points"] >= 5
    assert report["oracle_answers"]["exact_match"] >= 0.22 and report["oracle_answers"]["f1"] >= 0.50
    assert report["answers"]["f1"] >= 2 * report["against"]["answers"]["f1"]
    assert table["whole road, minutes"] <= 45 and evaluate_s <= 600 and table["asked warm, median ms"] <= 600


def median_answer_ms(workspace: str, questions: list[str]) -> float:
    """Ask one question after the other in one process, as the window's worker does; return the median whole answer."""
    from engine.device import Device
    from engine.jobs import Monitor
    from engine.models.library import ModelLibrary
    from engine.serving.job import AnswerQuestion
    from engine.session import Session
    from engine.workspace.workspace import Workspace

    session = Session(workspace=Workspace.open(Path(workspace)), library=ModelLibrary.default(), device=Device.detect())
    AnswerQuestion("Is this warm?").run(session, Monitor())
    spent = [AnswerQuestion(question).run(session, Monitor()).timings_ms["total"] for question in questions]
    session.close()
    return statistics.median(spent)
