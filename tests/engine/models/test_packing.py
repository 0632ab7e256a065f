"""Packed weights are the floats they were made from, bit for bit, and a file whose parts don't fit is refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors.numpy import save, save_file

from engine.errors import ModelError
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR, ModelLibrary
from engine.models.packing import pack, read_weights
from engine.models.safety import check_weights

PUBLISHED = {  # SHA-256 of the same weights as plain floats: what set-up made before it kept the integers
    DEFAULT_GENERATOR: (torch.float32, "3768d549f0ab5161e7a07069632d1aad47a85caa40dfa57c39cf6546d7244b34"),
    CHAT_GENERATOR: (torch.float16, "d8d8571b3af99053c8ad455ce009d8479eec5da515f80a417c075d0a7f317904"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_bundled_models_have_the_weights_they_had_as_floats(name: str) -> None:
    library = ModelLibrary.default()
    if not library.has(name):
        pytest.skip(f"{name} was left out by the set-up")
    stored, digest = PUBLISHED[name]
    weights = read_weights(library.files(name)["model.safetensors"])
    assert {tensor.dtype for tensor in weights.values()} == {torch.float32}
    plain = {matrix: tensor.to(stored) for matrix, tensor in weights.items()}
    assert hashlib.sha256(safetensors.torch.save(plain, metadata={"format": "pt"})).hexdigest() == digest
    assert library.get(name).parameters == sum(tensor.numel() for tensor in weights.values())


def test_bytes_with_one_scale_become_floats_of_its_type() -> None:
    codes = np.array([[0, 128, 255], [1, 2, 3]], np.uint8)
    parts = pack("w", codes, scale=np.array([[0.1]], np.float32), zero=np.array([[128]], np.uint8))

    (weights,) = read_weights(save(parts)).values()
    expected = (codes.astype(np.float32) - np.float32(128)) * np.float32(0.1)
    assert weights.numpy().tobytes() == expected.tobytes()


def test_half_bytes_with_a_scale_and_a_minimum_a_block_become_rounded_floats() -> None:
    nibbles = np.array([[0x10, 0xF2, 0x43, 0x98]], np.uint8)  # two blocks of four values
    scale, minimum = np.array([[0.1, 3.0]], np.float16), np.array([[-1.0, 0.3]], np.float16)
    parts = pack("w", nibbles, scale=scale, minimum=minimum, nibbles=True)

    (weights,) = read_weights(save(parts)).values()
    integers = np.array([[0, 2, 1, 15], [3, 8, 4, 9]], np.float32)
    exact = integers * scale.astype(np.float32).T + minimum.astype(np.float32).T
    assert weights.numpy().tolist() == exact.astype(np.float16).astype(np.float32).reshape(1, 8).tolist()


def test_plain_weights_are_read_as_float32_and_integers_stay() -> None:
    tensors = {"w": np.array([1.5], np.float16), "a.scale": np.array([2.0], np.float32), "ids": np.array([7])}
    weights = read_weights(save(tensors))
    assert {name: (tensor.dtype, tensor.item()) for name, tensor in weights.items()} == {
        "w": (torch.float32, 1.5),
        "a.scale": (torch.float32, 2.0),
        "ids": (torch.int64, 7),
    }


def test_packed_values_count_as_parameters(tmp_path: Path) -> None:
    scale = np.ones((2, 2), np.float16)
    halves = pack("a", np.zeros((2, 4), np.uint8), scale=scale, minimum=scale, nibbles=True)
    whole = pack("b", np.zeros((3, 5), np.uint8), scale=scale[:1, :1], zero=np.zeros((1, 1), np.uint8))
    save_file({**halves, **whole, "norm": np.ones(7, np.float32)}, tmp_path / "w.safetensors")

    assert check_weights(tmp_path / "w.safetensors") == 16 + 15 + 7


HALF, BYTE = np.float16, np.uint8
DAMAGED = {
    "no scale": {"w.codes": np.zeros((2, 4), BYTE)},
    "codes that are floats": {"w.codes": np.zeros((2, 4), HALF), "w.scale": np.ones((1, 1), HALF)},
    "another number of rows": {"w.codes": np.zeros((2, 4), BYTE), "w.scale": np.ones((3, 1), HALF)},
    "blocks that don't divide": {"w.codes": np.zeros((2, 4), BYTE), "w.scale": np.ones((2, 3), HALF)},
    "no block": {"w.codes": np.zeros((2, 4), BYTE), "w.scale": np.ones((2, 0), HALF)},
    "a flat scale": {"w.codes": np.zeros((2, 4), BYTE), "w.scale": np.ones(2, HALF)},
    "an integer scale": {"w.codes": np.zeros((2, 4), BYTE), "w.scale": np.ones((2, 1), np.int32)},
    "many zeros": {
        "w.codes": np.zeros((2, 4), BYTE),
        "w.scale": np.ones((1, 1), HALF),
        "w.zero": np.zeros((2, 1), BYTE),
    },
    "another minimum": {
        "w.nibbles": np.zeros((2, 4), BYTE),
        "w.scale": np.ones((2, 1), HALF),
        "w.minimum": np.ones((1, 1), HALF),
    },
    "two of one matrix": {
        "w.codes": np.zeros((2, 4), BYTE),
        "w.nibbles": np.zeros((2, 4), BYTE),
        "w.scale": np.ones((2, 1), HALF),
    },
    "a plain one beside it": {
        "w.codes": np.zeros((2, 4), BYTE),
        "w.scale": np.ones((2, 1), HALF),
        "w": np.ones((2, 4), HALF),
    },
}


@pytest.mark.parametrize("tensors", DAMAGED.values(), ids=DAMAGED)
def test_parts_that_do_not_fit_are_refused(tensors: dict[str, np.ndarray], tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "w.safetensors")

    with pytest.raises(ModelError, match="the parts of 'w' don't fit each other"):
        check_weights(tmp_path / "w.safetensors")
