"""Rounds a model's matrices to eight bits, as llama.cpp's Q8_0 does: each 32 values of a row share a scale.

A value moves by a 254th part of the largest in its block at most.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from engine.models.packing import pack

BLOCK = 32
_LEAST_VALUES = 1 << 16  # smaller matrices hold nothing worth packing
_ZERO, _MOST = 128, 127


def rounded(tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what stands for `tensors`: the large matrices packed, the others as they are.

    Raises ValueError for a large matrix whose rows don't divide into blocks.
    """
    parts: dict[str, np.ndarray] = {}
    for name, tensor in tensors.items():
        large = tensor.ndim == 2 and tensor.size >= _LEAST_VALUES
        parts |= _packed(name, tensor) if large else {name: tensor}
    return parts


def _packed(name: str, matrix: np.ndarray) -> dict[str, np.ndarray]:
    rows, columns = matrix.shape
    if columns % BLOCK:
        raise ValueError(f"{name} has rows of {columns} values, which don't divide into blocks of {BLOCK}.")
    blocks = matrix.astype(np.float32).reshape(rows, -1, BLOCK)
    scale = (np.abs(blocks).max(axis=2) / _MOST).astype(np.float16)
    scale[scale == 0] = 1  # a block of zeros
    steps = np.rint(blocks / scale.astype(np.float32)[:, :, None]).clip(-_MOST, _MOST) + _ZERO
    codes = steps.astype(np.uint8).reshape(rows, columns)
    return pack(name, codes, scale=scale, zero=np.array([[_ZERO]], np.uint8))
