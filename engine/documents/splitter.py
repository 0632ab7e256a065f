"""A document becomes passages: spans cut at paragraph and sentence ends, small enough for the encoder to read whole."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer

from engine.documents.sentences import sentence_ends
from engine.records import Document, Heading, Passage

MAX_TOKENS = 220
# 220 tokens of prose are some 1,000 characters: this only bounds what the tokenizer takes for one unknown word.
MAX_CHARACTERS = 2200
SECTION_SEPARATOR = " › "

_BATCH_CHARACTERS = 200_000  # texts tokenised at once: enough to keep all cores busy, over in a moment
_PARAGRAPH_GAIN = 0.35  # how much further from the even size a cut may lie to fall on a paragraph's end
_PARAGRAPH_END = re.compile(r"(?<!:)\n[ \t]*\n\s*")  # what ends in a colon introduces the next
# The items of a list and the rows of a table end at their line's end. A wrong cut costs little: sentences are only
# where passages may end.
_ROW_END = re.compile(r"\n(?=\s*[•\-–*]\s)|\n(?=[^\n|]* \| )")
_SPACE = re.compile(r"\s+")
# Rows of a table, items of a list: two and more, a line each.
_WHOLES = (
    re.compile(r"(?:^[^\n]* \| [^\n]*(?:\n|\Z)){2,}", re.MULTILINE),
    re.compile(r"(?:^[ \t]*(?:[•\-–*]|\(?(?:\d{1,2}|[a-z])[.)])[ \t]+\S[^\n]*(?:\n|\Z)){2,}", re.MULTILINE),
)
_LEADS_IN = re.compile(r"[^\n]*:[ \t]*\n\s*\Z")  # the line that introduces what follows
_LEAD_IN_CHARACTERS_MAX = 300


@dataclass(frozen=True, slots=True)
class _Block:
    """A stretch of a document that no passage may leave: one section on one page."""

    start: int
    end: int
    page: int | None
    section: str


def split(document: Document, tokenizer: Tokenizer, *, max_tokens: int = MAX_TOKENS) -> tuple[Passage, ...]:
    """Return the passages of `document` in order; see `split_many`."""
    return split_many([document], tokenizer, max_tokens=max_tokens)[0]


def split_many(
    documents: Sequence[Document],
    tokenizer: Tokenizer,
    *,
    max_tokens: int = MAX_TOKENS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[tuple[Passage, ...]]:
    """Return each document's passages, tokenising them all together, which is what makes it fast.

    A passage has at most `max_tokens` tokens without special tokens, holds `document.text[start:end]` exactly, and
    leaves neither its page nor its section. Passages don't overlap, and all text but white space, running headers and
    footers is in one.
    """
    tokenizer = _counting(tokenizer)
    blocks = [(index, block) for index, document in enumerate(documents) for block in _blocks(document)]
    spans: list[list[tuple[int, int, _Block]]] = [[] for _ in documents]
    done, total = 0, sum(len(document.text) for document in documents)
    for batch in _batches(blocks):
        progress(done, total)
        done += sum(block.end - block.start for _, block in batch)
        texts = [documents[index].text[block.start : block.end] for index, block in batch]
        for (index, block), text, encoding in zip(
            batch, texts, tokenizer.encode_batch(texts, add_special_tokens=False), strict=True
        ):
            starts = [start for start, _ in encoding.offsets]
            spans[index] += [
                (block.start + start, block.start + end, block) for start, end in _cut(text, starts, max_tokens)
            ]
    return [_fitting(document, found, tokenizer, max_tokens) for document, found in zip(documents, spans, strict=True)]


def _counting(tokenizer: Tokenizer) -> Tokenizer:
    """A tokenizer that neither truncates nor pads: either would make its counts wrong."""
    if tokenizer.truncation is None and tokenizer.padding is None:
        return tokenizer
    own = Tokenizer.from_str(tokenizer.to_str())  # the caller's stays as it is
    own.no_truncation()
    own.no_padding()
    return own


def _batches(blocks: list[tuple[int, _Block]]) -> Iterator[list[tuple[int, _Block]]]:
    batch: list[tuple[int, _Block]] = []
    size = 0
    for item in blocks:
        batch.append(item)
        size += item[1].end - item[1].start
        if size >= _BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _blocks(document: Document) -> Iterator[_Block]:
    """Yield the stretches between page and section borders, in order.

    A section of nothing but its heading (a chapter's title before its first part) joins what follows on its page:
    alone it would be a passage that matches every question about the chapter and answers none.
    """
    text = document.text
    pages, headings = document.page_starts, document.headings
    furniture = {start for start, _ in document.furniture}
    ends = (end for _, end in document.furniture)
    borders = sorted({0, *pages, *(heading.start for heading in headings), *furniture, *ends})
    heading_starts = [heading.start for heading in headings]
    sections = _section_paths(headings)

    def section_at(position: int) -> str:
        heading = bisect_right(heading_starts, position) - 1
        return sections[heading] if heading >= 0 else ""

    waiting: tuple[int, int, int] | None = None  # start, end and page of headings without text so far
    for start, end in zip(borders, [*borders[1:], len(text)], strict=True):
        if start in furniture or not text[start:end].strip():
            continue
        page = bisect_right(pages, start)
        if waiting is not None and waiting[2] != page:
            yield _Block(waiting[0], waiting[1], waiting[2] or None, section_at(waiting[1] - 1))
            waiting = None
        first = start if waiting is None else waiting[0]
        if _only_heading(text[start:end], headings, bisect_right(heading_starts, start) - 1, start):
            waiting = (first, end, page)
            continue
        yield _Block(first, end, page or None, section_at(start))
        waiting = None
    if waiting is not None:
        yield _Block(waiting[0], waiting[1], waiting[2] or None, section_at(waiting[1] - 1))


def _only_heading(text: str, headings: Sequence[Heading], heading: int, start: int) -> bool:
    if heading < 0 or headings[heading].start != start:
        return False
    return len("".join(text.split())) <= len("".join(headings[heading].title.split()))


def _section_paths(headings: Sequence[Heading]) -> list[str]:
    """Each heading's path from the outermost, joined."""
    paths: list[str] = []
    open_headings: list[Heading] = []
    for heading in headings:
        while open_headings and open_headings[-1].level >= heading.level:
            open_headings.pop()
        open_headings.append(heading)
        paths.append(SECTION_SEPARATOR.join(part.title for part in open_headings))
    return paths


def _cut(text: str, token_starts: list[int], max_tokens: int) -> Iterator[tuple[int, int]]:
    """Yield spans of `text` of about even size, each of at most `max_tokens`, ending where a reader would pause."""
    paragraph_ends = {match.end() for match in _PARAGRAPH_END.finditer(text)} | {len(text)}
    row_ends = (match.end() for match in _ROW_END.finditer(text))
    ends = sorted({*paragraph_ends, *sentence_ends(text), *row_ends})
    ends = _without_inner(ends, _wholes(text, token_starts, max_tokens))
    start = 0
    while start < len(text):
        before = bisect_left(token_starts, start)
        left = len(token_starts) - before
        pieces = max(-(-left // max_tokens), -(-(len(text) - start) // MAX_CHARACTERS), 1)
        if pieces == 1:
            yield start, len(text)
            return
        # Even sizes: a full passage and a two-word rest would leave a passage that says nothing.
        even = left / pieces
        limit = token_starts[before + max_tokens] if left > max_tokens else len(text)
        limit = min(limit, start + MAX_CHARACTERS)
        end = _best_end(ends, paragraph_ends, token_starts, start=start, limit=limit, before=before, even=even)
        if end is None:
            end = _inside_sentence(text, token_starts, start=start, limit=limit, before=before, even=even)
        yield start, end
        start = end


def _wholes(text: str, token_starts: list[int], max_tokens: int) -> list[tuple[int, int]]:
    """Return the spans of tables and lists that fit into a passage, with the line that introduces them if that fits."""
    if "\n" not in text:
        return []

    def fits(start: int, end: int) -> bool:
        tokens = bisect_left(token_starts, end) - bisect_left(token_starts, start)
        return tokens <= max_tokens and end - start <= MAX_CHARACTERS

    found: list[tuple[int, int]] = []
    for pattern in _WHOLES:
        for match in pattern.finditer(text):
            before = max(0, match.start() - _LEAD_IN_CHARACTERS_MAX)
            lead = _LEADS_IN.search(text, before, match.start())
            starts = ([lead.start()] if lead and lead.start() > before else []) + [match.start()]
            found += [(start, match.end()) for start in starts if fits(start, match.end())][:1]
    return found


def _without_inner(ends: list[int], wholes: list[tuple[int, int]]) -> list[int]:
    """Return the ends that cut none of `wholes` in two, and the starts of those: there a passage may end too."""
    for start, end in wholes:
        ends = [one for one in ends if not start < one < end]
    return sorted({*ends, *(start for start, _ in wholes if start > 0)}) if wholes else ends


def _best_end(
    ends: list[int],
    paragraph_ends: set[int],
    token_starts: list[int],
    *,
    start: int,
    limit: int,
    before: int,
    even: float,
) -> int | None:
    """The sentence end up to `limit` that gives the most even size, a paragraph's end preferred. None without one."""
    best: tuple[float, int] | None = None
    for end in ends[bisect_right(ends, start) : bisect_right(ends, limit)]:
        tokens = bisect_left(token_starts, end) - before
        cost = abs(tokens - even) / even - (_PARAGRAPH_GAIN if end in paragraph_ends else 0.0)
        if tokens and (best is None or cost < best[0]):
            best = (cost, end)
    return best[1] if best else None


def _inside_sentence(text: str, token_starts: list[int], *, start: int, limit: int, before: int, even: float) -> int:
    """Where to cut a sentence that is too long: at white space near the even size, else anywhere."""
    aim = token_starts[min(before + max(int(even), 1), len(token_starts) - 1)]
    aim = min(max(aim, start + 1), limit)
    spaces = list(_SPACE.finditer(text, start + 1, limit))
    if spaces:
        # A line's end may lie further from the aim: rows and entries are often lines.
        return min(spaces, key=lambda space: abs(space.end() - aim) * (0.5 if "\n" in space.group() else 1.0)).end()
    return limit if limit > start else start + 1


def _fitting(
    document: Document, spans: list[tuple[int, int, _Block]], tokenizer: Tokenizer, max_tokens: int
) -> tuple[Passage, ...]:
    """Make passages of `spans`, halving those that have more tokens alone than they had within their block.

    That happens where a word was cut: WordPiece takes a word of over 100 characters for one unknown token, and its
    pieces for many. Spans of whole words have the tokens they had, and aren't counted again.
    """
    text = document.text
    waiting: list[tuple[int, int, _Block]] = []
    done: list[tuple[int, int, _Block]] = []
    for start, end, block in spans:
        if item := _stripped(text, start, end, block):
            whole = _is_border(text, item[0], block) and _is_border(text, item[1], block)
            (done if whole else waiting).append(item)
    while waiting:
        encodings = tokenizer.encode_batch([text[start:end] for start, end, _ in waiting], add_special_tokens=False)
        halves: list[tuple[int, int, _Block] | None] = []
        for (start, end, block), encoding in zip(waiting, encodings, strict=True):
            if len(encoding) <= max_tokens or end - start == 1:
                done.append((start, end, block))
                continue
            middle = (start + end) // 2
            space = text.find(" ", middle, end - 1)
            middle = space if space > 0 else middle
            halves += [_stripped(text, start, middle, block), _stripped(text, middle, end, block)]
        waiting = [half for half in halves if half]
    return tuple(
        Passage(
            id=f"{document.id}:{start}",
            document_id=document.id,
            title=document.title,
            text=text[start:end],
            page=block.page,
            section=block.section,
            start=start,
            end=end,
        )
        for start, end, block in sorted(done, key=lambda item: item[0])
    )


def _is_border(text: str, position: int, block: _Block) -> bool:
    """Whether no word is cut at `position`."""
    if position in (block.start, block.end):
        return True
    return text[position - 1].isspace() or text[position].isspace()


def _stripped(text: str, start: int, end: int, block: _Block) -> tuple[int, int, _Block] | None:
    """The span without white space at its ends; None when nothing is left."""
    part = text[start:end]
    start += len(part) - len(part.lstrip())
    end = start + len(part.strip())
    return (start, end, block) if end > start else None
