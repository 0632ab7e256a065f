"""Questions that ask the same in nearly the same words: what is learnt from one must not be tested by the other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from engine.questions.folding import TOKEN

_ALIKE = 0.6  # of the words' weight two questions must share: one may say a word more
_TYPING_ERROR = 0.8  # words more alike than this are one word, typed differently
_TYPED_LETTERS = 4  # of a word that can be told from another in spite of a typing error
_POSTINGS_MAX = 300  # a word in more questions brings none of them together
_OF_LITTLE_WEIGHT = 0.25
_FEW = 400
# Words that may be exchanged without asking for something else.
_SMALL_WORDS = """
a an and are as at be been by can could did do does for from had has have how in is it its may might of on or s
shall should so that the their there these this those to was were what when where which who whom whose why will
with would you your
das dem den der des die ein eine einem einen einer eines für hat ist im in kann mit oder sind und von war was wann
warum welche welchem welchen welcher welches wer wie wo zu zum zur
au aux ce ces dans de des du elle en est et il la le les où ou par pour quand que quel quelle quelles quels qui
sont un une
al con cómo cual cuál cuando cuándo de del donde dónde el en es esta está la las lo los para por que qué quien
quién se son un una y
che chi come da dal dei del della delle di dove e gli i il la le lo nel per quale quali quando sono un una
"""
_EXCHANGEABLE = frozenset(_SMALL_WORDS.split())


def near_duplicates(texts: Sequence[str], check: Callable[[], None] = lambda: None) -> Iterator[tuple[int, int]]:
    """Yield pairs of positions whose questions are near-duplicates. Equal ones are chained, first to next.

    `check` is called at every question, and may raise to give up.

    Two questions are alike when they share three fifths of their words' weight (inverse document frequency, typing
    errors forgiven), have the same numbers, and not each has a telling word that the other lacks: "the dose of
    aspirin" and "the dose of ibuprofen" are two questions. Those compared share one of their rarest words (prefix
    filtering: Chaudhuri et al., A Primitive Operator for Similarity Joins in Data Cleaning, 2006).
    """
    tokens = [tuple(match.group().casefold() for match in TOKEN.finditer(text)) for text in texts]
    firsts: dict[tuple[str, ...], int] = {}
    latest: dict[tuple[str, ...], int] = {}
    for place, words in enumerate(tokens):
        if words in latest:
            yield latest[words], place
        else:
            firsts[words] = place
        latest[words] = place
    distinct = {place: frozenset(words) for words, place in firsts.items() if words}
    frequencies = Counter(word for words in distinct.values() for word in words)
    weights = {
        word: math.log(1 + len(distinct) / count) * (1 if _tells(word) else _OF_LITTLE_WEIGHT)
        for word, count in frequencies.items()
    }
    said = {place: tuple(word for word in tokens[place] if word[0].isdigit()) for place in distinct}
    postings: dict[str, list[int]] = {}
    few = len(distinct) <= _FEW  # then all are compared: a typing error in a rare word hides nothing
    for place, words in distinct.items():
        check()
        seen: set[int] = set()
        for word in words if few else _prefix(words, weights):
            others = postings.setdefault(word, [])
            seen.update(others[-_POSTINGS_MAX:])
            others.append(place)
        for other in sorted(seen):
            if said[other] == said[place] and _are_alike(distinct[other], words, weights):
                yield other, place


def _prefix(words: frozenset[str], weights: dict[str, float]) -> list[str]:
    """The rarest words, one more than a question alike could lack: those and the next share none with it."""
    ordered = sorted(words, key=lambda word: (-weights[word], word))
    spare = (1 - _ALIKE) * sum(weights[word] for word in words)
    prefix: list[str] = []
    for word in ordered:
        prefix.append(word)
        spare -= weights[word]
        if spare < 0 and len(prefix) > 1:  # one more: the rarest word may hold a typing error
            break
    return prefix


def _are_alike(one: frozenset[str], other: frozenset[str], weights: dict[str, float]) -> bool:
    if len(one & other) * 2 < max(len(one), len(other)):  # most pairs end here
        return False
    only, others = set(one - other), set(other - one)
    shared = sum(weights[word] for word in one & other)
    for word in sorted(only):
        twin = next((twin for twin in sorted(others) if _is_typed_differently(word, twin)), None)
        if twin is not None:
            shared += max(weights[word], weights[twin])
            only.discard(word)
            others.discard(twin)
    if any(map(_tells, only)) and any(map(_tells, others)):
        return False
    total = shared + sum(weights[word] for word in only | others)
    return shared >= _ALIKE * total


def _is_typed_differently(word: str, other: str) -> bool:
    if min(len(word), len(other)) < _TYPED_LETTERS or word[0].isdigit() or other[0].isdigit():
        return False
    return Levenshtein.normalized_similarity(word, other, score_cutoff=_TYPING_ERROR) > 0


def _tells(word: str) -> bool:
    return word not in _EXCHANGEABLE
