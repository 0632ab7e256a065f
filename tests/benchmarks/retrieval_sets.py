"""Untuned retrieval on the shared question sets: BM25, dense, reciprocal ranks and the tuned weight, both encoders.

usage: python -m tests.benchmarks.retrieval_sets [SET…] [--heads off]

Prints one line a row: nDCG@10 and hit@1/5/20 on the test questions, with the 95 % interval of a bootstrap over
documents. `--heads off` embeds and matches passages without title and section path.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from engine.device import Device
from engine.evaluation.metrics import hit_at, ndcg_at
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import BETTER_ENCODER, DEFAULT_ENCODER, ModelLibrary
from engine.records import Fusion, Passage, Question
from engine.retrieval.base_fusion import labelled
from engine.retrieval.fusion import tune
from engine.retrieval.retriever import Retriever, load_retriever
from engine.session import Session
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETS = ("med_covidqa", "law_legalbenchrag", "tech_pyfaq", "med_pubmedqa")
ROUNDS = 2000


def main(arguments: list[str]) -> None:
    """Print the table."""
    without_heads = "off" in arguments
    chosen = [name for name in arguments if name in SETS] or SETS
    print(f"{'set':<20}{'row':<28}{'nDCG@10':>9}{'95 %':>15}{'hit@1':>8}{'hit@5':>8}{'hit@20':>8}", flush=True)
    for name in chosen:
        with tempfile.TemporaryDirectory() as folder, Workspace.create(Path(folder) / "w") as workspace:
            session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
            plain = patch.object(Passage, "indexed_text", property(lambda self: self.text))
            with plain if without_heads else nullcontext():
                files = [DATA / name / file for file in ("corpus.jsonl", "train.jsonl", "test.jsonl")]
                ImportFiles(tuple(str(file) for file in files)).run(session, Monitor())
                for row, scores in rows(session):
                    print(f"{name:<20}{row:<28}{scores}", flush=True)


def rows(session: Session) -> Iterator[tuple[str, str]]:
    """Yield each row's name and scores."""
    test = [question for question in session.workspace.questions.list("test") if question.evidence]
    tuning = labelled(session)
    models = {info.name for info in session.library.list()}
    for model in (DEFAULT_ENCODER, BETTER_ENCODER):
        if model not in models:
            continue
        retriever = load_retriever(session, replace(session.run("base"), encoder=model), Monitor())
        found = retriever.candidates([question.question for question in tuning])
        tuned = tune(found, [question.evidence for question in tuning], metric=ndcg_at)
        if model == DEFAULT_ENCODER:
            yield "BM25", scored(retriever, test, "lexical")
        yield f"{model[:10]} dense", scored(retriever, test, "dense")
        for name, fusion in (("RRF", Fusion()), (f"weight {tuned.weight:.2f}", tuned)):
            retriever.fusion = fusion
            yield f"{model[:10]} {name}", scored(retriever, test, "hybrid")


def scored(retriever: Retriever, questions: Sequence[Question], mode: str) -> str:
    """Return one row's numbers."""
    hits = retriever.search([question.question for question in questions], top_k=20, mode=mode)  # type: ignore[arg-type]
    ranked = [[hit.passage.id for hit in one] for one in hits]
    pairs = list(zip(ranked, (question.evidence for question in questions), strict=True))
    gains = np.array([ndcg_at(ids, evidence) for ids, evidence in pairs])
    at = [100 * np.mean([hit_at(ids, evidence, k=k) for ids, evidence in pairs]) for k in (1, 5, 20)]
    low, high = 100 * interval(gains, [question.document_id for question in questions])
    return f"{100 * gains.mean():>9.1f}{f'{low:.1f} to {high:.1f}':>15}" + "".join(f"{value:>8.1f}" for value in at)


def interval(values: np.ndarray, groups: Sequence[str]) -> np.ndarray:
    """Return the 95 % interval of the mean, drawing whole documents."""
    names, which = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(which, values), np.bincount(which)
    drawn = np.random.default_rng(0).integers(0, len(names), (ROUNDS, len(names)))
    return np.percentile(sums[drawn].sum(1) / sizes[drawn].sum(1), (2.5, 97.5))


if __name__ == "__main__":
    main(sys.argv[1:])
