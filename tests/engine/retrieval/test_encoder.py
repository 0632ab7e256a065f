"""The encoder: unit vectors whatever the batch, and the pooling, prefixes and length of its folder."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from engine.device import Device
from engine.models.library import BETTER_ENCODER, DEFAULT_ENCODER, ModelLibrary
from engine.models.sentence import SENTENCE, SentenceSettings
from engine.records import Passage
from engine.retrieval.encoder import Encoder, length_buckets

# onnxruntime 1.32 on the graph gte-small was made from: the first six of the mean-pooled unit vectors' 384 values
FROM_ONNXRUNTIME = {
    "The patient was given 5 mg of prednisolone.": (-0.06529, 0.002403, 0.059537, -0.02486, -0.041207, -0.000266),
    "Either party may terminate this agreement with thirty days' notice.": (
        -0.051432, -0.037463, 0.016471, -0.020499, -0.025709, -0.000864,
    ),
}  # fmt: skip


@pytest.fixture
def files(tiny_library: ModelLibrary) -> dict[str, bytes]:
    return tiny_library.files(DEFAULT_ENCODER)


def encoder(files: dict[str, bytes], sentence: SentenceSettings | None = None, *, max_tokens: int = 256) -> Encoder:
    settings = json.loads(files["tokenizer_config.json"]) | {"model_max_length": max_tokens}
    changed = files | {"tokenizer_config.json": json.dumps(settings).encode()}
    return Encoder(changed | ({SENTENCE: sentence.to_bytes()} if sentence else {}), Device.detect("cpu"))


def test_vectors_are_unit_and_the_same_whatever_they_are_batched_with(files: dict[str, bytes]) -> None:
    texts = ["short", "a much longer text about amoxicillin " * 30, "short"]
    made = encoder(files)
    vectors = made.encode(texts)
    assert vectors.shape == (3, made.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-3)
    assert float(vectors[0] @ made.encode(["short"])[0]) > 0.999


def test_questions_and_passages_have_their_own_prefix(files: dict[str, bytes]) -> None:
    plain, prefixed = encoder(files), encoder(files, SentenceSettings("mean", "query: ", "passage: "))

    assert prefixed.token_ids(["dose"], questions=True) == plain.token_ids(["query: dose"])
    assert prefixed.token_ids(["dose"]) == plain.token_ids(["passage: dose"])
    asked = prefixed.encode(["dose"], questions=True)
    assert float((asked @ plain.encode(["query: dose"]).T)[0, 0]) > 0.9999


def test_the_first_token_is_taken_where_the_folder_says_so(files: dict[str, bytes]) -> None:
    first, mean = encoder(files, SentenceSettings("cls")), encoder(files)
    hidden = first.model(first_ids(first, "the dose")).last_hidden_state[0, 0].detach().numpy()

    assert first.encode(["the dose"])[0] == pytest.approx(hidden / np.linalg.norm(hidden), abs=2e-2)
    assert float(first.encode(["the dose"])[0] @ mean.encode(["the dose"])[0]) < 0.999


def first_ids(made: Encoder, text: str):
    import torch

    return torch.tensor(made.token_ids([text]))


@pytest.mark.parametrize("max_tokens", [16, 300, 4096])
def test_the_length_limit_is_the_models(files: dict[str, bytes], max_tokens: int) -> None:
    made = encoder(files, max_tokens=max_tokens)
    assert len(made.token_ids(["dose " * 600])[0]) == min(max_tokens, 512)  # 512 positions are all there are


def test_long_heads_lose_their_first_words_so_that_the_passage_is_whole(files: dict[str, bytes]) -> None:
    made, text = encoder(files), "dose " * 200 + "is given at noon."
    headings = " › ".join(
        f"Chapter {number} on medicines and their use in hospitals and at home" for number in range(9)
    )
    long = Passage("p", "d", "The hospital's handbook", text, None, headings, 0, len(text))
    (ids,) = made.token_ids([made.input_of(long)])
    embedded = made.tokenizer.decode(ids)
    assert len(ids) <= 256
    assert embedded.endswith("is given at noon.")
    assert "chapter 8 on medicines" in embedded and "chapter 1 on" not in embedded

    short, longer = replace(long, section="Chapter 1"), replace(long, text=text * 2)
    for passage in (short, longer):  # there is room for all, or for no more than a part of the text
        assert made.token_ids([made.input_of(passage)]) == made.token_ids([passage.indexed_text])


def test_gte_small_gives_the_vectors_of_the_graph_it_was_made_from_but_for_eight_bits() -> None:
    library = ModelLibrary.default()
    if BETTER_ENCODER not in {info.name for info in library.list()}:
        pytest.skip("set-up had no npm registry")
    made = Encoder(library.files(BETTER_ENCODER), Device.detect("cpu"))
    made._precision = "fp32"

    vectors = made.encode(list(FROM_ONNXRUNTIME))

    assert vectors[:, :6] == pytest.approx(np.array(list(FROM_ONNXRUNTIME.values())), abs=2e-3)
    assert made.token_ids(["dose " * 600])[0][-1] == 102 and len(made.token_ids(["dose " * 600])[0]) == 512


def test_length_buckets_take_every_row_once_within_the_budget() -> None:
    lengths = [5, 100, 7, 90, 3, 1, 0]
    batches = list(length_buckets(lengths, 200))
    assert sorted(row for batch in batches for row in batch) == list(range(7))
    assert all(len(batch) * max(lengths[row] for row in batch) <= 200 for batch in batches)
