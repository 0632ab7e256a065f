"""Text folded to what counts when two copies of it are compared: letters and digits, without layout."""

from __future__ import annotations

import re
import unicodedata
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.scripts import MARKS, UNSPACED

# Scripts written without spaces give one token a character; a number keeps its point, so that 5.0 is never 50.
_LETTERS = rf"[^\W\d_{UNSPACED}]"
TOKEN = re.compile(rf"\d+(?:[.,:/]\d+)*|[{UNSPACED}][{MARKS}]*|{_LETTERS}+(?:[{MARKS}]+{_LETTERS}*)*")
# Hebrew and Arabic are written without these, too.
_POINTS = re.compile("[\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed]+")
_BETWEEN_NUMBERS = "|"  # 2 5 is not 25
_RUN = 3  # tokens whose order makes a run: rare enough to tell texts apart, short enough to survive misread letters
_MULTIPLIERS = np.array([0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D], dtype=np.uint64)

Keys = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Folded:
    """A text without white space, punctuation and case, and the way back to the text it came from."""

    text: str
    tokens: Offsets  # where each token starts in `text`
    starts: Offsets  # where each token starts in the original
    ends: Offsets
    words: Keys  # a hash of each token

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that the characters from `start` to `end` of `text` came from."""
        first = int(np.searchsorted(self.tokens, start, side="right")) - 1
        last = int(np.searchsorted(self.tokens, max(end - 1, start), side="right")) - 1
        before = start - int(self.tokens[first])
        inside = end - int(self.tokens[last])
        begin = min(int(self.starts[first]) + before, int(self.ends[first]))
        after = int(self.tokens[last + 1]) if last + 1 < len(self.tokens) else len(self.text)
        if end >= after - (self.text[after - 1] == _BETWEEN_NUMBERS):  # a decomposed word is longer than it is folded
            return begin, int(self.ends[last])
        return begin, min(int(self.starts[last]) + inside, int(self.ends[last]))

    def holds(self, other: Folded) -> bool:
        """Whether the words of `other` stand here in a row: 5 mg is not in 15 mg."""
        if len(other.words) > len(self.words):
            return False
        rows = np.lib.stride_tricks.sliding_window_view(self.words, len(other.words))
        return bool((rows == other.words).all(axis=1).any())

    def runs(self) -> Keys:
        """Return a key of each run of three tokens: texts that share one share those words in that order."""
        if len(self.words) < _RUN:
            return np.empty(0, dtype=np.uint32)
        count = len(self.words) - _RUN + 1
        mixed = np.zeros(count, dtype=np.uint64)
        for place, multiplier in enumerate(_MULTIPLIERS):
            mixed = (mixed ^ self.words[place : place + count]) * multiplier
            mixed ^= mixed >> np.uint64(29)
        return (mixed & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def fold(text: str) -> Folded:
    """Return `text` folded: case, white space, hyphens, quotation marks, ligatures and composition don't count."""
    parts: list[str] = []
    tokens: list[int] = []
    starts: list[int] = []
    ends: list[int] = []
    length = 0
    after_number = False
    for match in TOKEN.finditer(text):
        token = match.group()
        if token.isascii():
            token = token.lower()
        else:
            token = unicodedata.normalize("NFKC", token).casefold()
            if not token.isalnum():  # a mark is left
                token = _POINTS.sub("", token) or token
        is_number = token[0].isdigit()
        if is_number and after_number:
            parts.append(_BETWEEN_NUMBERS)
            length += 1
        after_number = is_number
        parts.append(token)
        tokens.append(length)
        starts.append(match.start())
        ends.append(match.end())
        length += len(token)
    words = np.fromiter((_hash(part) for part in parts if part != _BETWEEN_NUMBERS), np.uint32, len(tokens))
    return Folded(
        "".join(parts), np.array(tokens, np.int32), np.array(starts, np.int32), np.array(ends, np.int32), words
    )


def folded(text: str) -> str:
    """Return `text` folded, without the way back."""
    return fold(text).text


def numbers(text: str) -> tuple[str, ...]:
    """Return the numbers in `text`, in order: two clauses that differ in one say different things."""
    return tuple(match.group() for match in TOKEN.finditer(text) if match.group()[0].isdigit())


def _hash(token: str) -> int:
    return zlib.crc32(token.encode("utf-8", errors="replace"))  # the same in every process, unlike hash()
