"""Links the questions of data sets from their context's text alone, as it is and spoilt, and prints a table.

`python -m tests.benchmarks.question_linking DATA [--answers]` with the folder of the data sets; with `--answers` from
their answers alone.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.device import Device
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.questions.raw import RawQuestion
from engine.questions.workspace_linker import WorkspaceLinker
from engine.session import Session
from engine.workspace.workspace import Workspace

SETS = ("law_legalbenchrag", "med_covidqa")
ANSWER_SETS = ("med_covidqa", "law_legalbenchrag", "tech_pyfaq")
_LETTERS = "abcdefghilmnorstu"


def misread(text: str, rng: random.Random, share: float) -> str:
    """Return the text with a share of its letters read as others, lost, or doubled, as OCR does."""
    spoilt: list[str] = []
    for letter in text:
        drawn = rng.random()
        if not letter.isalnum() or drawn >= share:
            spoilt.append(letter)
        elif drawn < share * 0.6:
            spoilt.append(rng.choice(_LETTERS))
        elif drawn < share * 0.8:
            spoilt.append(letter * 2)
    return "".join(spoilt)


def hyphenated(text: str, rng: random.Random) -> str:
    """Return the text broken into short lines, long words parted by hyphens, white space changed."""
    words = [f"{word[:4]}-\n{word[4:]}" if len(word) > 8 and rng.random() < 0.2 else word for word in text.split()]
    return "".join(word + rng.choice((" ", "  ", "\n", "\t", " ")) for word in words)


def cut(text: str) -> str:
    """Return the text without its first and last tenth."""
    return text[len(text) // 10 : len(text) - len(text) // 10]


NOISES: dict[str, Callable[[str, random.Random], str]] = {
    "as it is": lambda text, rng: text,
    "hyphenated, other white space": hyphenated,
    "ends cut": lambda text, rng: cut(text),
    "1 % of letters misread": lambda text, rng: misread(text, rng, 0.01),
    "3 % of letters misread": lambda text, rng: misread(text, rng, 0.03),
    "3 %, hyphenated, ends cut": lambda text, rng: cut(hyphenated(misread(text, rng, 0.03), rng)),
    "8 % of letters misread": lambda text, rng: misread(text, rng, 0.08),
}


def main() -> None:
    """Print a row for each set and noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--answers", action="store_true")
    chosen = parser.parse_args()
    if chosen.answers:
        for name in ANSWER_SETS:
            print(_by_answer(name, chosen.data / name), flush=True)
        return
    for name in SETS:
        folder = chosen.data / name
        rows = [
            json.loads(line) for part in ("train", "test") for line in (folder / f"{part}.jsonl").open(encoding="utf-8")
        ]
        with tempfile.TemporaryDirectory() as temporary, Workspace.create(Path(temporary) / "w") as workspace:
            session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
            ImportFiles((str(folder / "corpus.jsonl"),)).run(session, Monitor())
            for noise, spoil in NOISES.items():
                linker, rng = WorkspaceLinker.over(workspace, Monitor()), random.Random(0)
                print(_row(name, noise, rows, lambda text, rng=rng, spoil=spoil: spoil(text, rng), linker), flush=True)


def _by_answer(name: str, folder: Path) -> str:
    with tempfile.TemporaryDirectory() as temporary, Workspace.create(Path(temporary) / "w") as workspace:
        session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
        ImportFiles((str(folder / "corpus.jsonl"), str(folder / "train.jsonl"))).run(session, Monitor())
        asked = [question for question in workspace.questions.every() if question.evidence and question.answers]
        linker = WorkspaceLinker.over(workspace, Monitor())
        found = [(one, linker.link(RawQuestion(one.question, one.answers))) for one in asked]
        linked = [(one, evidence) for one, evidence in found if evidence and evidence.passages]
        right = sum(evidence.passages[0] in one.evidence for one, evidence in linked)
        return f"| `{name}` | {len(linked):,} of {len(asked):,} | {right:,} ({right / len(linked):.1%}) |"


def _row(
    name: str, noise: str, rows: list[dict[str, Any]], spoil: Callable[[str], str], linker: WorkspaceLinker
) -> str:
    first = anywhere = 0
    ways: dict[str, int] = {}
    began = time.process_time()
    for row in rows:
        raw = RawQuestion(row["question"], (row["answer"],), context=spoil(row["context"]))
        evidence = linker.link(raw)
        ways[evidence.link if evidence else "none"] = ways.get(evidence.link if evidence else "none", 0) + 1
        documents = [passage.rsplit(":", 1)[0] for passage in evidence.passages] if evidence else []
        first += bool(documents) and documents[0] in row["context_ids"]
        anywhere += bool(set(documents) & set(row["context_ids"]))
    each_ms = (time.process_time() - began) / len(rows) * 1000
    found = ", ".join(f"{count:,} {way}" for way, count in ways.items())
    return (
        f"| `{name}` | {noise} | {first:,} of {len(rows):,} ({first / len(rows):.2%}) | "
        f"{anywhere / len(rows):.2%} | {found} | {each_ms:.1f} ms |"
    )


if __name__ == "__main__":
    main()
