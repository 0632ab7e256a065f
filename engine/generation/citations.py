"""Citations, computed from the answer: each sentence is aligned to the span of a retrieved passage that says it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from engine.records import Citation, Passage

MIN_OVERLAP = 0.6  # token F1 below which a span doesn't count as the place an answer comes from
MIN_TOKENS_FOR_PARTIAL = 3  # shorter answers must stand in the passage as they are

_WORD = re.compile(r"\w+", re.UNICODE)
_SENTENCE = re.compile(r"[^.!?]+(?:[.!?](?!\s|$)[^.!?]*)*[.!?]*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


@dataclass(frozen=True, slots=True)
class _Found:
    overlap: float
    start: int  # character offsets into the passage's text
    end: int


def cite(answer: str, passages: Sequence[Passage]) -> tuple[Citation, ...]:
    """Return the span that supports each sentence of `answer`, in order; sentences without one have none.

    An exact match of the words wins, in the order of the passages; else the window of like length with the best token
    F1, if at least 0.6, and if it holds every number of the sentence.
    """
    citations: list[Citation] = []
    for sentence in _SENTENCE.findall(answer):
        best: tuple[_Found, Passage] | None = None
        for passage in passages:
            found = _best_span(sentence, passage.text)
            if found is not None and (best is None or found.overlap > best[0].overlap):
                best = (found, passage)
        if best is not None:
            citation = _citation(*best)
            if citation not in citations:
                citations.append(citation)
    return tuple(citations)


def _citation(found: _Found, passage: Passage) -> Citation:
    return Citation(
        passage.id,
        passage.document_id,
        passage.title,
        passage.page,
        passage.start + found.start,
        passage.start + found.end,
        passage.text[found.start : found.end],
    )


def _best_span(sentence: str, text: str) -> _Found | None:
    wanted = [word.group().casefold() for word in _WORD.finditer(sentence)]
    words = [(word.group().casefold(), word.start(), word.end()) for word in _WORD.finditer(text)]
    if not wanted or len(words) == 0:
        return None
    size = min(len(wanted), len(words))
    needed = Counter(wanted)
    window = Counter(word for word, _, _ in words[:size])
    shared = sum((needed & window).values())
    best: _Found | None = None
    for first in range(len(words) - size + 1):
        if first:
            gone, come = words[first - 1][0], words[first + size - 1][0]
            shared -= window[gone] <= needed[gone]
            window[gone] -= 1
            window[come] += 1
            shared += window[come] <= needed[come]
        overlap = 2 * shared / (size + len(wanted))
        if overlap == 1.0 and [word for word, _, _ in words[first : first + size]] != wanted:
            overlap = 0.99  # the same words in another order
        if best is None or overlap > best.overlap:
            best = _Found(overlap, words[first][1], words[first + size - 1][2])
    if best is None or best.overlap < (MIN_OVERLAP if len(wanted) >= MIN_TOKENS_FOR_PARTIAL else 1.0):
        return None
    numbers = set(_NUMBER.findall(text[best.start : best.end]))
    return best if numbers.issuperset(_NUMBER.findall(sentence)) else None
