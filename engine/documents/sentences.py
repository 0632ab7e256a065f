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
_TITLE = re.compile(r"\b(?:Dr|Mr|Mrs|Ms|Prof|St|Hr|Fr)\.\s+$")  # before a name, whatever it looks like
# What opens a sentence: "hepatitis B. The tenant", "Schäden dieser Art. Der Mieter".
_OPENS = re.compile(
    r"(?:The|This|That|These|It|He|She|They|We|In|If|Der|Die|Das|Ein|Eine|Er|Sie|Es|Le|La|Les|El|Los)\b"
)
_DAY, _MONTH = re.compile(r"\b\d{1,2}\.\s+$"), re.compile("Jan|Feb|Mär|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez")


def sentence_ends(text: str) -> Iterator[int]:
    """Yield where sentences end, behind the white space that follows.

    Neither an abbreviation nor an initial ends one, nor the day of a German date, nor a stop before lower case.
    """
    for found in _END.finditer(text):
        end = found.end()
        if found[1] is None or not _goes_on(text, end):
            yield end


def _goes_on(text: str, end: int) -> bool:
    begin = max(0, end - _ABBREVIATION_CHARACTERS)
    if text[end : end + 1].islower() or _TITLE.search(text, begin, end):
        return True
    if _DAY.search(text, begin, end):
        return bool(_MONTH.match(text, end))
    return bool(_ABBREVIATION.search(text, begin, end)) and not _OPENS.match(text, end)
