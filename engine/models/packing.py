"""Weights that lie on the disk as the integers they were published in, and are the same floats again when loaded.

A model that was quantised by whoever published it gains nothing from lying here as floats: the integers with their
scales hold exactly as much in a quarter of the space. A packed matrix NAME of shape (rows, columns) is, in safetensors:

    NAME.codes     U8   (rows, columns)       one integer a value, or
    NAME.nibbles   U8   (rows, columns / 2)   two: a block's first half in the low bits, its second in the high bits
    NAME.scale     F16 or F32  (rows, blocks), or (1, 1) for the whole; the values have its type
    NAME.zero      U8   (1, 1), where there is one
    NAME.minimum   like the scale, where there is one

    value = (integer − zero) × scale + minimum, in float32, rounded to the scale's type
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

CODES, NIBBLES = ".codes", ".nibbles"
SCALE, ZERO, MINIMUM = ".scale", ".zero", ".minimum"
_FLOATS = ("F16", "F32")
_VALUES_AT_ONCE = 1 << 20  # what is made on the way stays in the cache: twice as fast as a whole matrix


def pack(
    name: str,
    codes: np.ndarray,
    *,
    scale: np.ndarray,
    zero: np.ndarray | None = None,
    minimum: np.ndarray | None = None,
    nibbles: bool = False,
) -> dict[str, np.ndarray]:
    """Return the tensors that stand for the matrix `name`; `read_weights` makes its values of them."""
    parts = {NIBBLES if nibbles else CODES: codes, SCALE: scale, ZERO: zero, MINIMUM: minimum}
    return {name + suffix: part for suffix, part in parts.items() if part is not None}


def read_weights(content: bytes) -> dict[str, torch.Tensor]:
    """Return the weights of a safetensors file in float32, packed ones unpacked: the one way to load a model."""
    import safetensors.torch

    tensors = safetensors.torch.load(content)
    weights: dict[str, torch.Tensor] = {}
    for name in list(tensors):
        if name not in tensors:
            continue  # a part of one before
        matrix, suffix = _split(name)
        if suffix in (CODES, NIBBLES):
            weights[matrix] = _unpacked(matrix, suffix, tensors)
        elif not _belongs_to_packed(name, tensors):
            tensor = tensors.pop(name)
            weights[name] = tensor.float() if tensor.is_floating_point() else tensor
    return weights


def count_packed(header: Mapping[str, Mapping[str, Any]]) -> int:
    """Count the values of a header's packed matrices beyond the floats that are in it already.

    Raises ValueError where the parts of a matrix don't fit each other: what passes can be unpacked.
    """
    total = 0
    for name, entry in header.items():
        matrix, suffix = _split(name)
        if suffix not in (CODES, NIBBLES):
            continue
        parts = {part: header[matrix + part] for part in (SCALE, ZERO, MINIMUM) if matrix + part in header}
        scale = parts.get(SCALE, {"dtype": "", "shape": ()})
        fits = (
            entry["dtype"] == "U8"
            and len(entry["shape"]) == len(scale["shape"]) == 2
            and scale["dtype"] in _FLOATS
            and scale["shape"][0] in (1, entry["shape"][0])
            and scale["shape"][1] > 0
            and entry["shape"][1] % scale["shape"][1] == 0
            and parts.get(ZERO, {"dtype": "U8"})["dtype"] == "U8"
            and list(parts.get(ZERO, {"shape": [1, 1]})["shape"]) == [1, 1]
            and parts.get(MINIMUM, scale)["dtype"] == scale["dtype"]
            and list(parts.get(MINIMUM, scale)["shape"]) == list(scale["shape"])
        )
        if not fits or {matrix, matrix + CODES, matrix + NIBBLES} & header.keys() != {name}:
            raise ValueError(f"the parts of {matrix!r} don't fit each other")
        values = entry["shape"][0] * entry["shape"][1] * (2 if suffix == NIBBLES else 1)
        floats = scale["shape"][0] * scale["shape"][1] * (2 if MINIMUM in parts else 1)
        total += values - floats
    return total


def _split(name: str) -> tuple[str, str]:
    """Return a tensor's name as matrix and the suffix of its part; ("", "") where it has no suffix."""
    matrix, dot, part = name.rpartition(".")
    return matrix, dot + part


def _belongs_to_packed(name: str, tensors: Mapping[str, Any]) -> bool:
    matrix, suffix = _split(name)
    return suffix in (SCALE, ZERO, MINIMUM) and (matrix + CODES in tensors or matrix + NIBBLES in tensors)


def _unpacked(matrix: str, suffix: str, tensors: dict[str, torch.Tensor]) -> torch.Tensor:
    """Take the parts of one matrix out of `tensors` and return its values, float32 of shape (rows, columns)."""
    codes, scale = tensors.pop(matrix + suffix), tensors.pop(matrix + SCALE)
    zero, minimum = tensors.pop(matrix + ZERO, None), tensors.pop(matrix + MINIMUM, None)
    import torch

    rows, stored = codes.shape
    columns = 2 * stored if suffix == NIBBLES else stored
    values = torch.empty(rows, columns)
    step = max(1, _VALUES_AT_ONCE // max(1, columns))
    for begin in range(0, rows, step):
        these = slice(begin, begin + step)
        of_these = these if len(scale) == rows else slice(None)
        part = codes[these].view(-1, scale.shape[1], stored // scale.shape[1])  # (rows, blocks, integers or pairs)
        if suffix == NIBBLES:
            part = torch.cat((part & 15, part >> 4), dim=2)
        made = values[these].view(part.shape)
        made.copy_(part)
        if zero is not None:
            made -= zero.float().unsqueeze(2)
        made *= scale[of_these].float().unsqueeze(2)
        if minimum is not None:
            made += minimum[of_these].float().unsqueeze(2)
        if scale.dtype != torch.float32:
            made.copy_(made.to(scale.dtype))
    return values
