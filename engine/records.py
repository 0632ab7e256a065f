"""The frozen records that travel between the rooms, the two processes and the front ends."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

Link = Literal["", "exact", "normalised", "fuzzy", "answer", "person"]  # how a question's evidence was found
LinkState = Literal["", "check", "confirmed", "dropped"]  # "check": found by likeness only, a person should look

REFUSAL = "The documents do not answer this question."


@dataclass(frozen=True, slots=True)
class Heading:
    """A section heading: where it starts in the document's text, and how deep it stands."""

    start: int
    level: int  # 1 is the outermost
    title: str


@dataclass(frozen=True, slots=True)
class ScannedPage:
    """Where the recognised words of a scanned page stand: nothing in the file says it, so it is kept."""

    page: int  # 1-based
    words: tuple[tuple[int, int, int, int, int, int], ...]
    """start and end in the document's text; left, top, right, bottom in tenths of a point from the page's upper left"""


@dataclass(frozen=True, slots=True)
class Document:
    """One imported document: its whole text, with pages and headings as offsets into it."""

    id: str
    title: str
    path: str  # absolute source path; of a corpus record "corpus.jsonl#record id"
    digest: str  # SHA-256 (hex) of the content: the file's bytes, or the record's title and text
    kind: str  # pdf, docx, xlsx, eml, html, …; record, context
    text: str
    page_starts: tuple[int, ...] = ()  # offset of each page's first character; () where the format has no pages
    headings: tuple[Heading, ...] = ()
    group: str = ""  # questions about documents of one group never fall on both sides of a split; "" is the document
    language: str = ""  # ISO 639-1 code; "" where the text is too short to tell
    notes: tuple[str, ...] = ()  # sentences on what was not read of it, for the list
    furniture: tuple[tuple[int, int], ...] = ()  # spans of running headers and footers: shown, but in no passage
    confidence: float | None = None  # of the words recognised in scans, 0 to 1; None where there were none
    date: str = ""  # ISO date of the source file's last change; "" unknown
    scanned: tuple[ScannedPage, ...] = ()  # written at import; DocumentStore.get leaves it out


@dataclass(frozen=True, slots=True)
class Passage:
    """The unit of retrieval: a span of one document."""

    id: str
    document_id: str
    title: str  # the document's
    text: str
    page: int | None  # 1-based; None where the format has no pages
    section: str  # heading path, outermost first, joined by " › "; "" outside any section
    start: int  # character offsets into Document.text
    end: int

    @property
    def heads(self) -> str:
        """What stands before the text where it is embedded and matched: title and section path. Never quoted."""
        parts = [part for part in (self.title, self.section) if part and not self.text.startswith(part)]
        return "".join(f"{part}. " for part in parts)

    @property
    def indexed_text(self) -> str:
        """What is embedded and matched: the text behind its heads."""
        return self.heads + self.text


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its accepted answers and the passages that hold the evidence."""

    id: str
    question: str
    answers: tuple[str, ...]
    evidence: tuple[str, ...] = ()  # passage ids, best first
    split: Split = "train"
    group: str = ""  # kept on one side of the split
    document_id: str = ""  # the document the evidence is in
    source: str = ""  # path of the file it came from
    unanswerable: bool = False
    link: Link = ""
    score: float = 1.0  # of the link: how alike context and document are, 0 to 1
    state: LinkState = ""
    excluded: bool = False  # by a person: neither trained on nor tested with
    edited: bool = False  # by a person: importing its file again leaves it alone
    split_given: bool = False  # by its file or a person, not drawn
    line: int = 0  # in its file; 0 where the record has none


@dataclass(frozen=True, slots=True)
class Amendment:
    """What people said about one question while looking at results."""

    question_id: str
    pinned: bool = False  # in the regression set
    excluded: bool = False  # as the question itself says
    imported_question: str | None = None  # the wording before it was corrected; None where it never was
    imported_answers: tuple[str, ...] | None = None
    imported_unanswerable: bool = False  # goes with the answers
    reason: str = ""
    time: str = ""  # ISO 8601, UTC

    @property
    def corrected(self) -> bool:
        """Whether the wording or the answers differ from the import."""
        return self.imported_question is not None or self.imported_answers is not None


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved passage with its fused score and the scores it was made of."""

    passage: Passage
    score: float
    dense: float | None = None  # cosine; None where the mode doesn't use it
    lexical: float | None = None  # BM25, higher is better
    doubt: float | None = None  # log-odds, by the run's generator, that it doesn't answer; None where it wasn't weighed


@dataclass(frozen=True, slots=True)
class Citation:
    """A quoted span: character offsets into the document's text, computed from the answer, never generated."""

    passage_id: str
    document_id: str
    title: str
    page: int | None
    start: int
    end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Asking:
    """What a person sets when asking."""

    top_k: int | None = None  # passages to read; None is the number the run was tuned to
    risk: float | None = None  # 0 to 1: how likely it may be that the documents don't answer; None is the run's own
    extractive: bool = False  # answer in the documents' own words
    earlier: tuple[str, ...] = ()  # questions of the conversation before this one, oldest first


