"""Citations, computed from the answer: each sentence is aligned to the span of a retrieved passage that says it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.documents.sentences import sentence_ends
from engine.generation.facts import missing_facts
from engine.records import Citation, Passage, Sentence
from engine.scripts import ALONE, WORD

MIN_OVERLAP = 0.6  # token F1 below which a span doesn't count as the place an answer comes from
MIN_WORDS_FOR_PARTIAL = 3  # shorter answers must stand in the passage as they are; characters in unspaced scripts

# Of the local alignment (Smith & Waterman 1981): a word that matches, one that differs, one that is left out.
_MATCH, _DIFFERS, _GAP = 3, -1, -1

_WORD = re.compile(rf"\d+(?:[.,]\d+)*|{ALONE}|{WORD}")
_BETWEEN = " \t\n.,;:!?。，、；：！？؟،؛।"  # what stands between sentences belongs to neither
_LEAST_SENTENCE_WORDS = 2  # what is shorter, the "1." of a list, belongs to what follows


@dataclass(frozen=True, slots=True)
class Cited:
    """An answer's citations and, for each of its sentences, whether one of them bears it out."""

    citations: tuple[Citation, ...]
    sentences: tuple[Sentence, ...]

    @property
    def support(self) -> float:
        """The share of the sentences that a quoted span bears out."""
        return sum(one.supported for one in self.sentences) / len(self.sentences) if self.sentences else 0.0


@dataclass(frozen=True, slots=True)
class _Span:
    """A place in a passage that says what a sentence says."""

    passage: Passage
    overlap: float  # token F1 with the sentence
    start: int  # character offsets into the passage's text
    end: int
    missing: tuple[str, ...]  # facts of the sentence that the span doesn't have


def cite(answer: str, passages: Sequence[Passage]) -> Cited:
    """Align each sentence of `answer` to the span of a passage that says it.

    The words are compared without case and punctuation. The same words in the same order win, in the order of the
    passages; else the best local alignment, if its token F1 is at least 0.6. A span that lacks a number, date, dose,
    name or negation of the sentence, or what it opens or ends with, supports nothing.
    """
    citations: list[Citation] = []
    sentences: list[Sentence] = []
    for start, end in sentence_bounds(answer):
        span = _best_span(answer[start:end], passages)
        if span is None or span.missing:
            sentences.append(Sentence(start, end, None, span.missing if span else ()))
            continue
        citation = _citation(span)
        if citation not in citations:
            citations.append(citation)
        sentences.append(Sentence(start, end, citations.index(citation)))
    return Cited(tuple(citations), tuple(sentences))


def snap(answer: str, passages: Sequence[Passage]) -> str | None:
    """Return the span of a passage that says what `answer` says, word for word as it stands there.

    Where no one span says all of it, the spans of its sentences, one after the other; None where there is none at all.
    """
    whole = _best_span(answer, passages)
    if whole is not None and not whole.missing:
        return whole.passage.text[whole.start : whole.end]
    return " … ".join(citation.quote for citation in cite(answer, passages).citations) or None


def sentence_bounds(text: str) -> list[tuple[int, int]]:
    """Return start and end of each sentence of `text`, without the space around it."""
    bounds: list[tuple[int, int]] = []
    text = text.rstrip()
    start = 0
    for end in (*sentence_ends(text), len(text)):
        sentence = text[start:end].strip()
        if len(_WORD.findall(sentence)) >= _LEAST_SENTENCE_WORDS or (sentence and end == len(text)):
            start = text.index(sentence, start)
            bounds.append((start, start + len(sentence)))
            start = end
    return bounds


def plain_words(text: str) -> list[str]:
    """Return the words of `text` as they are compared: no case, no compatibility forms, 1,000 as 1000."""
    return [_plain(found.group()) for found in _WORD.finditer(text)]


def _plain(word: str) -> str:
    word = unicodedata.normalize("NFKC", word).casefold()
    return re.sub(r",(?=\d{3}(?!\d))", "", word) if word[:1].isdigit() else word


def _best_span(sentence: str, passages: Sequence[Passage]) -> _Span | None:
    wanted = plain_words(sentence)
    if not wanted:
        return None
    said = list(_WORD.finditer(sentence))
    signs = sentence[: said[0].start()], sentence[said[-1].end() :]
    best: _Span | None = None
    for passage in passages:
        found = list(_WORD.finditer(passage.text))
        aligned = _aligned(wanted, [_plain(word.group()) for word in found]) if found else None
        if aligned is None:
            continue
        matches, first, last = aligned
        overlap = 2 * matches / (len(wanted) + last - first + 1)
        if overlap < (MIN_OVERLAP if len(wanted) >= MIN_WORDS_FOR_PARTIAL else 1.0):
            continue
        start, end = _with_signs(passage.text, found[first].start(), found[last].end(), *signs)
        missing = missing_facts(sentence, passage.text, start=start, end=end)
        if best is None or (not missing, overlap) > (not best.missing, best.overlap):
            best = _Span(passage, overlap, start, end, missing)
    return best


def _with_signs(text: str, first: int, last: int, before: str, after: str) -> tuple[int, int]:
    """Return where a span begins and ends with the signs `before` and `after` its words that stand there: "(15 %)"."""
    start, end = first, last
    while before and _sign(text[start - 1 : start]) == _sign(before[-1]):
        start, before = start - 1, before[:-1]
    while after and _sign(text[end : end + 1]) == _sign(after[0]):
        end, after = end + 1, after[1:]
    start = first - len(text[start:first].lstrip(_BETWEEN))
    return start, last + len(text[last:end].rstrip(_BETWEEN))


def _sign(character: str) -> str:
    return unicodedata.normalize("NFKC", character)  # ％ is %


def _aligned(wanted: Sequence[str], words: Sequence[str]) -> tuple[int, int, int] | None:
    """Return the best local alignment: how many words match, and the first and last word of the span."""
    numbers: dict[str, int] = {}
    text = np.array([numbers.setdefault(word, len(numbers)) for word in words])
    columns = np.arange(len(words) + 1)
    scores = np.zeros((len(wanted) + 1, len(words) + 1), dtype=np.int32)
    for row, word in enumerate(wanted, start=1):
        above = scores[row - 1]
        step = np.where(text == numbers.get(word, -1), _MATCH, _DIFFERS)
        here = np.maximum(above + _GAP, 0)
        here[1:] = np.maximum(here[1:], above[:-1] + step)
        # A word left out of the passage: the best score to the left, less a gap for each word between.
        scores[row] = np.maximum.accumulate(here - _GAP * columns) + _GAP * columns
    row, column = (int(one) for one in np.unravel_index(scores.argmax(), scores.shape))
    last, matches, first = column - 1, 0, column - 1
    while scores[row, column] > 0:
        matched = wanted[row - 1] == words[column - 1]
        if scores[row, column] == scores[row - 1, column - 1] + (_MATCH if matched else _DIFFERS):
            matches += matched
            first = column - 1
            row, column = row - 1, column - 1
        elif scores[row, column] == scores[row - 1, column] + _GAP:
            row -= 1
        else:
            column -= 1
    return (matches, first, last) if matches else None


def _citation(span: _Span) -> Citation:
    passage = span.passage
    return Citation(
        passage.id,
        passage.document_id,
        passage.title,
        passage.page,
        passage.start + span.start,
        passage.start + span.end,
        passage.text[span.start : span.end],
    )
