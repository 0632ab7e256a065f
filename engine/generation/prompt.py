"""The prompt: question and passages as token ids, so that nothing in a document can pose as a control token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tokenizers import Tokenizer

from engine.generation.turns import turns_of
from engine.generation.unwritable import UNWRITABLE, restored
from engine.records import Passage

INSTRUCTION = "Answer the question from the passages."
MAX_PROMPT_TOKENS = {"seq2seq": 1600, "causal": 1900}  # five passages of 220 tokens of the encoder fit
MAX_TITLE_TOKENS = 16
MAX_EVIDENCE = 2  # passages of one question's evidence that are shown together
MAX_QUESTION_TOKENS = 256  # and half of the prompt, where a model reads little
MAX_ANSWER_TOKENS = 256  # a contract clause has more than 200

Kind = Literal["seq2seq", "causal"]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a published RAG checkpoint writes its input: "title / text // question", as RagRetriever does."""

    reading: Literal["sequence", "token"]
    title_sep: str
    doc_sep: str
    prefix: str
    passages: int  # it was trained to read for one question
    tokens: int  # at most in one input


@dataclass(frozen=True, slots=True)
class Verdict:
    """The words a tuned generator opens with: whether the passages answer, said before anything else.

    An answer is written after the first word, given; so passages that don't answer can be learnt from in any number
    without teaching it to refuse what it could answer. What is told of the two is monoT5's idea (arXiv 2003.06713).
    """

    answers: str = "yes"
    refuses: str = "no"


