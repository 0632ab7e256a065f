"""What a quoted span must not lack: the numbers, doses, dates, names and negations of the sentence it bears out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

_WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’]t\b)?|%", re.UNICODE)
_UNITS_WRITTEN = """
    % percent mg g kg µg μg mcg ng ml l dl µl mmol mol iu u unit units mm cm m km nm mmhg bpm °c c f k ppm times
    s sec seconds min minute minutes h hour hours day days week weeks month months year years
    eur usd gbp dollars euros pounds thousand million billion
"""
_UNITS = frozenset(_UNITS_WRITTEN.split())
_MONTHS_WRITTEN = """
    january february april june july august september october november december
    jan feb apr jun jul aug sep sept oct nov dec
"""
_MONTHS = frozenset(_MONTHS_WRITTEN.split())  # May and March have a capital, as names have
_NEGATIONS_WRITTEN = "not no never neither nor none without cannot except unless nothing nobody excluding"
_NEGATIONS = frozenset(_NEGATIONS_WRITTEN.split())


def missing_facts(sentence: str, span: str, *, before: str = "") -> tuple[str, ...]:
    """Return what `sentence` says and `span` doesn't: numbers with their units, months, names, negations.

    A negation counts either way: one that only the span has turns the sentence round as well. `before` is the word
    in front of the span: "not | approved" is no support for "approved".
    """
    words = _words(span)
    held = {_plain(word) for word in words}
    doses = set(_doses(words))
    spoken = _words(sentence)
    lacking = [dose for dose in _doses(spoken) if dose not in doses]
    lacking += [
        word
        for place, word in enumerate(spoken)
        if (_is_number(word) or _plain(word) in _MONTHS or _is_name(word, first=place == 0))
        and _plain(word) not in held
        and not any(_plain(word) == dose.split()[0] for dose in lacking)
    ]
    said, found = _negations(spoken), _negations([*_words(before), *words])
    lacking += [word for word in said if not found][:1]
    lacking += [word for word in found if not said][:1]
    return tuple(dict.fromkeys(lacking))


def _words(text: str) -> list[str]:
    return [found.group() for found in _WORD.finditer(text)]


def _plain(word: str) -> str:
    plain = word.casefold()
    return re.sub(r",(?=\d{3}(?!\d))", "", plain) if plain[:1].isdigit() else plain


def _doses(words: list[str]) -> Iterator[str]:
    """Yield each number that a unit follows, with the unit: 5 mg is not 5 g."""
    for number, unit in pairwise(words):
        if _is_number(number) and _plain(unit) in _UNITS:
            yield f"{_plain(number)} {_plain(unit)}"


def _is_number(word: str) -> bool:
    return word[:1].isdigit()


def _is_name(word: str, *, first: bool) -> bool:
    """A capital inside the sentence, or an abbreviation: two capitals or more."""
    capitals = sum(letter.isupper() for letter in word)
    return capitals >= 2 or (capitals == 1 and word[0].isupper() and len(word) > 1 and not first)


def _negations(words: list[str]) -> list[str]:
    return [word for word in words if _plain(word) in _NEGATIONS or _plain(word).endswith(("n't", "n’t"))]