AS_TUNED = Asking()  # everything as the run was tuned


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of an answer, and the citation that bears it out."""

    start: int  # character offsets into the answer
    end: int
    citation: int | None  # place in the answer's citations; None where no quoted span bears the sentence out
    missing: tuple[str, ...] = ()  # numbers, names and negations in which the nearest span differs

    @property
    def supported(self) -> bool:
        """Whether a span was found that says it."""
        return self.citation is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer with its citations and what it cost."""

    question: str
    answer: str
    abstained: bool
    confidence: float  # 0 to 1
    citations: tuple[Citation, ...]
    hits: tuple[Hit, ...]
    run: str
    cached: bool
    timings_ms: dict[str, float]  # retrieve, first_token, total
    sentences: tuple[Sentence, ...] = ()  # the answer's sentences in order; () where it abstained
    searched: str = ""  # what was searched for, where a follow-up question was made to stand alone; "" as asked


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression from what is known of an answer to the probability that the documents answer at all."""

    names: tuple[str, ...]  # of the features, in order
    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    risk: float  # the risk at which one validation question in twenty that has an answer is left without
    questions: int  # how many questions, answerable or not, it was fitted on


RunState = Literal["running", "interrupted", "finished", "failed"]
# How an answer is written from several passages: all in one input; each in its own, and the best answer chosen; or each
# in its own, as RAG-Sequence or RAG-Token.
Reading = Literal["together", "apart", "sequence", "token"]


@dataclass(frozen=True, slots=True)
class Run:
    """One bound package: encoder, generator, fusion and the numbers that justify them.

    A bundled model is named by its name in the library; one that was tuned or imported by "object:" and the digest of
    its manifest in the workspace.
    """

    id: str  # "base" for the untuned pair
    what: str  # base, retriever, generator, joint, all
    encoder: str
    generator: str
    fusion: Fusion
    passages_per_answer: int = 3  # how many passages the generator reads
    passage_encoder: str = ""  # where passages have an encoder of their own, as in DPR; "" is `encoder` for both
    reading: Reading = "together"
    temperature: float = 0.05  # divides the retriever's scores where they weigh passages against each other
    passages_weighed: int = 8  # read apart: how many the generator looks through before it reads the best
    reranker: str = ""  # a cross-encoder that judges the best passages once more; "" for none
    rerank_weight: float = 0.0  # of its judgement beside the fused score, 0 to 1
    doubt: float = 0.3  # read apart: how much the log-odds that a passage doesn't answer count against it
    trust: float = 1.0  # read apart: how much an answer's own log-probability counts
    weighs_search: bool = False  # read apart: whether a search, too, is in the order in which passages are read
    calibration: Calibration | None = None  # None where there were too few validation questions to fit one
    parent: str = ""
    state: RunState = "finished"
    created: str = ""  # ISO 8601, UTC
    steps: int = 0
    best_step: int = 0
    seconds: float = 0.0
    before: dict[str, float] = field(default_factory=dict)  # validation scores of the parent
    after: dict[str, float] = field(default_factory=dict)  # validation scores of this run
    kept: bool = False
    reason: str = ""
    settings: dict[str, float | int | str] = field(default_factory=dict)

    @property
    def passages_shown(self) -> int:
        """How many of the retrieved passages the generator is shown: an answer may come from any of them."""
        return self.passages_weighed if self.reading == "apart" else self.passages_per_answer

    @property
    def indexed_by(self) -> str:
        """The model that embeds passages."""
        return self.passage_encoder or self.encoder


@dataclass(frozen=True, slots=True)
class Matching:
    """What counts in the lexical score besides BM25, in BM25's unit; learnt from training questions, else nothing."""

    phrase: float = 0.0  # BM25 of the question's neighbouring words found as phrases
    near: float = 0.0  # BM25 of its pairs of words found near each other
    length: float = 0.0  # corrects BM25's own correction for the passage's length


@dataclass(frozen=True, slots=True)
class Fusion:
    """How lexical and dense scores become one: a convex combination, in units learnt from labelled questions."""

    weight: float = 0.6  # of the dense score, 0 to 1
    matching: Matching = Matching()
    dense_unit: float | None = None  # what dense scores are divided by; None: the span of the question's own
    lexical_unit: float | None = None  # and lexical ones; None: the question's best


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model of the library."""

    name: str
    kind: Literal["encoder", "reranker", "seq2seq", "causal", "rag"]
    parameters: int
    path: str
    digest: str  # SHA-256 of model.safetensors
    licence: str
    origin: str  # where the weights come from
    trusted: bool  # bundled and its digest is the manifest's, or imported and unchanged since
