"""Signs that a tokenizer has no token for, such as < ≥ μ β in T5's: put back from the passage they were copied from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

UNWRITABLE = "\ufffd"  # stands in what was generated for a sign that could not be written
_AROUND = 40  # characters on each side that are compared
_LEAST_ALIKE = 3  # of them; fewer may be chance


def restored(text: str, passages: Sequence[str], pieces: Callable[[str], Sequence[tuple[int, int]]]) -> str:
    """Return `text` with each sign that could not be written as the passages have it, left out where none has it.

    A generator copies a word that it has no token for as one unknown token; the word is taken from where the text
    around it is most alike (the source's word in place of the unknown one: Luong et al. 2015, arXiv 1410.8206).
    `pieces` returns start and end of what can't be written of a passage.
    """
    if UNWRITABLE not in text:
        return text
    found = [
        (_plain(passage[max(0, start - _AROUND) : start]), passage[start:end], _plain(passage[end : end + _AROUND]))
        for passage in passages
        for start, end in pieces(passage)
    ]
    written, *parts = re.split(f"{UNWRITABLE}+", text)
    for part in parts:
        alike = [(_shared(written[::-1], before[::-1]) + _shared(part, after)) for before, _, after in found]
        most = max(alike, default=0)
        enough = min(_LEAST_ALIKE, len((written + part).strip()))
        if most >= max(enough, 1):
            written += found[alike.index(most)][1]
        written += part
    return " ".join(written.split())


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _shared(one: str, other: str) -> int:
    """How many characters from the first on are the same."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
