"""What the retriever gains from documents alone, measured on real questions that it never saw.

usage: python -m tests.benchmarks.without_questions [SET…] [--passages 1000]

Imports the records that the test questions need and others, trains on titles and headings as `train --what retriever`
does where there are no training questions, and prints what the run says of itself beside nDCG@10 and hit@1 on the test
questions: dense, and with BM25 as it serves where there are no questions to tune a weight on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from engine.device import Device
from engine.evaluation.metrics import hit_at, ndcg_at
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.records import Fusion
from engine.retrieval.fusion import DENSE_ONLY, mean_metric
from engine.retrieval.retriever import load_retriever
from engine.session import Session
from engine.training.job import Train
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = ("med_covidqa", "tech_pyfaq")


def main() -> None:
    """Print a line before and one after, for each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS)
    parser.add_argument("--passages", type=int, default=1000)
    chosen = parser.parse_args()
    for name in chosen.sets:
        with tempfile.TemporaryDirectory() as folder, Workspace.create(Path(folder) / "w") as workspace:
            session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
            corpus = part_of(DATA / name, Path(folder), chosen.passages)
            ImportFiles((str(corpus), str(DATA / name / "test.jsonl"))).run(session, Monitor())
            print(f"{name}, {workspace.documents.passage_count()} passages: {scored(session, 'base')}", flush=True)
            started = time.process_time()
            run = Train("retriever").run(session, Monitor())
            print(f"  {run.reason} {time.process_time() - started:.0f} s of processor time", flush=True)
            print(f"  {run.before} → {run.after}", flush=True)
            print(f"  after: {scored(session, run.id)}", flush=True)


def part_of(source: Path, folder: Path, count: int) -> Path:
    """Write the records that the test questions need, and others up to `count`."""
    tested = [json.loads(line) for line in (source / "test.jsonl").read_text("utf-8").splitlines()]
    needed = {one for row in tested for one in row["context_ids"]}
    records = (source / "corpus.jsonl").read_text("utf-8").splitlines()
    records.sort(key=lambda line: json.loads(line)["id"] not in needed)
    (folder / "corpus.jsonl").write_text("\n".join(records[: max(count, len(needed))]), encoding="utf-8")
    return folder / "corpus.jsonl"


def scored(session: Session, run: str) -> str:
    """Return what a run reaches on the test questions."""
    retriever = load_retriever(session, replace(session.run(run), reranker=""), Monitor())
    questions = [one for one in session.workspace.questions.list("test") if one.evidence]
    found = retriever.candidates([one.question for one in questions])
    evidence = [one.evidence for one in questions]

    def hit_at_1(ranked, relevant) -> float:
        return hit_at(ranked, relevant, k=1)

    parts = [
        f"{name} nDCG@10 {100 * mean_metric(found, evidence, fusion, metric=ndcg_at):.1f}"
        f", hit@1 {100 * mean_metric(found, evidence, fusion, metric=hit_at_1):.1f}"
        for name, fusion in (("dense", DENSE_ONLY), ("hybrid", Fusion()))
    ]
    return "; ".join(parts)


if __name__ == "__main__":
    main()