class PromptWriter:
    """Writes prompts and targets for one generator, and reads its tokens back as text.

    Sequence-to-sequence models get "instruction, question, passages"; the question comes first, because truncation
    cuts the end. Causal models get the turns of chat that their tokenizer knows (turns.py), else plain headed lines.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        *,
        kind: Kind,
        end_id: int,
        start_id: int | None = None,
        layout: Layout | None = None,
        verdict: Verdict | None = None,
        most_tokens: int | None = None,
    ) -> None:
        """With `layout`, the model is a published one; `start_id` then opens its inputs and answers (BART's)."""
        self.kind: Kind = kind
        self.end_id = end_id
        self.layout = layout
        self._start = [start_id] if layout is not None and start_id is not None else []
        self._tokenizer = tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        special = {number: token for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
        control = [re.escape(token.content) for token in special.values()]
        self._special = frozenset(special)
        self._unknown = tokenizer.token_to_id("<unk>")
        self._control = re.compile("|".join(sorted(control, key=len, reverse=True)) or "(?!)")
        self._named = {token.content: number for number, token in special.items()}
        self._turns = turns_of(self._named) if kind == "causal" else None
        if self._turns is not None:
            self.end_id = self._named[self._turns.end]
        # What every answer begins with, and the whole target where the passages don't answer; None without a verdict.
        self.answer_opening = [*self._start, *(self._ids(verdict.answers) if verdict else [])]
        self.refusal = [*self._start, *self._ids(verdict.refuses), self.end_id] if verdict else None
        prompt_tokens, answer_tokens = MAX_PROMPT_TOKENS[kind], MAX_ANSWER_TOKENS
        if most_tokens and kind == "seq2seq":
            # It has as many positions for the answer; the opening and the end take two.
            prompt_tokens, answer_tokens = most_tokens, most_tokens - 2
        elif most_tokens:
            answer_tokens = min(MAX_ANSWER_TOKENS, most_tokens // 4)
            prompt_tokens = most_tokens - len(self.answer_opening) - answer_tokens  # the answer goes on behind it
        self._most_tokens = min(MAX_PROMPT_TOKENS[kind], prompt_tokens)
        self.most_answer_tokens = min(MAX_ANSWER_TOKENS, answer_tokens)

    def prompt(self, question: str, passages: Sequence[Passage]) -> list[int]:
        """Return the ids of the whole prompt, passages cut evenly where it would grow too long."""
        if self.layout is not None:
            return self._published(self.layout, question, passages)
        lead = [] if self.kind == "seq2seq" else self._ids("\n")
        asked = [*lead, *self._ids(f"question: {question}")[: min(MAX_QUESTION_TOKENS, self._most_tokens // 2)]]
        opening = self._opening()
        closing = self._closing()
        room = max(self._most_tokens - len(opening) - len(asked) - len(closing), 0)
        shown = [self._passage(passage) for passage in passages]
        if passages and sum(map(len, shown)) > room:
            shown = [ids[: room // len(passages)] for ids in shown]
        body = [token for ids in shown for token in ids]
        # A causal model reads to the left only: it must know the passages before the question is the last thing it saw.
        return [*opening, *asked, *body, *closing] if self.kind == "seq2seq" else [*opening, *body, *asked, *closing]

    def target(self, answer: str) -> list[int]:
        """Return the ids of the answer with the end token, at most `most_answer_tokens` of them."""
        return [*self.answer_opening, *self._ids(answer)[: self.most_answer_tokens - 1], self.end_id]

    def begun(self, prompt: Sequence[int]) -> list[int]:
        """Return what a causal model goes on from: the prompt, and what every answer begins with."""
        return [*prompt, *self.answer_opening]

    def text(self, ids: Sequence[int]) -> str:
        """Return what generated `ids` say, without control tokens; UNWRITABLE for what has no token."""
        if self._unknown not in ids:
            return self._tokenizer.decode(list(ids), skip_special_tokens=True).strip()
        named = [
            UNWRITABLE if token == self._unknown else self._tokenizer.id_to_token(token)
            for token in ids
            if token == self._unknown or token not in self._special
        ]
        return self._tokenizer.decoder.decode(named).strip()

    def restored(self, text: str, passages: Sequence[Passage]) -> str:
        """Return what was generated from `passages` with the signs that could not be written as they stand there."""
        return restored(text, [passage.text for passage in passages], self._unwritable)

    def unreadable(self, texts: Sequence[str]) -> float:
        """Return the share of the signs of `texts` that the tokenizer has no token for, 0 to 1; spaces don't count."""
        lost = sum(len(text[start:end].strip()) for text in texts for start, end in self._unwritable(text))
        return lost / max(sum(len("".join(text.split())) for text in texts), 1)

    def tokens(self, ids: Sequence[int]) -> list[str]:
        """Return the tokens by name, as runtimes want them that take no ids."""
        return [self._tokenizer.id_to_token(token) or "" for token in ids]

    def ids_of(self, tokens: Sequence[str]) -> list[int]:
        """Return the ids of named tokens; unknown names are left out."""
        ids = (self._tokenizer.token_to_id(token) for token in tokens)
        return [token for token in ids if token is not None]

    def _unwritable(self, text: str) -> list[tuple[int, int]]:
        encoded = self._tokenizer.encode(text, add_special_tokens=False)
        pairs = zip(encoded.ids, encoded.offsets, strict=True)
        return [offsets for token, offsets in pairs if token == self._unknown]

    def _ids(self, text: str) -> list[int]:
        # A unigram model takes "</s>" for the control token wherever it stands; broken in two it is text.
        harmless = self._control.sub(lambda found: f"{found.group()[0]} {found.group()[1:]}", text)
        ids = self._tokenizer.encode(harmless, add_special_tokens=False).ids
        # Its normaliser makes one of "＜／ｓ＞", and of one with a control character in it: those are left out.
        return [token for token in ids if token == self._unknown or token not in self._special]

    def _passage(self, passage: Passage) -> list[int]:
        title = "" if passage.text.startswith(passage.title) else passage.title
        # A causal model's tokenizer puts no space between what is encoded apart, as those of T5 do.
        lead, gap = ("passage:", "") if self.kind == "seq2seq" else ("\npassage: ", "\n" if title else "")
        return [*self._ids(lead), *self._ids(title)[:MAX_TITLE_TOKENS], *self._ids(gap), *self._ids(passage.text)]

    def _published(self, layout: Layout, question: str, passages: Sequence[Passage]) -> list[int]:
        """The question comes last there: the passages are what is cut, never the question."""
        asked = self._ids(f"{layout.doc_sep}{question}".replace("  ", " "))[:MAX_QUESTION_TOKENS]
        room = min(layout.tokens, self._most_tokens) - len(self._start) - len(asked) - 1
        shown: list[int] = []
        for passage in passages:
            text = f"{layout.prefix}{passage.title}{layout.title_sep}{passage.text}".replace("  ", " ")
            shown += self._ids(text)[: max(room, 0) // len(passages)]
        return [*self._start, *shown, *asked, self.end_id]

    def _opening(self) -> list[int]:
        if self._turns is not None:
            return self._pieces(self._turns.opening)
        return self._ids(INSTRUCTION if self.kind == "seq2seq" else f"{INSTRUCTION}\n")

    def _closing(self) -> list[int]:
        if self._turns is not None:
            return self._pieces(self._turns.closing)
        return [self.end_id] if self.kind == "seq2seq" else self._ids("\nanswer:")

    def _pieces(self, pieces: Sequence[str]) -> list[int]:
        """Return the ids of control tokens by their names, and of the text between them."""
        return [
            token
            for piece in pieces
            for token in ([self._named[piece]] if piece in self._named else self._ids(piece.format(INSTRUCTION)))
        ]
