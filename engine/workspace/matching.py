"""What the lexical index sees: composed text, in which characters of scripts that write no spaces stand apart."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from engine.scripts import ALPHABETS, IDEOGRAPHS, UNSPACED

_UNSPACED = re.compile(f"[{UNSPACED}]")
_RUN = re.compile(f"[{IDEOGRAPHS}]+|[{ALPHABETS}]+")
_IDEOGRAPH = re.compile(f"[{IDEOGRAPHS}]")
_ASCII_WORD = re.compile(r"\w+")


def matched_text(text: str) -> str | None:
    """Return `text` composed (NFC) and with the characters of unspaced scripts set apart; None where it stays as it is.

    Parts of an unspaced run match so, and an accent of its own, as macOS writes it, makes no other word.
    """
    if text.isascii():
        return None
    composed = unicodedata.normalize("NFC", text)
    if not _UNSPACED.search(composed):
        return None if composed == text else composed
    return _RUN.sub(lambda run: f" {' '.join(_clusters(run.group()))} ", composed)


def query_terms(question: str) -> Iterator[str]:
    """Yield what to look for: words in lower case, and of unspaced runs every two or three neighbours as a phrase."""
    if question.isascii():
        yield from (word.lower() for word in _ASCII_WORD.findall(question))
        return
    composed = unicodedata.normalize("NFC", question)
    kept = "".join(character if unicodedata.category(character)[0] in "LMN" else " " for character in composed)
    for word in kept.split():
        position = 0
        for run in _RUN.finditer(word):
            if run.start() > position:
                yield word[position : run.start()].lower()
            yield from _phrases(run.group())
            position = run.end()
        if position < len(word):
            yield word[position:].lower()


def _phrases(run: str) -> Iterator[str]:
    clusters = _clusters(run)
    size = min(2 if _IDEOGRAPH.match(run) else 3, len(clusters))
    yield from (" ".join(clusters[start : start + size]) for start in range(len(clusters) - size + 1))


def _clusters(run: str) -> list[str]:
    """Characters with the marks that belong to them: a vowel sign alone is no word of the index."""
    clusters: list[str] = []
    for character in run:
        if clusters and unicodedata.category(character)[0] == "M":
            clusters[-1] += character
        else:
            clusters.append(character)
    return clusters
