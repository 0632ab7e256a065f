"""What an evaluation says: the report, the comparison with another run, and one row a question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from engine.records import Split
from engine.workspace.publishing import publish_file, storage_error

Kept = TypeVar("Kept")

Interval = tuple[float, float]
Verdict = Literal["better", "worse", "no difference shown", "not enough questions to tell"]

RETRIEVAL_METRICS = ("hit@1", "hit@5", "hit@20", "recall@20", "mrr@10", "ndcg@10")
MATCH_METRICS = ("exact_match", "strict_exact_match", "f1")
ANSWER_METRICS = (*MATCH_METRICS, "bleu", "rouge1", "rouge2", "rougeL", "answered")


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
    baselines: dict[str, dict[str, float]]  # untuned retrieval: lexical, dense, hybrid
    per_question: str  # path of the JSON Lines file; "" where the workspace is protected
    bleu_signature: str = ""
    seconds: float = 0.0
    groups: int = 0  # documents (or groups of them) that were resampled
    with_evidence: int = 0  # questions that retrieval is measured on
    timings_s: dict[str, float] = field(default_factory=dict)  # of this evaluation's stages; cached ones cost nothing


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


def decoded(stored: str | None, kind: type[Kept]) -> Kept | None:
    """What was kept as JSON; None where there is nothing, or another version of the program wrote it."""
    if stored is None:
        return None
    try:
        return msgspec.json.decode(stored, type=kind)
    except msgspec.ValidationError:
        return None


def write_lines(path: Path, results: Sequence[QuestionResult]) -> None:
    """Write one JSON object a line, whole or not at all. Raises StorageError where the disk doesn't take it."""
    lines = b"".join(msgspec.json.encode(result) + b"\n" for result in results)
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise storage_error(error, path.parent) from error
    publish_file([lines], staging=path.parent, target=lambda digest: path)
