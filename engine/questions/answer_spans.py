"""Where an accepted answer stands in a text: whole, in pieces, or nearly."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

from rapidfuzz import fuzz

from engine.questions.folding import fold
from engine.questions.raw import RawQuestion

_OCCURRENCES_MAX = 50
_SURROUNDINGS = 250  # characters on either side of an occurrence that are compared with the question
_BLOCK_WORDS = 8  # words in a row that are hardly shared by chance
_BLOCK_TEXT_WORDS_MAX = 4000  # beyond, looking for an answer's pieces takes too long
_NEARLY_CHARACTERS = 12  # a shorter answer is like too much
_NEARLY_TEXT_MAX = 20_000
_NEARLY_SCORE = 85
_WORD = re.compile(r"\w+")
_TELLING_LETTERS = 4  # of a word that says what a text is about

Span = tuple[int, int]


def answer_spans(raw: RawQuestion, text: str, context: Span) -> list[Span]:
    """Return the spans of the first accepted answer found within `context`.

    Its pieces when it isn't there in one, and what is most like it when those aren't there either.
    """
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
    nearly = _nearly(raw.answers, text, context)
    return [nearly] if nearly else []


def telling_words(text: str) -> set[str]:
    """Return the words of a text that say what it is about, in lower case."""
    return {word for word in _WORD.findall(text.lower()) if len(word) >= _TELLING_LETTERS}


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
    found = [match.span() for match, _ in zip(matches, range(_OCCURRENCES_MAX), strict=False)]
    return found or _folded_occurrence(text, answer, within)


def _folded_occurrence(text: str, answer: str, within: Span) -> list[Span]:
    """Where the answer stands with other hyphens, quotation marks or ligatures."""
    region, wanted = fold(text[slice(*within)]), fold(answer).text
    position = region.text.find(wanted) if wanted else -1
    while position >= 0:
        start, end = region.span(position, position + len(wanted))
        if _at_word_borders(text, within[0] + start, within[0] + end):
            return [(within[0] + start, within[0] + end)]
        position = region.text.find(wanted, position + 1)
    return []


def _nearly(answers: Sequence[str], text: str, within: Span) -> Span | None:
    """The span most like an answer, where the two were read from paper differently."""
    region = text[slice(*within)]
    if len(region) > _NEARLY_TEXT_MAX:
        return None
    for answer in answers:
        if not _NEARLY_CHARACTERS <= len(answer) <= len(region):
            continue
        found = fuzz.partial_ratio_alignment(answer, region, score_cutoff=_NEARLY_SCORE)
        if found is not None:
            return within[0] + found.dest_start, within[0] + found.dest_end
    return None


def _loosely(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, words)), re.IGNORECASE)


def _at_word_borders(text: str, start: int, end: int) -> bool:
    """Whether the span cuts no word in two: the answer "2" is not in "2019"."""
    before = start > 0 and text[start - 1].isalnum() and text[start].isalnum()
    after = end < len(text) and text[end - 1].isalnum() and text[end].isalnum()
    return not (before or after)


def _most_fitting(occurrences: list[Span], question: str, text: str) -> Span:
    """The occurrence whose surroundings share most words with the question; the first of several alike."""
    if len(occurrences) == 1:
        return occurrences[0]
    asked = telling_words(question)

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
