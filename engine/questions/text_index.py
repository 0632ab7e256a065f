"""Finds where a text stands among documents, by the runs of words it shares with them, even when it is not the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from engine.questions.folding import Folded, Keys, Offsets, fold

_ASKED_RUNS = 64  # the rarest of a text's runs are looked up: they tell documents apart
_COMMON = 400  # a run in more places than this says little
_CANDIDATES_MAX = 20
_ALIGNED_MAX = 6  # candidates that are compared letter by letter
_COMPARED_CHARACTERS_MAX = 60_000
_PLACES_MAX = 20  # of one text in one document
_FOLDED_CHARACTERS_KEPT = 20_000_000
_PARTIAL_BELOW = 10.0  # the quick look forgives more than the measure
_SEGMENTS_MAX = 8
_SAMPLED_FROM_RUNS = 40_000_000  # beyond, one run in four is kept
_SAMPLE = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A document that shares runs of words with a text: how many of those asked for, and about where."""

    document_id: str
    votes: int
    share: float  # of the runs that were looked up
    start: int  # token of the document at which the text would begin; may be negative
    end: int


@dataclass(frozen=True, slots=True)
class Match:
    """Where a text stands in a document, and how alike the two are: 1 is the same, layout aside."""

    document_id: str
    start: int  # characters of the document's text
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class _Segment:
    """Sorted keys with the document and the token each stands at."""

    keys: Keys
    documents: Offsets
    places: Offsets


