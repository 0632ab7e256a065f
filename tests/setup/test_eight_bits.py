"""Matrices in eight bits are what they were but for half a step, and are read back as any packed ones are."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import save

from engine.models.packing import read_weights


def test_large_matrices_move_by_half_a_step_and_the_others_stay() -> None:
    from conversion.eight_bits import BLOCK, rounded

    draw = np.random.default_rng(0)
    matrix = draw.normal(size=(1024, 2 * BLOCK)).astype(np.float16)
    matrix[3] = 0  # blocks of zeros have no scale of their own
    matrix[4, 0] = 100  # an outlier costs its own block's steps only
    small, bias = draw.normal(size=(2, 32)).astype(np.float16), np.arange(3, dtype=np.float16)
    parts = rounded({"w": matrix, "small": small, "bias": bias})

    assert sum(part.nbytes for name, part in parts.items() if name.startswith("w.")) < 0.54 * matrix.nbytes
    read = {name: tensor.numpy() for name, tensor in read_weights(save(parts)).items()}
    assert read.keys() == {"w", "small", "bias"}
    assert (read["small"] == small).all()
    assert (read["bias"] == bias).all()
    exact = matrix.astype(np.float32)
    step = np.abs(exact).reshape(1024, 2, BLOCK).max(axis=2, keepdims=True) / 127
    moved = np.abs(read["w"] - exact).reshape(1024, 2, BLOCK)
    assert (moved <= 0.51 * step + 2**-11 * np.abs(exact).reshape(moved.shape) + 1e-7).all()
    assert (read["w"][3] == 0).all()
    assert moved[4, 1].max() < 0.02


def test_rows_that_do_not_divide_into_blocks_are_refused() -> None:
    from conversion.eight_bits import rounded

    with pytest.raises(ValueError, match="rows of 33 values"):
        rounded({"w": np.zeros((4096, 33), np.float32)})
