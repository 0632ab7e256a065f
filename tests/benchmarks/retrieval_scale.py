"""Search over very many passages: time of a question, recall against exact search, memory, adding and removing.

usage: python -m tests.benchmarks.retrieval_scale FOLDER [--passages 1000000]

The text is synthetic, its words as frequent as Zipf's law says; the vectors are made of MiniLM's for real passages, two
mixed with noise of their own covariance. Each number is printed as soon as it is known, a JSON object a line.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import psutil

from engine.device import Device
from engine.jobs import Monitor
from engine.models.library import DEFAULT_ENCODER, ModelLibrary
from engine.records import Document, Passage
from engine.retrieval.encoder import Encoder
from engine.retrieval.index import FLAT_MAX, DenseIndex
from engine.retrieval.retriever import open_retriever, vectors_key
from engine.session import Session
from engine.workspace.workspace import Workspace

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "med_covidqa"
WORDS = 150_000
PASSAGE_WORDS = 70
PASSAGES_A_DOCUMENT = 100
BATCH_DOCUMENTS = 200
REAL = 1_000  # passages whose vectors the others are made of
QUESTIONS = 200
TOP_K = 10


def say(**values: object) -> None:
    """Print one measurement."""
    print(json.dumps(values), flush=True)


def main() -> None:
    """Build, measure, add, remove."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--passages", type=int, default=1_000_000)
    given = parser.parse_args()
    generator = np.random.default_rng(0)
    library, device = ModelLibrary.default(), Device.detect("cpu")
    encoder = Encoder(library.files(DEFAULT_ENCODER), device)
    real, questions = real_vectors(encoder)
    with Workspace.create(given.folder / "w") as workspace:
        session = Session(workspace=workspace, library=library, device=device)
        key = vectors_key(session, DEFAULT_ENCODER)
        text = Text(generator)
        started = time.perf_counter()
        fill(workspace, key, text, Mixture(real, generator), given.passages, "")
        say(passages=given.passages, stored_s=time.perf_counter() - started)
        measure(session, key, text, questions, library)
        change(session, key, text, Mixture(real, generator))


def real_vectors(encoder: Encoder) -> tuple[np.ndarray, np.ndarray]:
    """Return MiniLM's vectors of real passages and of real questions."""
    corpus = [json.loads(line)["text"] for line in (DATA / "corpus.jsonl").read_text("utf-8").splitlines()]
    asked = [json.loads(line)["question"] for line in (DATA / "train.jsonl").read_text("utf-8").splitlines()]
    return encoder.encode([text[:600] for text in corpus[:REAL]]), encoder.encode(asked[:QUESTIONS], questions=True)


