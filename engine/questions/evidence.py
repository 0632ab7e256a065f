"""Links questions to the passages that hold their evidence: exactly, after normalisation, or nearly, with a score."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from engine.questions.answer_spans import Span, answer_spans, telling_words
from engine.questions.folding import Folded, fold, folded, numbers
from engine.questions.raw import RawQuestion
from engine.questions.text_index import Match, TextIndex, indexed
from engine.records import Link, Passage
from engine.workspace.matching import query_terms

NEARLY = 0.85  # the least likeness of a context that is linked fuzzily
_REPEATED = 0.97  # of a passage that says the same as another
_REPEATS_MAX = 20
_REPEATED_SHARE = 0.5  # of the runs looked up that a repetition must share
_WHOLE_PASSAGES_MAX = 3
_NAMESAKES_READ_MAX = 20
_ANSWER_CHARACTERS_MIN = 3  # folded: "no" stands everywhere
_ALIKE = 0.95  # of the best passage's score: another that comes so close may be the one that is meant
_END_WORDS = 8  # at either end of an answer that runs from one passage into the next
_TELLING_LETTERS = 4  # of a word that says what a question is about
_BEGINNING = 5  # letters that tell a word, however it is inflected
_RUN_TOKENS = 3  # a context of fewer words has no run to be found by
_GAP = re.compile(r"\n\s*\n|[\[(]?(?:…|\.(?: ?\.){2,})[\])]?")  # between the pieces of a context

Ranked = Sequence[tuple[Passage, float]]
PhraseSearch = Callable[[str, str], Ranked]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a question's evidence is, and how surely."""

    document_id: str
    passages: tuple[str, ...]  # ids, best first
    link: Link
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class Located:
    """The places where a context stands, the most fitting first."""

    matches: tuple[Match, ...]
    link: Link

    @property
    def score(self) -> float:
        """How alike the context and the text found first are."""
        return self.matches[0].score


