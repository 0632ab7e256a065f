"""Links questions to the passages that hold their evidence."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from engine.questions.raw import RawQuestion
from engine.records import Passage

_SHINGLE_WORDS = 8
_SHINGLE_SAMPLE = 4  # one shingle in four is kept: a context of 160 words still has some forty to be found by
_SAMPLED_WORDS = 40  # a text of fewer words may have no shingle that was kept
_CANDIDATES_MAX = 20
_OCCURRENCES_MAX = 50
_SURROUNDINGS = 250  # characters on either side of an occurrence that are compared with the question
_BLOCK_WORDS = 8  # words in a row that are hardly shared by chance
_BLOCK_TEXT_WORDS_MAX = 4000  # beyond, looking for an answer's pieces takes too long
_WHOLE_PASSAGES_MAX = 3
_WORD = re.compile(r"\w+")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a question's evidence is."""

    document_id: str
    passages: tuple[str, ...]  # ids, best first


@dataclass(slots=True)
class TextIndex:
    """Finds the documents that hold a text, by runs of words they share with it.

    Memory grows with a quarter of the words; a lookup takes microseconds, however many documents there are.
    """

    _texts: dict[str, str] = field(default_factory=dict)  # whole text, white space evened → document id
    _shingles: dict[int, list[str]] = field(default_factory=dict)

    def add(self, document_id: str, text: str) -> None:
        """Take a document in."""
        words = text.split()
        self._texts.setdefault(" ".join(words), document_id)
        for key in set(_sampled_runs(words)):
            self._shingles.setdefault(key, []).append(document_id)

    def whole(self, text: str) -> str | None:
        """Return the document that is exactly `text`, white space aside."""
        return self._texts.get(" ".join(text.split()))

    def containing(self, text: str) -> str | None:
        """Return the first document that has `text` somewhere, white space aside, by looking through all of them."""
        wanted = " ".join(text.split())
        return next((document_id for whole, document_id in self._texts.items() if wanted in whole), None)

    def candidates(self, text: str) -> list[str]:
        """Return the documents that share most with `text`, best first. A text of few words may find none."""
        counts: dict[str, int] = {}
        for key in set(_sampled_runs(text.split())):
            for document_id in self._shingles.get(key, ()):
                counts[document_id] = counts.get(document_id, 0) + 1
        return sorted(counts, key=lambda document_id: -counts[document_id])[:_CANDIDATES_MAX]


def word_runs(words: Sequence[str]) -> Iterable[int]:
    """Yield a key of each run of eight words: texts that share one share those words. Valid in this process."""
    for start in range(len(words) - _SHINGLE_WORDS + 1):
        yield hash(tuple(words[start : start + _SHINGLE_WORDS]))


def _sampled_runs(words: Sequence[str]) -> Iterable[int]:
    return (key for key in word_runs(words) if key % _SHINGLE_SAMPLE == 0)


@dataclass(slots=True)
class EvidenceLinker:
    """Links questions to passages of the documents it was given.

    `texts` are the documents' texts by id; `passages_of` gives a document's passages in order; `names` gives the id of
    a document by what a question file may call it.
    """

    texts: Mapping[str, str]
    passages_of: Callable[[str], Sequence[Passage]]
    names: Mapping[str, str] = field(default_factory=dict)
    _index: TextIndex | None = None
    _contexts: dict[str, tuple[str, Span] | None] = field(default_factory=dict)

    def add(self, document_id: str, text: str) -> None:
        """Make a document known that came after the others (it must be in `texts` already)."""
        if self._index is not None:
            self._index.add(document_id, text)
        self._contexts.clear()

    def locate(self, raw: RawQuestion) -> tuple[str, Span] | None:
        """Return the document that holds the question's context and the context's span in it; None when none does."""
        named = [self.names[name] for name in raw.documents if name in self.names]
        for document_id in named:
            span = find_text(self.texts[document_id], raw.context) if raw.context.strip() else None
            if span:
                return document_id, span
        if not raw.context.strip():
            return (named[0], (0, len(self.texts[named[0]]))) if named else None
        if raw.context not in self._contexts:
            self._contexts[raw.context] = self._search(raw.context)
        return self._contexts[raw.context]

    def link(self, raw: RawQuestion) -> Evidence | None:
        """Return the question's evidence, None when no known document has its context or its answer."""
        if raw.unanswerable:
            return None
        located = self.locate(raw)
        if located is None:
            return None
        document_id, span = located
        passages = self._in_document(raw, document_id, span)
        for name in raw.documents:
            other = self.names.get(name)
            if other and other != document_id and raw.answers:
                passages += self._in_other(raw, other)
        return Evidence(document_id, tuple(dict.fromkeys(passages)))

    def _search(self, context: str) -> tuple[str, Span] | None:
        if self._index is None:
            self._index = TextIndex()
            for document_id, text in self.texts.items():
                self._index.add(document_id, text)
        whole = self._index.whole(context)
        if whole is not None:
            return whole, (0, len(self.texts[whole]))
        candidates = self._index.candidates(context)
        if not candidates and len(context.split()) < _SAMPLED_WORDS:
            found = self._index.containing(context)
            candidates = [found] if found else []
        for document_id in candidates:
            span = find_text(self.texts[document_id], context)
            if span:
                return document_id, span
        return None

    def _in_document(self, raw: RawQuestion, document_id: str, context: Span) -> list[str]:
        """Passages with the answer within the context; those of the whole context when the answer isn't in it."""
        text, passages = self.texts[document_id], self.passages_of(document_id)
        spans = _answer_spans(raw, text, context)
        if spans:
            return _overlapping(passages, spans)
        if not raw.context.strip() and len(passages) > _WHOLE_PASSAGES_MAX:
            return []  # a whole named document is no evidence
        return _overlapping(passages, [context])

    def _in_other(self, raw: RawQuestion, document_id: str) -> list[str]:
        """Passages of a further document that the file names as evidence: those with a piece of the answer."""
        text, passages = self.texts[document_id], self.passages_of(document_id)
        spans = _answer_spans(raw, text, (0, len(text)))
        if spans:
            return _overlapping(passages, spans)
        return [passage.id for passage in passages] if len(passages) <= _WHOLE_PASSAGES_MAX else []


