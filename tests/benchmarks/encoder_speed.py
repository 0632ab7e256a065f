"""The encoder against SentenceTransformer.encode, side by side on the same passages.

usage: python -m tests.benchmarks.encoder_speed [PASSAGES]

sentence-transformers (6.2) is no package of this program's: install it without dependencies, with scikit-learn, scipy,
joblib, threadpoolctl, narwhals and accelerate, into a folder of its own (`pip install --target`) and name that in
PYTHONPATH. Without it only our own encoder is timed, in each precision.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.device import Device
from engine.models.library import BETTER_ENCODER, DEFAULT_ENCODER, ModelLibrary
from engine.models.safety import TOKENIZER_CONFIG
from engine.retrieval.encoder import Encoder

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "med_covidqa" / "corpus.jsonl"
WORDS = 125  # some 170 tokens


def main(arguments: list[str]) -> None:
    """Print passages a second and the worst cosine to fp32."""
    count = int(arguments[0]) if arguments else 400
    texts = [json.loads(line)["text"] for line in DATA.read_text("utf-8").splitlines()]
    words = " ".join(texts).split()
    texts = [" ".join(words[start : start + WORDS]) for start in range(0, count * WORDS, WORDS)]
    library, device = ModelLibrary.default(), Device.detect("cpu")
    for name in (DEFAULT_ENCODER, BETTER_ENCODER):
        encoder = Encoder(library.files(name), device)
        tokens = np.mean([len(row) for row in encoder.token_ids(texts)])
        encoder._precision = "fp32"
        exact, exact_rate = timed(lambda: encoder.encode(texts), count)  # noqa: B023 - called at once
        encoder._precision = None
        probed, rate = timed(lambda: encoder.encode(texts), count)  # noqa: B023
        print(
            f"{name}: {tokens:.0f} tokens a passage; fp32 {exact_rate:.1f}, {encoder.precision} {rate:.1f} a second; "
            f"worst cosine {float((exact * probed).sum(1).min()):.5f}",
            flush=True,
        )
        limit = json.loads(library.files(name)[TOKENIZER_CONFIG])["model_max_length"]
        theirs = reference(library.folder(name), texts, count, threads=device.cores, most_tokens=limit)
        if theirs is not None:
            vectors, their_rate = theirs
            print(
                f"  SentenceTransformer.encode {their_rate:.1f}: ours {rate / their_rate:.2f} times as fast, "
                f"worst cosine {float((vectors * probed).sum(1).min()):.5f}",
                flush=True,
            )


def timed(encode: Callable[[], np.ndarray], count: int) -> tuple[np.ndarray, float]:
    """Return the vectors and passages a second, the faster of two runs."""
    best, vectors = 0.0, encode()
    for _ in range(2):
        started = time.perf_counter()
        vectors = encode()
        best = max(best, count / (time.perf_counter() - started))
    return vectors, best


def reference(
    folder: Path, texts: list[str], count: int, *, threads: int, most_tokens: int
) -> tuple[np.ndarray, float] | None:
    """Return sentence-transformers' vectors and rate, as it comes; None where it is not installed."""
    try:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    except ImportError:
        return None
    import torch

    torch.set_num_threads(threads)
    transformer = Transformer(str(folder), max_seq_length=most_tokens, model_kwargs={"dtype": torch.float32})
    model = SentenceTransformer(
        modules=[transformer, Pooling(transformer.get_embedding_dimension()), Normalize()],
        device="cpu",
    )
    return timed(lambda: model.encode(texts, show_progress_bar=False), count)


if __name__ == "__main__":
    main(sys.argv[1:])
