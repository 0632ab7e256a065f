"""Where sentences end: for the splitter, where a passage may; for citations, what is borne out by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

# A stop (with closing quotes, brackets and a note's number) before white space, or a full-width one before anything;
# a colon or semicolon before the number of a clause: "that: 11.3. is".
_END = re.compile(
    r"(?<=[.!?…؟۔।])[\"'”’»)\]]*(?:\[\d+\])*(\s+)|(?<=[。！？])[」』”’）]*\s*|(?<=[:;])\s+(?=\d+(?:\.\d+)+\.\s)"
)
_ABBREVIATED = r"""
    Dr Mr Mrs Ms Prof St No Nos Art Sec Fig Figs Eq Vol pp p vs v cf ca al e\.g i\.e Inc Ltd Co Corp Jr Sr
    approx Ch Para Nr Abs Bd bzw z z\.B d\.h u\.a vgl ggf Hr Fr Ziff Kap Tab
"""
_ABBREVIATION = re.compile(rf"\b(?:{'|'.join(_ABBREVIATED.split())}|[A-ZÀ-ÖØ-Þ])\.\s+$")
_ABBREVIATION_CHARACTERS = 12  # with the white space behind it


def sentence_ends(text: str) -> Iterator[int]:
    """Yield where sentences end, behind the white space that follows.

    Neither an abbreviation nor an initial ends one, nor a stop before lower case.
    """
    for found in _END.finditer(text):
        end = found.end()
        if found[1] is None or not (
            text[end : end + 1].islower() or _ABBREVIATION.search(text, max(0, end - _ABBREVIATION_CHARACTERS), end)
        ):
            yield end
