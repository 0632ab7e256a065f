"""What an evaluation says: the report, the comparison with another run, and one row a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from engine.evaluation.abstention import Abstention
from engine.records import Citation, Split
from engine.workspace.publishing import publish_file, storage_error

Kept = TypeVar("Kept")

Interval = tuple[float, float]
Verdict = Literal["better", "worse", "no difference shown", "not enough questions to tell"]

RETRIEVAL_METRICS = (
    "hit@1", "hit@5", "hit@20", "recall@20", "mrr@10", "ndcg@10", "wrong_document@1", "wrong_document@5"
)  # fmt: skip
MATCH_METRICS = ("exact_match", "strict_exact_match", "f1")
CITATION_METRICS = ("cited_precision", "cited_recall", "cited_f1")
SUPPORT_METRICS = ("support", "numbers_covered")
ANSWER_METRICS = (
    *MATCH_METRICS, "bleu", "rouge1", "rouge2", "rougeL", *CITATION_METRICS, *SUPPORT_METRICS, "answered"
)  # fmt: skip
LESS_IS_BETTER = frozenset({"wrong_document@1", "wrong_document@5"})

Flag = Literal["got worse", "retrieval missed", "reader missed", "should have abstained"]
FLAGS: tuple[Flag, ...] = ("got worse", "retrieval missed", "reader missed", "should have abstained")


def largest(metric: str) -> float:
    """Return what a metric can be at most: BLEU counts to 100, as sacrebleu does, and every other is a share."""
    return 100.0 if metric == "bleu" else 1.0


@dataclass(frozen=True, slots=True)
class Difference:
    """A run minus another one, on the same questions, by one metric."""

    difference: float
    interval: Interval  # 95 %
    p_value: float  # two-sided: how often chance alone would differ as much
    verdict: Verdict
    questions: int
    questions_needed: int  # about how many would tell; 0 where the verdict tells already


@dataclass(frozen=True, slots=True)
class Comparison:
    """This run minus another one on the same questions. The head line is one metric; `metrics` has them all."""

    run: str  # the other one
    metric: str  # the head line's: "f1" where the generators differ, "hit@1" where only retrieval does
    difference: float
    interval: Interval  # 95 %
    p_value: float
    verdict: Verdict
    questions_needed: int  # about how many questions would tell; 0 where the verdict tells already
    metrics: dict[str, Difference]
    retrieval: dict[str, float]  # the other run's own numbers
    answers: dict[str, float]
    oracle_answers: dict[str, float]


@dataclass(frozen=True, slots=True)
class Part:
    """The questions of a report that share something: a split of the documents, a document, a kind of question."""

    name: str
    questions: int
    groups: int
    retrieval: dict[str, float]
    answers: dict[str, float]
    metric: str = ""  # by which it is compared; "" where it is not
    against: Difference | None = None
    against_value: float | None = None  # the other run's mean of that metric


@dataclass(frozen=True, slots=True)
class Breakdown:
    """The questions divided by one property: lengths in their order, the others by how many questions there are."""

    by: str  # "question type", "answer length", "passage length", "document"
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Latency:
    """How long one question takes when it is asked alone, in milliseconds."""

    questions: int  # how many were timed
    first_token_ms: float  # median
    total_ms: float  # median
    total_p95_ms: float
    batched_ms: float  # a question's share when they are answered in batches


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a number depends on: enough to make it again."""

    created: str  # ISO 8601, UTC
    workspace: str
    documents: int
    documents_digest: str  # SHA-256 over the documents' digests
    questions_digest: str  # SHA-256 over the questions as they were asked
    index_version: int
    amended: int  # questions whose answers were corrected here
    excluded: int  # questions left out here
    device: str
    seed: int
    resamples: int
    versions: dict[str, str]
    settings: dict[str, str]  # of the run: models, fusion, passages read, how it was trained


@dataclass(frozen=True, slots=True)
class PinnedResult:
    """One pinned question, asked of two runs."""

    id: str
    question: str
    gold: tuple[str, ...]
    answer: str
    before: str
    f1: float
    before_f1: float
    hit_rank: int | None
    before_hit_rank: int | None
    worse: bool


@dataclass(frozen=True, slots=True)
class PinnedReport:
    """The regression set: what the experts pinned, asked of a run and of the one before it."""

    run: str
    against: str
    results: tuple[PinnedResult, ...]
    worse: tuple[str, ...]  # the questions that got worse, by their words


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics of a run on one split. Shares are 0 to 1, BLEU 0 to 100."""

    run: str
    split: Split
    questions: int
    retrieval: dict[str, float]
    answers: dict[str, float]  # end to end: the run's own passages
    oracle_answers: dict[str, float]  # the right passages given: is it the retriever or the reader?
    intervals: dict[str, Interval]  # 95 %, by metric, of `retrieval` and `answers`
    against: Comparison | None
    baselines: dict[str, dict[str, float]]  # lexical (BM25), dense, hybrid: untuned retrieval, and this run's generator
    per_question: str  # path of the JSON Lines file; "" where the workspace is protected
    bleu_signature: str = ""
    seconds: float = 0.0
    groups: int = 0  # documents (or groups of them) that were resampled
    with_evidence: int = 0  # questions that retrieval is measured on
    timings_s: dict[str, float] = field(default_factory=dict)  # of this evaluation's stages; cached ones cost nothing
    parts: tuple[Part, ...] = ()  # "new questions on known documents", "documents never seen"
    breakdowns: tuple[Breakdown, ...] = ()
    abstention: Abstention | None = None
    latency: Latency | None = None
    provenance: Provenance | None = None
    pinned: PinnedReport | None = None
    notes: tuple[str, ...] = ()  # what went wrong or has to be known, as sentences


@dataclass(frozen=True, slots=True)
class QuestionResult:
    """One question of a report: what was right, what was found, what was said."""

    id: str
    question: str
    gold: tuple[str, ...]
    answer: str
    oracle_answer: str
    against_answer: str
    exact_match: float
    strict_exact_match: float
    f1: float
    oracle_f1: float
    against_f1: float
    hit_rank: int | None  # 1-based, of the first evidence passage; None where it was not among the 20
    evidence: tuple[str, ...]
    retrieved: tuple[str, ...]
    confidence: float
    abstained: bool
    against_retrieved: tuple[str, ...] = ()
    against_hit_rank: int | None = None
    scores: dict[str, float] = field(default_factory=dict)  # every metric that applies to it
    against_scores: dict[str, float] = field(default_factory=dict)
    citations: tuple[Citation, ...] = ()
    flags: tuple[Flag, ...] = ()
    document: str = ""  # title of the document with the evidence
    known_document: bool | None = None  # the run was trained on questions about it; None where it has no document
    kind: str = ""  # who, what, how many …
    amended: bool = False
    pinned: bool = False


def decoded(stored: str | None, kind: type[Kept]) -> Kept | None:
    """What was kept as JSON; None where there is nothing, or another version of the program wrote it."""
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=kind)
    except msgspec.DecodeError:
        return None


def write_lines(path: Path, results: Sequence[QuestionResult]) -> None:
    """Write one JSON object a line, whole or not at all. Raises StorageError where the disk doesn't take it."""
    lines = b"".join(msgspec.json.encode(result) + b"\n" for result in results)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path.parent) from error
    publish_file([lines], staging=path.parent, target=lambda digest: path)
