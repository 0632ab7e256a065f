"""Retrieval on the shared question sets: BM25, dense, reciprocal ranks, fixed and tuned weight, untuned and tuned.

usage: python -m tests.benchmarks.retrieval_sets [SET…] [--seeds 0 1 2] [--encoders NAME…] [--preset NAME] [--heads off]

Prints one line a row: nDCG@10 and hit@1/5/20 on the test questions, with the 95 % interval of a bootstrap over
documents. `--seeds` trains the retriever with each of them, as `train --what retriever` does, and adds its rows and
what they gain in hit@1 over the best untuned row of the same encoder. `--heads off` embeds and matches passages without
title and section path.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np

from engine.device import Device
from engine.evaluation.metrics import hit_at, ndcg_at
from engine.evaluation.significance import intervals
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import BETTER_ENCODER, DEFAULT_ENCODER, ModelLibrary
from engine.records import Fusion, Passage, Question, Run
from engine.retrieval.base_fusion import labelled
from engine.retrieval.fusion import Candidates, tune
from engine.retrieval.retriever import Mode, Retriever, load_encoder, load_retriever
from engine.session import BASE, Session
from engine.settings import PRESETS
from engine.training.forgetting import GENERAL, general_ndcg
from engine.training.job import Train
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
DEPTH = 20  # passages of a ranking
SETS = ("med_covidqa", "law_legalbenchrag", "tech_pyfaq", "med_pubmedqa")


@dataclass(frozen=True, slots=True)
class Row:
    """What one way of retrieving found for the test questions."""

    encoder: str
    name: str
    gains: np.ndarray  # nDCG@10 of each question
    hits: dict[int, np.ndarray]  # hit@k of each question, by k
    documents: tuple[str, ...]  # what each question is about

    def __str__(self) -> str:
        low, high = _interval(self.gains, self.documents)
        at = "".join(f"{100 * hits.mean():>8.1f}" for hits in self.hits.values())
        between = f"{low:.1f} to {high:.1f}"
        return f"{f'{self.encoder[:10]} {self.name}':<28}{100 * self.gains.mean():>9.1f}{between:>15}{at}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", default=SETS, metavar="SET")
    parser.add_argument("--seeds", nargs="*", type=int, default=())
    parser.add_argument("--encoders", nargs="*", default=())
    parser.add_argument("--preset", choices=PRESETS, default="balanced")
    parser.add_argument("--heads", choices=("on", "off"), default="on")
    chosen = parser.parse_args()
    print(f"{'set':<20}{'row':<28}{'nDCG@10':>9}{'95 %':>15}{'hit@1':>8}{'hit@5':>8}{'hit@20':>8}", flush=True)
    for name in chosen.sets:
        with tempfile.TemporaryDirectory() as folder, Workspace.create(Path(folder) / "w") as workspace:
            session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
            plain = patch.object(Passage, "heads", "")
            with plain if chosen.heads == "off" else nullcontext():
                files = [DATA / name / file for file in ("corpus.jsonl", "train.jsonl", "test.jsonl")]
                ImportFiles(tuple(str(file) for file in files)).run(session, Monitor())
                for encoder in chosen.encoders or _bundled(session.library):
                    _measure(session, name, encoder, chosen.seeds, chosen.preset)


def _bundled(library: ModelLibrary) -> list[str]:
    return [name for name in (DEFAULT_ENCODER, BETTER_ENCODER) if library.has(name)]  # set-up may have left one out


def _measure(session: Session, name: str, encoder: str, seeds: Sequence[int], preset: str) -> None:
    untuned = []
    for row in untuned_rows(session, encoder):
        untuned.append(row)
        print(f"{name:<20}{row}", flush=True)
    best = max(untuned, key=lambda row: row.hits[1].mean())
    before = 100 * general_ndcg(load_encoder(session, encoder))
    for seed in seeds:
        session.workspace.runs.activate(BASE)
        started = time.perf_counter()
        run = Train(what="retriever", encoder=encoder, preset=preset, seed=seed).run(session, Monitor())
        minutes = (time.perf_counter() - started) / 60
        for row in tuned_rows(session, run, f"seed {seed}"):
            print(f"{name:<20}{row}", flush=True)
            more = row.hits[1] - best.hits[1]
            low, high = _interval(more, row.documents)
            gained = f"{100 * more.mean():+.1f} ({low:+.1f} to {high:+.1f})"
            print(f"{'':<20}  hit@1 {gained} against {best.name}; {minutes:.1f} minutes, kept: {run.kept}", flush=True)
        after = 100 * run.after[GENERAL]
        steps = f"best after {run.best_step} of {run.steps} steps"
        print(f"{'':<20}  general check set {before:.1f} → {after:.1f}; {steps}", flush=True)


def untuned_rows(session: Session, encoder: str) -> Iterator[Row]:
    """Yield the rows of an encoder as it comes."""
    tuning = labelled(session)
    retriever = load_retriever(session, replace(session.run(BASE), encoder=encoder), Monitor())
    found = retriever.candidates([question.question for question in tuning])
    tuned = tune(found, [question.evidence for question in tuning], metric=ndcg_at)
    yield measured(session, retriever, encoder, "BM25", "lexical")
    yield measured(session, retriever, encoder, "dense", "dense")
    questions = _tested(session)
    both = retriever.candidates([question.question for question in questions])
    yield _row(encoder, "RRF", [_by_reciprocal_ranks(one) for one in both], questions)
    for name, fusion in ((f"fixed weight {Fusion().weight:.2f}", Fusion()), (f"weight {tuned.weight:.2f}", tuned)):
        retriever.fusion = fusion
        yield measured(session, retriever, encoder, name, "hybrid")


def _by_reciprocal_ranks(found: Candidates) -> list[str]:
    """Rank by Σ 1 / (60 + rank) over the lists a passage stands in (Cormack, Clarke & Büttcher 2009)."""
    scores = np.zeros(len(found.passage_ids))
    for values, stands in ((found.dense, True), (found.lexical, found.lexical > 0)):
        ranks = np.argsort(np.argsort(-values, kind="stable")) + 1
        scores += np.where(stands, 1 / (60 + ranks), 0.0)
    return [found.passage_ids[row] for row in np.argsort(-scores, kind="stable")[:DEPTH]]


def tuned_rows(session: Session, run: Run, name: str) -> Iterator[Row]:
    """Yield the rows of a tuned run."""
    retriever = load_retriever(session, run, Monitor())
    modes: tuple[Mode, ...] = ("dense", "hybrid")
    for mode in modes:
        yield measured(session, retriever, "tuned", f"{mode}, {name}", mode)


def measured(session: Session, retriever: Retriever, encoder: str, name: str, mode: Mode) -> Row:
    """Search for all test questions."""
    questions = _tested(session)
    search = retriever.lexical.hits if mode == "lexical" else partial(retriever.search, mode=mode)
    hits = search([question.question for question in questions], top_k=DEPTH)
    return _row(encoder, name, [[hit.passage.id for hit in one] for one in hits], questions)


def _tested(session: Session) -> list[Question]:
    return [question for question in session.workspace.questions.list("test") if question.evidence]


def _row(encoder: str, name: str, rankings: Sequence[list[str]], questions: Sequence[Question]) -> Row:
    pairs = [(ids, question.evidence) for ids, question in zip(rankings, questions, strict=True)]
    return Row(
        encoder,
        name,
        np.array([ndcg_at(ids, evidence) for ids, evidence in pairs]),
        {k: np.array([hit_at(ids, evidence, k=k) for ids, evidence in pairs], dtype=float) for k in (1, 5, 20)},
        tuple(question.document_id for question in questions),
    )


def _interval(values: np.ndarray, documents: Sequence[str]) -> tuple[float, float]:
    """The 95 % interval of the mean, in points."""
    ((low, high),) = intervals(values[:, None], documents, seed=0)
    return 100 * low, 100 * high


if __name__ == "__main__":
    main()