@dataclass(slots=True)
class EvidenceLinker:
    """Links questions to passages of the documents it was given.

    `texts` are the documents' texts by id; `passages_of` gives a document's passages in order; `called` gives the ids
    of the documents that a question file may call so; `search` finds the passages that hold a phrase and, given a
    question, share a word with it, best first.
    """

    texts: Mapping[str, str]
    passages_of: Callable[[str], Sequence[Passage]]
    called: Callable[[str], Sequence[str]] = lambda name: ()
    search: PhraseSearch | None = None
    check: Callable[[], None] = lambda: None
    may_be_like: Callable[[str], bool] = lambda document_id: True  # whether a document may be linked fuzzily
    _index: TextIndex | None = None
    _contexts: dict[int, Located | None] = field(default_factory=dict)  # by the context's hash
    _repeats: dict[str, tuple[str, ...]] = field(default_factory=dict)  # passage id → those that say the same

    def add(self, document_ids: Iterable[str]) -> None:
        """Make documents findable that came after the others (they must be in `texts` already)."""
        if self._index is not None:
            for document_id in document_ids:
                self.check()
                self._index.add(document_id)
        self._contexts.clear()
        self._repeats.clear()

    def locate(self, raw: RawQuestion) -> Located | None:
        """Return where the question's context stands, in a document it names before others; None when nowhere."""
        key = hash(raw.context)
        if key not in self._contexts:
            self._contexts[key] = self._search(raw.context)
        found = self._contexts[key]
        named = [document_id for namesakes in self._named(raw) for document_id in namesakes]
        if not named or (found is not None and found.matches[0].document_id == named[0]):
            return found
        wanted = fold(raw.context)
        if not wanted.text:
            return found
        index = self._ready()
        if len(named) > _NAMESAKES_READ_MAX:  # to read all of them for each question would take long
            likely = {candidate.document_id for candidate in index.candidates(wanted)}
            named = [document_id for document_id in named if document_id in likely]
        own = tuple(match for document_id in named for match in index.places(document_id, wanted))
        if own:
            others = found.matches if found is not None and found.link != "fuzzy" else ()
            rest = tuple(match for match in others if match.document_id not in named)
            return Located(own + rest, self._how(raw.context, own[0]))
        if found is None or not any(match.document_id in named for match in found.matches):
            return found
        return Located(tuple(sorted(found.matches, key=lambda match: match.document_id not in named)), found.link)

    def link(self, raw: RawQuestion) -> Evidence | None:
        """Return the question's evidence, None when no known document has its context or its answer.

        That of an unanswerable one is no passage, but a document: it stays on its side of the split, and goes with it.
        """
        named = self._named(raw)
        if raw.unanswerable:
            located = self.locate(raw) if raw.context.strip() else None
            about = (
                [located.matches[0].document_id]
                if located
                else [ids[0] for namesakes in named if len(ids := self._meant(raw, namesakes)) == 1]
            )
            return Evidence(about[0], (), "") if about else None
        if not raw.context.strip():
            return self._in_named(raw, named) if named else self._by_answer(raw)
        located = self.locate(raw)
        if located is None:
            return None
        places = [(match, self._answer_in(raw, match)) for match in located.matches]
        places.sort(key=lambda place: not place[1])  # of pieces, those with the answer first
        passages = [one for match, spans in places for one in self._overlapping(match, spans)]
        document_id = places[0][0].document_id
        seen = {match.document_id for match in located.matches}
        for namesakes in named:
            others = self._meant(raw, namesakes) if raw.answers and seen.isdisjoint(namesakes) else ()
            if len(others) == 1:
                passages += self._in_other(raw, others[0])
        found = tuple(dict.fromkeys(passages))
        return Evidence(document_id, self._with_repeats(found), located.link, located.score)

    def _named(self, raw: RawQuestion) -> list[tuple[str, ...]]:
        """The documents the question names, as far as they are known: of each name all that go by it."""
        return list(dict.fromkeys(ids for name in raw.documents if (ids := tuple(self.called(name)))))

    def _meant(self, raw: RawQuestion, namesakes: Sequence[str]) -> Sequence[str]:
        """The one document of a name; of several, those that hold an answer whole."""
        if len(namesakes) == 1:
            return namesakes
        if not raw.answers:  # only an id says which
            return [document_id for document_id in namesakes if document_id in raw.documents]
        answers = {wanted for answer in raw.answers if (wanted := folded(answer))}
        return [document_id for document_id in namesakes if self._holds(document_id, answers, raw)]

    def _holds(self, document_id: str, answers: set[str], raw: RawQuestion) -> bool:
        self.check()
        if not any(answer in self._ready().folded(document_id).text for answer in answers):
            return False
        text = self.texts[document_id]
        return any(folded(text[start:end]) in answers for start, end in answer_spans(raw, text, (0, len(text))))

    def _search(self, context: str) -> Located | None:
        wanted = fold(context)
        if not wanted.text:
            return None
        if len(wanted.words) < _RUN_TOKENS:
            return self._search_short(context, wanted)
        index = self._ready()
        among = index.candidates(wanted)
        whole = tuple(index.containing(wanted, among)) or self._in_pieces(context)
        if whole:
            return Located(whole, self._how(context, whole[0]))
        among = [candidate for candidate in among if self.may_be_like(candidate.document_id)]
        alike = index.alike(wanted, among, least=NEARLY)
        return Located((alike[0],), "fuzzy") if alike else None

    def _in_pieces(self, context: str) -> tuple[Match, ...]:
        """Where the pieces of a context stand that was put together, when every one stands somewhere as a whole.

        In documents that hold all of them, where there are such; what is short must stand in those of the others.
        """
        pieces = [piece for part in _GAP.split(context) if (piece := fold(part)).text]
        found: list[list[Match]] = []
        for piece in pieces if len(pieces) > 1 else ():
            if len(piece.words) >= _RUN_TOKENS:
                self.check()
                found.append(list(self._ready().containing(piece, self._ready().candidates(piece))))
                if not found[-1]:
                    return ()
        each = [{match.document_id for match in matches} for matches in found]
        holding = set.intersection(*each) or set.union(*each) if each else set[str]()
        short = [piece for piece in pieces if len(piece.words) < _RUN_TOKENS]
        texts = [self._ready().folded(document_id) for document_id in (holding if short else ())]
        if not all(any(text.holds(piece) for text in texts) for piece in short):
            return ()
        return tuple(match for matches in found for match in matches if match.document_id in holding)

    def _search_short(self, context: str, wanted: Folded) -> Located | None:
        documents = [passage.document_id for passage, _ in self._holding(context)]
        places = (self._ready().places(document_id, wanted) for document_id in dict.fromkeys(documents))
        whole = tuple(match for found in places for match in islice(found, 1))  # so little may stand within other words
        return Located(whole, self._how(context, whole[0])) if whole else None

    def _holding(self, phrase: str, about: str = "", among: Sequence[str] | None = None) -> Ranked:
        """Passages that hold a phrase, to the letter but for what folding takes away, best first."""
        wanted = folded(phrase)
        if self.search is not None and among is None:
            return [found for found in self.search(phrase, about) if wanted in folded(found[0].text)]
        asked = telling_words(about)
        documents = self.texts if among is None else among
        every = (passage for document_id in documents for passage in self.passages_of(document_id))
        holding = [
            (passage, float(len(asked & telling_words(passage.indexed_text))))
            for passage in every
            if wanted in folded(passage.text)
        ]
        return sorted((found for found in holding if found[1] or not about), key=lambda found: -found[1])

    def _ready(self) -> TextIndex:
        if self._index is None:
            self._index = indexed(self.texts, lambda document_id: self.check())
        return self._index

    def _how(self, context: str, match: Match) -> Link:
        """Whether the context stands there letter by letter, white space aside."""
        there = self.texts[match.document_id][match.start : match.end]
        return "exact" if " ".join(there.split()) in " ".join(context.split()) else "normalised"

    def _answer_in(self, raw: RawQuestion, match: Match) -> list[Span]:
        return answer_spans(raw, self.texts[match.document_id], (match.start, match.end))

    def _overlapping(self, match: Match, spans: Sequence[Span]) -> list[str]:
        """Passages with the answer's `spans` within the context; those of the whole context when there are none."""
        return overlapping(self.passages_of(match.document_id), spans or [(match.start, match.end)])

    def _in_named(self, raw: RawQuestion, named: Sequence[Sequence[str]]) -> Evidence | None:
        """Evidence in a document that is named without a context: where the answer stands in it.

        Where several go by the name and more than one holds the answer, or none: see `_by_answer`.
        """
        meant = [self._meant(raw, namesakes) for namesakes in named]
        for document_id in (ids[0] for ids in meant if len(ids) == 1):
            text = self.texts[document_id]
            spans = answer_spans(raw, text, (0, len(text)))
            if spans:
                found = tuple(overlapping(self.passages_of(document_id), spans))
                return Evidence(document_id, self._with_repeats(found), "exact")
        if any(len(ids) != 1 for ids in meant):
            return self._by_answer(raw, [document_id for ids in meant for document_id in ids])
        first = meant[0][0]
        passages = self.passages_of(first)  # a whole named document is no evidence, unless it is small
        few = tuple(passage.id for passage in passages) if len(passages) <= _WHOLE_PASSAGES_MAX else ()
        return Evidence(first, few, "exact" if few else "")

    def _in_other(self, raw: RawQuestion, document_id: str) -> list[str]:
        """Passages of a further document that the file names as evidence: those with a piece of the answer."""
        text, passages = self.texts[document_id], self.passages_of(document_id)
        spans = answer_spans(raw, text, (0, len(text)))
        if spans:
            return overlapping(passages, spans)
        return [passage.id for passage in passages] if len(passages) <= _WHOLE_PASSAGES_MAX else []

    def _by_answer(self, raw: RawQuestion, among: Sequence[str] | None = None) -> Evidence | None:
        """Evidence of a question that names no place: the passage that holds its answer and ranks best for it.

        With `among`, in those documents only. None where a passage with another text ranks as well. An answer that no
        passage holds whole may run over from one into the next: then the passages that hold its ends. The score is the
        share of the question's telling words that the passages have.
        """
        for answer in raw.answers:
            if len(folded(answer)) < _ANSWER_CHARACTERS_MIN or folded(answer) in folded(raw.question):
                continue
            words = answer.split()
            ends = [" ".join(words[:_END_WORDS]), " ".join(words[-_END_WORDS:])] if len(words) > _END_WORDS else []
            for parts in ([answer], ends):
                best = [found for part in parts if (found := self._best_holding(part, raw.question, among))]
                if best and len({passage.document_id for passage in best}) == 1:
                    score = _spoken_of(raw.question, " ".join(passage.indexed_text for passage in best))
                    if not score:  # a word as small as "of" may be all they share
                        continue
                    ids = tuple(dict.fromkeys(passage.id for passage in best))
                    return Evidence(best[0].document_id, self._with_repeats(ids), "answer", score)
        return None

    def _best_holding(self, phrase: str, question: str, among: Sequence[str] | None) -> Passage | None:
        ranked = self._holding(phrase, question, among)
        rivals = [one for one, score in ranked[1:] if score > _ALIKE * ranked[0][1]]
        if not ranked or any(folded(one.text) != folded(ranked[0][0].text) for one in rivals):
            return None
        return ranked[0][0]

    def _with_repeats(self, passages: tuple[str, ...]) -> tuple[str, ...]:
        """`passages`, and after them those of other documents that say the same: a repeated clause is evidence too."""
        found = dict.fromkeys(passages)
        for passage_id in passages:
            if passage_id not in self._repeats:
                self._repeats[passage_id] = tuple(self._repeated(passage_id))
            found.update(dict.fromkeys(self._repeats[passage_id]))
        return tuple(found)

    def _repeated(self, passage_id: str) -> Iterator[str]:
        """Yield the passages of other documents whose text is that of this one but for a letter or two.

        A number that differs makes another text of it.
        """
        document_id = passage_id.rsplit(":", 1)[0]
        passage = next((one for one in self.passages_of(document_id) if one.id == passage_id), None)
        if passage is None:
            return
        wanted, index = fold(passage.text), self._ready()
        among = [
            candidate
            for candidate in index.candidates(wanted)
            if candidate.document_id != document_id and candidate.share >= _REPEATED_SHARE
        ][:_REPEATS_MAX]
        said = numbers(passage.text)
        for match in index.alike(wanted, among, least=_REPEATED):
            if numbers(self.texts[match.document_id][match.start : match.end]) == said:
                yield from overlapping(self.passages_of(match.document_id), [(match.start, match.end)])[:1]


def _spoken_of(question: str, text: str) -> float:
    """The share of a question's telling words that a text has; of all its words where none tells.

    By the beginnings of the words, which stay as they are when words are inflected.
    """
    words = set(query_terms(question))
    long = {word for word in words if len(word) >= _TELLING_LETTERS or " " in word}
    short = {word for word in words if len(word) > 1 and word.upper() in question}  # RSV, R0, 12
    asked = {word[:_BEGINNING] for word in long | short} or words
    there = {word[:_BEGINNING] for word in query_terms(text)}
    return round(len(asked & there) / len(asked), 4) if asked else 0.0


def overlapping(passages: Sequence[Passage], spans: Sequence[Span]) -> list[str]:
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
