"""A document's words as a small sketch by which nearly equal documents are found (MinHash, Broder 1997)."""

from __future__ import annotations

import re
import zlib

import numpy as np

VALUES = 64
_RUN = 3  # words that stand together
_WORDS_MIN = 20  # below it, nearly every text looks like another
_WORDS_AT_ONCE = 1 << 14
_PRIME = np.uint64((1 << 31) - 1)
_WORD = re.compile(r"\w+")

_random = np.random.default_rng(20_231)  # the same in every workspace and version: sketches are kept
_FACTORS = _random.integers(1, int(_PRIME), VALUES, dtype=np.uint64)  # (64,)
_SUMMANDS = _random.integers(0, int(_PRIME), VALUES, dtype=np.uint64)  # (64,)


def sketch(text: str) -> bytes:
    """Return 64 uint32, little-endian; b"" for a text too short to compare.

    The share of equal values of two sketches estimates the share of three-word runs that the texts have in common
    (Jaccard), with a standard error of at most .06.
    """
    words = [word.lower() for word in _WORD.findall(text)]
    if len(words) < _WORDS_MIN:
        return b""
    hashes = np.fromiter((zlib.crc32(word.encode("utf-8")) for word in words), dtype=np.uint64, count=len(words))
    runs = hashes[: -_RUN + 1].copy()
    for step in range(1, _RUN):
        runs = (runs * np.uint64(31) + hashes[step : len(hashes) - _RUN + 1 + step]) % _PRIME
    lowest = np.full(VALUES, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(runs), _WORDS_AT_ONCE):
        part = np.unique(runs[start : start + _WORDS_AT_ONCE])  # (n,)
        mixed = (part[:, None] * _FACTORS + _SUMMANDS) % _PRIME  # (n, 64); below 2^62, so nothing overflows
        lowest = np.minimum(lowest, mixed.min(axis=0))
    return lowest.astype("<u4").tobytes()