@dataclass(slots=True)
class TextIndex:
    """The runs of words of all documents. Memory: 12 bytes a word; a lookup takes well below a millisecond.

    `texts` gives a document's text by its id; documents become findable by `add`.
    """

    texts: Mapping[str, str]
    _ids: list[str] = field(default_factory=list)
    _segments: list[_Segment] = field(default_factory=list)
    _waiting: list[tuple[Keys, int]] = field(default_factory=list)
    _runs: int = 0
    _kept: OrderedDict[str, Folded] = field(default_factory=OrderedDict)
    _kept_characters: int = 0

    def add(self, document_id: str) -> None:
        """Make a document findable."""
        self._waiting.append((fold(self.texts[document_id]).runs(), len(self._ids)))
        self._ids.append(document_id)

    def folded(self, document_id: str) -> Folded:
        """Return a document's text folded; the ones used last are kept."""
        held = self._kept.get(document_id)
        if held is not None:
            self._kept.move_to_end(document_id)
            return held
        made = self._kept[document_id] = fold(self.texts[document_id])
        self._kept_characters += len(made.text)
        while self._kept_characters > _FOLDED_CHARACTERS_KEPT and len(self._kept) > 1:
            self._kept_characters -= len(self._kept.popitem(last=False)[1].text)
        return made

    def candidates(self, text: Folded) -> list[Candidate]:
        """Return the documents that share most with `text`, best first; of those alike, the first added."""
        self._settle()
        asked, place = np.unique(text.runs(), return_index=True)
        found = [hit for segment in self._segments for hit in _postings(segment, asked, place)]
        if not found:
            return []
        documents = np.concatenate([hit[0] for hit in found])
        shifts = np.concatenate([hit[1] for hit in found])
        order = np.argsort(documents, kind="stable")
        documents, shifts = documents[order], shifts[order]
        numbers, firsts, counts = np.unique(documents, return_index=True, return_counts=True)
        looked_up = max(1, min(len(asked), _ASKED_RUNS))
        best = np.lexsort((numbers, -counts))[:_CANDIDATES_MAX]
        return [
            _candidate(
                self._ids[int(numbers[one])],
                shifts[firsts[one] : firsts[one] + counts[one]],
                length=len(text.words),
                looked_up=looked_up,
            )
            for one in best
        ]

    def containing(self, text: Folded, among: list[Candidate]) -> Iterator[Match]:
        """Yield where the whole of `text` stands in the candidates, layout aside."""
        for candidate in among:
            yield from self.places(candidate.document_id, text, first=candidate.start)

    def places(self, document_id: str, text: Folded, *, first: int = 0) -> Iterator[Match]:
        """Yield where the whole of `text` stands in a document, layout aside: from the token `first` on, then before.

        What is repeated is found where it is repeated, but not endlessly often.
        """
        held = self.folded(document_id)
        near = _near(held, first)
        found = chain(_finds(held.text, text.text, near), _finds(held.text, text.text, 0, near))
        for position in islice(found, _PLACES_MAX):
            yield Match(document_id, *held.span(position, position + len(text.text)), 1.0)

    def alike(self, text: Folded, among: list[Candidate], *, least: float) -> list[Match]:
        """Return the places in the candidates that are most like `text`, best first, from a likeness of `least` on."""
        found = [self._aligned(text, candidate, least=least) for candidate in among[:_ALIGNED_MAX]]
        matches = [match for match in found if match is not None]
        return sorted(matches, key=lambda match: -match.score)  # stable: of those alike, the one with more votes

    def _aligned(self, text: Folded, candidate: Candidate, *, least: float) -> Match | None:
        """Compare with the window of the document where the shared runs put the text.

        The likeness is 1 − edits / length (Levenshtein) over the part of the window that fits best.
        """
        if len(text.text) > _COMPARED_CHARACTERS_MAX:
            return None
        held = self.folded(candidate.document_id)
        slack = max(4, len(text.words) // 10)
        first = max(0, candidate.start - slack)
        last = min(len(held.tokens), candidate.end + slack)
        if first >= last:
            return None
        begin = int(held.tokens[first])
        end = int(held.tokens[last]) if last < len(held.tokens) else len(held.text)
        window = held.text[begin:end]
        found = fuzz.partial_ratio_alignment(text.text, window, score_cutoff=100 * least - _PARTIAL_BELOW)
        if found is None:
            return None
        # The place in whichever of the two is longer: a text that goes on where the document ends is compared whole.
        head, tail = (found.dest_start, found.dest_end) if len(window) > len(text.text) else (0, len(window))
        score = Levenshtein.normalized_similarity(text.text, window[head:tail])
        if score < least or head >= tail:
            return None
        return Match(candidate.document_id, *held.span(begin + head, begin + tail), round(score, 4))

    def _settle(self) -> None:
        """Sort what was added since into a segment; join the segments when they are many."""
        if not self._waiting:
            return
        keys = np.concatenate([runs for runs, _ in self._waiting])
        counts = [len(runs) for runs, _ in self._waiting]
        documents = np.repeat(np.array([number for _, number in self._waiting], np.int32), counts)
        places = np.concatenate([np.arange(count, dtype=np.int32) for count in counts])
        self._waiting.clear()
        self._runs += len(keys)
        if self._runs > _SAMPLED_FROM_RUNS:
            kept = keys % _SAMPLE == 0
            keys, documents, places = keys[kept], documents[kept], places[kept]
        self._segments.append(_sorted(keys, documents, places))
        if len(self._segments) > _SEGMENTS_MAX:
            joined = self._segments
            self._segments = [
                _sorted(
                    np.concatenate([one.keys for one in joined]),
                    np.concatenate([one.documents for one in joined]),
                    np.concatenate([one.places for one in joined]),
                )
            ]


def indexed(texts: Mapping[str, str], each: Callable[[str], None] = lambda document_id: None) -> TextIndex:
    """Return an index over all of `texts`; `each` hears of every document before it is read."""
    index = TextIndex(texts)
    for document_id in texts:
        each(document_id)
        index.add(document_id)
    return index


def _sorted(keys: Keys, documents: Offsets, places: Offsets) -> _Segment:
    order = np.argsort(keys, kind="stable")
    return _Segment(keys[order], documents[order], places[order])


def _postings(segment: _Segment, asked: Keys, place: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield documents and shifts (place in the document − place in the text) of the rarest runs asked for."""
    lows = np.searchsorted(segment.keys, asked, side="left")
    counts = np.searchsorted(segment.keys, asked, side="right") - lows
    known = np.flatnonzero(counts)
    rarest = known[np.argsort(counts[known], kind="stable")][:_ASKED_RUNS]
    telling = [int(one) for one in rarest if counts[one] <= _COMMON] or [int(one) for one in rarest[:4]]
    for one in telling:
        low = int(lows[one])
        high = low + min(int(counts[one]), _COMMON)
        yield segment.documents[low:high], segment.places[low:high] - int(place[one])


def _candidate(document_id: str, shifts: np.ndarray, *, length: int, looked_up: int) -> Candidate:
    """The place most runs agree on: the shifts near their median, which runs that repeat elsewhere don't move far."""
    middle = int(np.median(shifts))
    near = shifts[np.abs(shifts - middle) <= max(8, length // 4)]
    start, end = (int(near.min()), int(near.max())) if len(near) else (middle, middle)
    return Candidate(document_id, len(shifts), min(1.0, len(shifts) / looked_up), start, end + length)


def _near(held: Folded, first: int) -> int:
    """Where in the folded text to begin looking: a sentence that repeats is meant where its neighbours are."""
    first = max(0, first - 1)
    return int(held.tokens[first]) if first < len(held.tokens) else 0


def _finds(text: str, wanted: str, start: int, before: int | None = None) -> Iterator[int]:
    """Yield where `wanted` begins in `text`, from `start` on and before `before`; it never overlaps itself."""
    position = text.find(wanted, start)
    while position >= 0 and (before is None or position < before):
        yield position
        position = text.find(wanted, position + len(wanted))
