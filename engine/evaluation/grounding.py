"""Metrics of grounding, pure functions: do the cited spans hold the evidence, and is what was said in the passages."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from engine.documents.sentences import sentence_ends
from engine.scripts import ALONE, WORD

Span = tuple[str, int, int]  # document id, first character, one past the last

ENOUGH_OVERLAP = 0.6  # token F1 from which a run of words says what a sentence says
_SHORT = 3  # a sentence of fewer words must stand there as it is

_WORD = re.compile(rf"{ALONE}|{WORD}")
_NUMBER = re.compile(r"[-\u2212]?\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def span_scores(cited: Iterable[Span], gold: Sequence[Iterable[Span]]) -> tuple[float, float, float]:
    """Character-level precision, recall and F1 of the cited spans (Pipitone & Houir Alami 2024, LegalBench-RAG, §4).

    `gold` are alternatives, each a complete set of spans (an accepted answer may stand in several places): the one with
    the best F1 counts. A character cited twice counts once. Nothing cited is 0, 0, 0.

    >>> span_scores([("d", 0, 10)], [[("d", 5, 15)]])
    (0.5, 0.5, 0.5)
    """
    said = _characters(cited)
    best = (0.0, 0.0, 0.0)
    for alternative in gold:
        wanted = _characters(alternative)
        shared = len(said & wanted)
        if not shared:
            continue
        precision, recall = shared / len(said), shared / len(wanted)
        best = max(best, (precision, recall, 2 * precision * recall / (precision + recall)), key=lambda one: one[2])
    return best


def answer_spans(answers: Sequence[str], passages: Sequence[tuple[str, int, str]]) -> list[list[Span]]:
    """The alternatives for `span_scores`: every place an accepted answer has in the evidence, else the evidence whole.

    `passages` are (document id, start, text). White space and case aside, an answer must stand there as it is.

    >>> answer_spans(["5 MG"], [("d", 100, "Take 5  mg daily.")])
    [[('d', 105, 110)]]
    """
    found: list[list[Span]] = []
    for answer in answers:
        words = answer.split()
        if not words:
            continue
        pattern = re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)
        for document, start, text in passages:
            found += [[(document, start + hit.start(), start + hit.end())] for hit in pattern.finditer(text)]
    return found or [[(document, start, start + len(text)) for document, start, text in passages]]


def sentences(answer: str) -> list[str]:
    """The sentences of an answer, as they are cited.

    >>> sentences("Give 2.5 mg. Repeat daily!")
    ['Give 2.5 mg.', 'Repeat daily!']
    """
    borders = [0, *sentence_ends(answer), len(answer)]
    return [found for start, end in pairwise(borders) if _WORD.search(found := answer[start:end].strip())]


def support(answer: str, passages: Sequence[str]) -> float | None:
    """The share of the answer's sentences that one passage says; None where nothing was answered.

    A sentence is said by a passage that has its words in a row, or a run of as many words with a token F1 of at least
    0.6 that holds every number of the sentence. After the sentence-level support of ALCE's citation recall (Gao et al.
    2023), with the overlap of words in place of an entailment model.

    >>> support("It lasts two years. Then it ends.", ["The duty lasts two years."])
    0.5
    """
    told = sentences(answer)
    if not told:
        return None
    texts = [[(_plain(word.group()), word.start(), word.end()) for word in _WORD.finditer(text)] for text in passages]
    pairs = list(zip(texts, passages, strict=True))
    return sum(any(_says(words, text, sentence) for words, text in pairs) for sentence in told) / len(told)


def numbers_covered(answer: str, passages: Sequence[str]) -> float | None:
    """The share of the answer's numbers that stand in a passage, decimals and sign included; None without a number.

    >>> numbers_covered("5.0 mg for 1,200 days", ["Give 5.0 mg", "12 days"])
    0.5
    """
    wanted = _numbers(answer)
    if not wanted:
        return None
    there = {number for text in passages for number in _numbers(text)}
    return sum(number in there for number in wanted) / len(wanted)


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _characters(spans: Iterable[Span]) -> set[tuple[str, int]]:
    return {(document, place) for document, start, end in spans for place in range(start, end)}


def _numbers(text: str) -> list[str]:
    unified = _THOUSANDS.sub("", text)
    # "1-2" is a range and no minus: a sign counts only where no letter or digit stands before it.
    found = [(number.group().replace("\u2212", "-"), number.start()) for number in _NUMBER.finditer(unified)]
    return [number if _is_signed(unified, place) else number.lstrip("-") for number, place in found]


def _is_signed(text: str, place: int) -> bool:
    return place == 0 or not text[place - 1].isalnum()


def _says(words: Sequence[tuple[str, int, int]], text: str, sentence: str) -> bool:
    wanted = [_plain(word) for word in _WORD.findall(sentence)]
    size = len(wanted)
    if not words:
        return False
    if size < _SHORT:
        return any([word for word, _, _ in words[first : first + size]] == wanted for first in range(len(words)))
    needed, numbers = Counter(wanted), set(_numbers(sentence))
    window = Counter(word for word, _, _ in words[:size])
    shared = sum((needed & window).values())
    width = min(size, len(words))
    for first in range(len(words) - width + 1):
        if first:
            gone, come = words[first - 1][0], words[first + width - 1][0]
            shared -= window[gone] <= needed[gone]
            window[gone] -= 1
            window[come] += 1
            shared += window[come] <= needed[come]
        if 2 * shared / (width + size) >= ENOUGH_OVERLAP and _holds(
            text[words[first][1] : words[first + width - 1][2]], numbers
        ):
            return True
    return False


def _holds(text: str, numbers: Collection[str]) -> bool:
    return not numbers or set(numbers) <= set(_numbers(text))