class Text:
    """Passages and questions of a made-up language."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        weights = 1 / (np.arange(WORDS) + 2.7)
        self._ends = np.cumsum(weights / weights.sum())
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        self.words = ["".join(letters[generator.integers(0, 26, 2 + len(str(rank)))]) + "x" for rank in range(WORDS)]

    def draw(self, count: int) -> list[str]:
        """Return `count` words, frequent ones often."""
        ranks = np.searchsorted(self._ends, self._generator.random(count))
        return [self.words[rank] for rank in np.minimum(ranks, WORDS - 1)]

    def question(self) -> str:
        """Ten words, each as frequent as in the text: half of them are among the 300 most frequent."""
        return " ".join(self.draw(10))


class Mixture:
    """Vectors of the distribution of real ones."""

    def __init__(self, real: np.ndarray, generator: np.random.Generator) -> None:
        self._real = real
        self._generator = generator
        self._spread = np.linalg.cholesky(np.cov(real.T) + 1e-6 * np.eye(real.shape[1])).astype(np.float32)

    def draw(self, count: int) -> np.ndarray:
        """Return unit vectors, float32 of shape (count, dimension)."""
        first, second = self._generator.integers(0, len(self._real), (2, count))
        noise = self._generator.standard_normal((count, self._real.shape[1]), dtype=np.float32) @ self._spread.T
        vectors = 0.6 * self._real[first] + 0.25 * self._real[second] + 0.5 * noise
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def documents(text: Text, count: int, name: str) -> Iterator[tuple[Document, Sequence[Passage], str]]:
    """Yield documents of passages of made-up text."""
    words = iter(text.draw(count * PASSAGES_A_DOCUMENT * PASSAGE_WORDS))
    for number in range(count):
        own = f"{name}{number}"
        texts = [" ".join(next(words) for _ in range(PASSAGE_WORDS)) for _ in range(PASSAGES_A_DOCUMENT)]
        passages = [Passage(f"{own}:{row}", own, own, one, None, "", row, row + 1) for row, one in enumerate(texts)]
        yield Document(own, own, f"/{own}", own, "txt", "-"), passages, ""


def fill(workspace: Workspace, key: str, text: Text, vectors: Mixture, count: int, name: str) -> None:
    """Store `count` passages with their vectors."""
    for batch in range(0, count // PASSAGES_A_DOCUMENT, BATCH_DOCUMENTS):
        size = min(BATCH_DOCUMENTS, count // PASSAGES_A_DOCUMENT - batch)
        items = list(documents(text, size, f"{name}{batch}-"))
        workspace.documents.add_many(items)
        ids = [passage.id for _, passages, _ in items for passage in passages]
        for start in range(0, len(ids), 10_000):
            part = ids[start : start + 10_000]
            workspace.vectors.add(key, part, vectors.draw(len(part)))


def measure(session: Session, key: str, text: Text, questions: np.ndarray, library: ModelLibrary) -> None:
    """Open the index; time questions; compare with exact search."""
    started = time.perf_counter()
    retriever = open_retriever(session, session.run("base"), Monitor())
    say(opened_s=time.perf_counter() - started, cells=retriever.index.divided, flat_max=FLAT_MAX)
    asked = [text.question() for _ in range(QUESTIONS)]
    searches = {
        "hybrid": retriever.search,
        "dense": partial(retriever.search, mode="dense"),
        "lexical": retriever.lexical.hits,
    }
    spent = {mode: timed(lambda one, ask=ask: ask([one], top_k=TOP_K), asked) for mode, ask in searches.items()}
    for mode, (first, p50, p95) in spent.items():
        say(mode=mode, questions=QUESTIONS, first_pass_p95_ms=first, p50_ms=p50, p95_ms=p95)
    exact = DenseIndex(session.workspace.vectors, key, questions.shape[1], flat_max=10**9)
    exact.refresh()
    found, right = (index.search(questions, top_k=TOP_K)[0] for index in (retriever.index, exact))
    del exact
    say(recall_at_10=float(np.mean([len(set(a) & set(b)) / TOP_K for a, b in zip(found, right, strict=True)])))
    memory()


def timed(ask, questions: Sequence[str]) -> tuple[float, float, float]:
    """Return p95 of the first pass over the questions, and p50 and p95 of the second, in milliseconds."""
    passes: list[list[float]] = []
    for _ in range(2):
        spent: list[float] = []
        for question in questions:
            started = time.perf_counter()
            ask(question)
            spent.append((time.perf_counter() - started) * 1000)
        passes.append(spent)
    return float(np.percentile(passes[0], 95)), *(float(np.percentile(passes[1], at)) for at in (50, 95))


def memory() -> None:
    """Print what the process holds: all of it, and what is not a mapped file."""
    held = psutil.Process().memory_full_info()
    say(rss_gib=held.rss / 2**30, own_gib=held.uss / 2**30)


def change(session: Session, key: str, text: Text, vectors: Mixture) -> None:
    """Add a hundred documents of ten passages, and remove them, each up to the first answer after it."""
    items = [(document, passages[:10], "") for document, passages, _ in documents(text, 100, "new")]
    ids = [passage.id for _, passages, _ in items for passage in passages]
    question = items[0][1][3].text[:60]
    for what in ("added", "removed"):
        started = time.perf_counter()
        if what == "added":
            session.workspace.documents.add_many(items)
            stored = time.perf_counter()
            session.workspace.vectors.add(key, ids, vectors.draw(len(ids)))
        else:
            session.workspace.documents.remove([document.id for document, _, _ in items])
            stored = time.perf_counter()
        found = open_retriever(session, session.run("base"), Monitor()).search([question], top_k=TOP_K)[0]
        say(**{f"{what}_100_documents_s": time.perf_counter() - started, "of_it_stored_s": stored - started})
        assert (found[0].passage.id == "new0:3") == (what == "added")


if __name__ == "__main__":
    main()
