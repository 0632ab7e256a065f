"""Our retriever's training beside sentence-transformers' trainer: the same pairs, one epoch each, in one run.

usage: python -m tests.benchmarks.retriever_training [PAIRS] [--data FOLDER] [--encoder NAME] [--epochs N] [--ours]

Pairs are questions of `med_covidqa`, or of another question set, with their evidence and the negative that mining ranks
hardest. Theirs is what the documentation of MultipleNegativesRankingLoss shows: batches of 16 without duplicates,
learning rate 2e-5, a tenth of warm-up, in the precision that our probe chose. Ours is mixed with the untuned weights as
validation questions say, as every training here is. Both are measured on the test questions, over the passages of their
articles and others, 1,200 in all: nDCG@10 of the dense ranking, and of the hybrid one with its weight tuned on
validation questions; and on the general check set, which no one trained on.

sentence-transformers is no package of this program's: see tests/benchmarks/encoder_speed.py. With `--ours` it is not
needed.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from engine.device import Device, Precision
from engine.evaluation.metrics import ndcg_at
from engine.importing import ImportFiles
from engine.jobs import Event, Measured, Monitor
from engine.models.library import DEFAULT_ENCODER, ModelLibrary
from engine.questions.split import hold_out
from engine.records import Fusion, Passage, Question
from engine.retrieval.encoder import Encoder
from engine.retrieval.fusion import DENSE_ONLY, mean_metric, tune
from engine.retrieval.index import index_of
from engine.retrieval.retriever import Retriever, load_retriever
from engine.session import BASE, Session
from engine.settings import RetrieverSettings
from engine.training.forgetting import general_ndcg
from engine.training.loop import Plan, train
from engine.training.retriever import Pair, RetrieverTask, Validation, fitted, interpolate, mine
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "med_covidqa"
PASSAGES = 1200
THEIR_BATCH = 16
THEIR_RATE = 2e-5


def main() -> None:
    """Train both, measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=int, nargs="?", default=400)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of a question set")
    parser.add_argument("--encoder", default=DEFAULT_ENCODER)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--ours", action="store_true", help="train by our loop only")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Workspace.create(Path(folder) / "w") as workspace:
        session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device.detect("cpu"))
        corpus = smaller_corpus(Path(folder), chosen.data, chosen.pairs)
        files = (str(corpus), str(chosen.data / "test.jsonl"), str(Path(folder) / "train.jsonl"))
        ImportFiles(files).run(session, Monitor())
        stored = workspace.questions
        training, validation = hold_out([one for one in stored.list("train") if one.evidence], share=0.2)
        test = [one for one in stored.list("test") if one.evidence]
        passages = {passage.id: passage for passage in workspace.documents.passages()}
        retriever = load_retriever(session, replace(session.run(BASE), encoder=chosen.encoder), Monitor())
        pairs = mine(training, passages, retriever, RetrieverSettings(), Monitor())
        bench = Bench(session, retriever, passages, validation, test)
        print(f"{len(pairs)} pairs, {len(passages)} passages, {len(validation)} validation, {len(test)} test questions")
        bench.row("untuned", retriever.encoder, None)
        held_out = Validation(validation, passages, retriever, Monitor())
        encoder, seconds = ours(session, chosen.encoder, pairs, held_out, chosen.epochs)
        bench.row("ours", encoder, chosen.epochs * len(pairs) / seconds)
        if not chosen.ours:
            encoder, seconds = theirs(session, chosen.encoder, encoder.precision, pairs, Path(folder) / "theirs")
            bench.row("sentence-transformers", encoder, len(pairs) / seconds)


class Bench:
    """Measures encoders on the test questions."""

    def __init__(
        self,
        session: Session,
        retriever: Retriever,
        passages: dict[str, Passage],
        validation: Sequence[Question],
        test: Sequence[Question],
    ) -> None:
        self._session = session
        self._retriever = retriever
        self._passages = passages
        self._validation = validation
        self._test = test

    def row(self, name: str, encoder: Encoder, pairs_a_second: float | None) -> None:
        """Print nDCG@10 with this encoder."""
        ids = list(self._passages)
        vectors = encoder.encode([encoder.input_of(self._passages[one]) for one in ids])
        index = index_of(self._session.workspace, ids, vectors)
        retriever = Retriever(workspace=self._session.workspace, encoder=encoder, index=index, fusion=Fusion())
        found, evidence = candidates(retriever, self._validation)
        fusion = tune(found, evidence, metric=ndcg_at)
        found, evidence = candidates(retriever, self._test)
        dense = mean_metric(found, evidence, DENSE_ONLY, metric=ndcg_at)
        hybrid = mean_metric(found, evidence, fusion, metric=ndcg_at)
        pace = "" if pairs_a_second is None else f", {pairs_a_second:.1f} pairs a second of processor time"
        print(f"{name}: dense {100 * dense:.1f}, hybrid {100 * hybrid:.1f} (weight {fusion.weight}){pace}", flush=True)
        print(f"  on the general check set {100 * general_ndcg(encoder):.1f}", flush=True)