def find_text(text: str, wanted: str, *, start: int = 0, end: int | None = None) -> Span | None:
    """Return the span of `wanted` in `text`, exactly or with other white space or case."""
    wanted = wanted.strip()
    end = len(text) if end is None else end
    if not wanted:
        return None
    position = text.find(wanted, start, end)
    if position >= 0:
        return position, position + len(wanted)
    words = wanted.split()
    if words[0] not in text and words[0].lower() not in text.lower():
        return None
    match = _loosely(words).search(text, start, end)
    return match.span() if match else None


def _loosely(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)


def _answer_spans(raw: RawQuestion, text: str, context: Span) -> list[Span]:
    """Spans of the first accepted answer found within `context`; its pieces when it isn't there in one."""
    for number, answer in enumerate(raw.answers):
        if number == 0 and raw.answer_start is not None and raw.context:
            span = _given_span(raw, answer, text, context)
            if span:
                return [span]
        occurrences = _occurrences(text, answer, context)
        if occurrences:
            return [_most_fitting(occurrences, raw.question, text)]
    for answer in raw.answers:
        pieces = _pieces(text[context[0] : context[1]], answer)
        if pieces:
            return [(context[0] + start, context[0] + end) for start, end in pieces]
    return []


def _given_span(raw: RawQuestion, answer: str, text: str, context: Span) -> Span | None:
    """The span the file gives, counted in the document's own white space; None when the answer isn't there."""
    start = raw.answer_start or 0
    if not 0 <= start < len(raw.context):
        return None
    # The file's offset counts the file's white space; the number of characters before it without any doesn't change.
    solid = len("".join(raw.context[:start].split()))
    exact = context[0] + start
    if text.startswith(answer, exact) and exact + len(answer) <= context[1]:
        return exact, exact + len(answer)
    occurrences = _occurrences(text, answer, context)
    return min(
        occurrences, key=lambda span: abs(len("".join(text[context[0] : span[0]].split())) - solid), default=None
    )


def _occurrences(text: str, answer: str, within: Span) -> list[Span]:
    answer = answer.strip()
    found: list[Span] = []
    position = text.find(answer, *within) if answer else -1
    while position >= 0 and len(found) < _OCCURRENCES_MAX:
        if _at_word_borders(text, position, position + len(answer)):
            found.append((position, position + len(answer)))
        position = text.find(answer, position + 1, within[1])
    if found or not answer:
        return found
    matches = _loosely(answer.split()).finditer(text, *within)
    return [match.span() for match, _ in zip(matches, range(_OCCURRENCES_MAX), strict=False)]


def _at_word_borders(text: str, start: int, end: int) -> bool:
    """Whether the span cuts no word in two: the answer "2" is not in "2019"."""
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (before or after)


def _most_fitting(occurrences: list[Span], question: str, text: str) -> Span:
    """The occurrence whose surroundings share most words with the question; the first of several alike."""
    if len(occurrences) == 1:
        return occurrences[0]
    asked = {word for word in _WORD.findall(question.lower()) if len(word) > 3}

    def shared(span: Span) -> int:
        near = text[max(0, span[0] - _SURROUNDINGS) : span[1] + _SURROUNDINGS].lower()
        return len(asked & set(_WORD.findall(near)))

    return max(occurrences, key=shared)


def _pieces(text: str, answer: str) -> list[Span]:
    """Spans where a part of the answer stands: it may run over into the next document, or be put together of several.

    A piece counts when it is long, when it is half of the answer, or when it joins an end of the text to an end of the
    answer, as the halves of a cut sentence do.
    """
    words = list(re.finditer(r"\S+", text))
    wanted = answer.split()
    if not wanted or not words or len(words) > _BLOCK_TEXT_WORDS_MAX:
        return []
    matcher = SequenceMatcher(None, wanted, [word.group() for word in words], autojunk=False)
    spans: list[Span] = []
    for block in matcher.get_matching_blocks():
        if not block.size:
            continue
        runs_out = block.b + block.size == len(words) and block.a == 0
        runs_in = block.b == 0 and block.a + block.size == len(wanted)
        joins = (runs_out or runs_in) and block.size >= 2
        if joins or block.size >= min(_BLOCK_WORDS, len(wanted)) or block.size * 2 > len(wanted) > 3:
            spans.append((words[block.b].start(), words[block.b + block.size - 1].end()))
    return spans


def _overlapping(passages: Sequence[Passage], spans: Sequence[Span]) -> list[str]:
    """Ids of the passages that overlap any of `spans`, largest overlap first, in order where alike."""
    overlaps: dict[str, int] = {}
    starts = [passage.start for passage in passages]
    for start, end in spans:
        first = max(bisect_right(starts, start) - 1, 0)
        for passage in passages[first : bisect_left(starts, end)]:
            shared = min(end, passage.end) - max(start, passage.start)
            if shared > 0:
                overlaps[passage.id] = overlaps.get(passage.id, 0) + shared
    return sorted(overlaps, key=lambda passage_id: -overlaps[passage_id])
