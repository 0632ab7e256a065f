"""Two wordings compared word by word, so that a person sees at once what differs."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words in a row, and whether the other wording has them too."""

    text: str
    same: bool


def compared_words(ours: str, theirs: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Both wordings in pieces that they share or not.

    >>> compared_words("give 5 mg", "give 10 mg")[0]
    (Piece(text='give', same=True), Piece(text='5', same=False), Piece(text='mg', same=True))
    """
    mine, other = ours.split(), theirs.split()
    left: list[Piece] = []
    right: list[Piece] = []
    for kind, start, end, begin, stop in SequenceMatcher(None, mine, other, autojunk=False).get_opcodes():
        for pieces, words in ((left, mine[start:end]), (right, other[begin:stop])):
            if words:
                pieces.append(Piece(" ".join(words), kind == "equal"))
    return tuple(left), tuple(right)