def candidates(retriever: Retriever, questions: Sequence[Question]) -> tuple[list[Any], list[tuple[str, ...]]]:
    """Return what is found for the questions, and their evidence."""
    return retriever.candidates([one.question for one in questions]), [one.evidence for one in questions]


def smaller_corpus(folder: Path, data: Path, count: int) -> Path:
    """Write the training questions used, and the records they and the test questions need, with others."""
    rows = [json.loads(line) for line in (data / "train.jsonl").read_text("utf-8").splitlines()]
    chosen = random.Random(0).sample(rows, min(len(rows), round(count / 0.8)))
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, chosen)), encoding="utf-8")
    tested = [json.loads(line) for line in (data / "test.jsonl").read_text("utf-8").splitlines()]
    needed = {one for row in (*chosen, *tested) for one in row["context_ids"]}
    records = (data / "corpus.jsonl").read_text("utf-8").splitlines()
    records.sort(key=lambda line: json.loads(line)["id"] not in needed)
    kept = records[: max(len(needed), PASSAGES)]
    (folder / "corpus.jsonl").write_text("\n".join(kept), encoding="utf-8")
    return folder / "corpus.jsonl"


def ours(
    session: Session, name: str, pairs: Sequence[Pair], validation: Validation, epochs: int
) -> tuple[Encoder, float]:
    """Train by our loop; return the encoder and the processor time of the steps."""
    encoder = Encoder(session.model_files(name), session.device)
    base = {name: tensor.detach().clone() for name, tensor in encoder.model.state_dict().items()}
    settings = fitted(RetrieverSettings(epochs=epochs), encoder, pairs)
    rising = iter(range(100))  # keeps the last weights
    task = RetrieverTask(encoder, pairs, settings, score=lambda encoder: float(next(rising)), seed=0)
    task.fit_memory(session.device)
    plan = Plan(epochs, settings.learning_rate, settings.warmup_share, patience=9)
    run = session.run(BASE)
    session.workspace.runs.add(run.__class__("bench", "retriever", run.encoder, run.generator, run.fusion))
    ends: list[float] = []

    def listen(event: Event) -> None:
        if isinstance(event, Measured) and "retriever/train_loss" in event.values:
            ends.append(time.process_time())

    outcome = train(
        task, plan, run_id="bench", workspace=session.workspace, device=session.device, monitor=Monitor(listen=listen)
    )
    encoder.model.eval()
    share = interpolate(encoder, base, validation.gains, Monitor())
    print(
        f"ours: {outcome.steps} steps in {outcome.probe.precision}, temperature {settings.temperature:.3g}, "
        f"share of the tuned weights {share}",
        flush=True,
    )
    return encoder, whole(ends)


def whole(ends: Sequence[float]) -> float:
    """Return the time of all steps from their ends: the first, which starts slowly, counts as the others' mean."""
    return (ends[-1] - ends[0]) * len(ends) / (len(ends) - 1)


def theirs(
    session: Session, name: str, precision: Precision, pairs: Sequence[Pair], folder: Path
) -> tuple[Encoder, float]:
    """Train by sentence-transformers' trainer; return its weights in an encoder of ours, and the processor time."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
    from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from sentence_transformers.sentence_transformer.training_args import (
        BatchSamplers,
        SentenceTransformerTrainingArguments,
    )
    from transformers import TrainerCallback

    transformer = Transformer(str(session.library.folder(name)), max_seq_length=256)
    pooling = Pooling(transformer.get_embedding_dimension())
    model = SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu")
    model.float()  # the library's file has fewer bits
    rows = [
        {"anchor": pair.question, "positive": "".join(pair.positive), "negative": "".join(pair.negatives[0][1])}
        for pair in pairs
        if pair.negatives
    ]
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=THEIR_BATCH,
        learning_rate=THEIR_RATE,
        warmup_steps=0.1,
        bf16=precision == "bf16",
        use_cpu=True,
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    trainer = SentenceTransformerTrainer(
        model=model, args=arguments, train_dataset=Dataset.from_list(rows), loss=MultipleNegativesRankingLoss(model)
    )
    ends: list[float] = []

    class Clock(TrainerCallback):
        """Notes when each step ended."""

        def on_step_end(self, *given: Any, **named: Any) -> None:
            ends.append(time.process_time())

    trainer.add_callback(Clock())
    trainer.train()
    encoder = Encoder(session.model_files(name), session.device)
    trained: dict[str, torch.Tensor] = transformer.auto_model.state_dict()
    encoder.model.load_state_dict({name: trained[name] for name in encoder.model.state_dict()})
    return encoder, whole(ends)


if __name__ == "__main__":
    main()
