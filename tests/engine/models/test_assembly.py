"""A model is whole or is refused: what is missing would be drawn at random, and answer all the same."""

from __future__ import annotations

import pytest
from safetensors.torch import load, save

from engine.device import Device
from engine.errors import ModelError
from engine.generation.weights import load_generator
from engine.models.library import CHAT_GENERATOR, DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary
from engine.retrieval.encoder import Encoder

CPU = Device.detect("cpu")
EVERYTHING = ""


def without(files: dict[str, bytes], part: str) -> dict[str, bytes]:
    """Return a model's files without the weights whose names hold `part`."""
    weights = {name: tensor for name, tensor in load(files["model.safetensors"]).items() if part not in name}
    return {**files, "model.safetensors": save(weights)}


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        (DEFAULT_ENCODER, "layer.1.", "The model lacks 16 of its weights: encoder.layer.1.attention.output.Layer"),
        (DEFAULT_ENCODER, "token_type", "The model lacks 1 of its weights: embeddings.token_type_embeddings.weight."),
        (DEFAULT_GENERATOR, "block.1.", "The model lacks 23 of its weights: "),
        (DEFAULT_GENERATOR, "lm_head", "The model lacks 1 of its weights: lm_head.weight."),
        (CHAT_GENERATOR, "layers.1.", "The model lacks 9 of its weights: "),
        (CHAT_GENERATOR, EVERYTHING, "The model lacks 21 of its weights: "),
    ],
)
def test_a_model_with_missing_weights_is_not_loaded(
    name: str, part: str, said: str, tiny_library: ModelLibrary
) -> None:
    files = without(tiny_library.files(name), part)
    with pytest.raises(ModelError) as refused:
        Encoder(files, CPU) if name == DEFAULT_ENCODER else load_generator(files)
    assert refused.value.message.startswith(said) and refused.value.hint


def test_weights_that_nothing_reads_may_be_missing(tiny_library: ModelLibrary) -> None:
    whole = tiny_library.files(DEFAULT_ENCODER)
    poolerless = without(whole, "pooler.")
    assert poolerless != whole
    vectors = [Encoder(files, CPU).forward([[101, 2000, 102]]).tolist() for files in (whole, poolerless)]
    assert vectors[0] == vectors[1]


def test_tied_weights_are_stored_once(tiny_library: ModelLibrary) -> None:
    files = tiny_library.files(CHAT_GENERATOR)
    assert "lm_head.weight" not in load(files["model.safetensors"])
    model = load_generator(files)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
