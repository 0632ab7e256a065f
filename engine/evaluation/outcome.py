"""What a run found and said when asked questions: each asked once, then read from the workspace.

Everything is kept question by question under the digest of what it depends on (run, documents, question, what was
given to read), batch after batch, so a stopped evaluation goes on where it was and another one asks only what is new.
It goes with the documents: a change of them empties the workspace's kept answers.
"""

from __future__ import annotations

import hashlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from engine import __version__
from engine.errors import QuestionError
from engine.evaluation.report import Latency, decoded
from engine.generation.prompt import MAX_EVIDENCE
from engine.generation.rag import Rag, no_documents, open_rag, open_search
from engine.generation.remembering import Memory
from engine.jobs import Monitor
from engine.records import Answer, Asking, Hit, Passage, Question, Run
from engine.retrieval.retriever import Mode
from engine.session import BASE, Session

DEPTH = 20  # passages retrieved: the deepest any metric looks
TIMED = 20  # questions asked alone for the latency
_BATCH = 64  # questions between two publications: what a stop can cost
_MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")
# Of a run, what says how it came to be and not how it answers.
_HISTORY = {"parent", "state", "created", "steps", "best_step", "seconds", "before", "after", "kept", "reason"}


@dataclass(frozen=True, slots=True)
class Said:
    """One answer, without the passages."""

    answer: str  # "" where the run abstained
    confidence: float
    abstained: bool
    citations: tuple[tuple[str, str, int, int, str], ...]  # passage, document, start, end, quote


@dataclass(frozen=True, slots=True)
class Outcome:
    """One entry a question in each tuple."""

    retrieved: tuple[tuple[str, ...], ...]
    said: tuple[Said, ...]
    oracle: tuple[Said | None, ...]  # None where the question has no evidence

    @property
    def answers(self) -> tuple[str, ...]:
        """What was said, "" where the run abstained."""
        return tuple(said.answer for said in self.said)

    @property
    def oracle_answers(self) -> tuple[str, ...]:
        """What was said with the right passages given, "" where there are none."""
        return tuple(said.answer if said else "" for said in self.oracle)


@dataclass(frozen=True, slots=True)
class Baselines:
    """What is shown beside every run: untuned retrieval read by this run's generator, and the base's generator."""

    rankings: dict[Mode, tuple[tuple[str, ...], ...]]
    answers: dict[
        str, tuple[str, ...]
    ]  # lexical, hybrid: this run reads them; base_generator: the base reads the run's


@dataclass(frozen=True, slots=True)
class _Found:
    """A hit without its passage's text."""

    passage_id: str
    score: float
    dense: float | None
    lexical: float | None
    doubt: float | None


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks runs and remembers what they found and said."""

    session: Session
    monitor: Monitor
    index: int  # the version of the documents when the questions were looked up
    since: int  # and how often answers had been cleared
    _memories: dict[str, Memory] = field(default_factory=dict)  # by the run's generator

    def outcome(self, run: Run, questions: Sequence[Question]) -> Outcome:
        """Ask `run` the questions, end to end and with the right passages given."""
        hits = self.hits(run, questions)
        return Outcome(
            retrieved=_ids(hits),
            said=self._answers(run, questions, hits, stage=f"Answering with run {run.id}"),
            oracle=self._oracle(run, questions),
        )

    def baselines(self, run: Run, questions: Sequence[Question], *, reading: bool = True) -> Baselines:
        """Untuned retrieval, what `run` makes of it, and what the base's generator makes of the run's passages."""
        base = self.session.run(BASE)
        hits = {mode: self.hits(base, questions, mode=mode) for mode in _MODES}
        rankings: dict[Mode, tuple[tuple[str, ...], ...]] = {mode: _ids(found) for mode, found in hits.items()}
        if not reading:
            return Baselines(rankings, {})
        modes: tuple[Mode, ...] = ("lexical", "hybrid")
        said = {
            str(mode): self._answers(run, questions, hits[mode], stage=f"Answering from {mode} search")
            for mode in modes
        }
        own = self.hits(run, questions)
        said["base_generator"] = self._answers(base, questions, own, stage="Answering with the base's generator")
        return Baselines(rankings, {name: tuple(one.answer for one in answers) for name, answers in said.items()})

    def hits(self, run: Run, questions: Sequence[Question], *, mode: Mode = "hybrid") -> list[list[Hit]]:
        """The best 20 passages for each question."""
        stage = f"Searching with run {run.id}" if mode == "hybrid" else f"Untuned retrieval, {mode}"
        bound = [] if mode == "lexical" else [run.encoder, run.passage_encoder, run.id]
        bound += [run.fusion, run.reranker, run.rerank_weight] if mode == "hybrid" else []
        if mode == "hybrid" and run.weighs_search:
            bound = [_bound(run)]

        def find(rows: Sequence[int]) -> list[str]:
            if not self.session.workspace.documents.passage_count():
                raise no_documents()
            search = open_search(self.session, run, self.monitor, mode=mode, memory=self._memory(run))
            found = search([questions[row].question for row in rows], top_k=DEPTH)
            return [
                _json([_Found(hit.passage.id, hit.score, hit.dense, hit.lexical, hit.doubt) for hit in one])
                for one in found
            ]

        keys = [_key("hits", self.index, mode, bound, question.question) for question in questions]
        kept = [decoded(one, tuple[_Found, ...]) or () for one in self._kept(keys, find, stage=stage)]
        passages = self.session.workspace.documents.passages_by_id(
            list({found.passage_id for one in kept for found in one})
        )
        return [
            [
                Hit(passages[found.passage_id], found.score, found.dense, found.lexical, found.doubt)
                for found in one
                if found.passage_id in passages  # else removed this moment
            ]
            for one in kept
        ]

    def latency(self, run: Run, questions: Sequence[Question]) -> Latency | None:
        """Ask a few of the questions alone, as a person does; None where none was asked that was not known."""
        timed = [questions[int(row)] for row in np.linspace(0, len(questions) - 1, min(TIMED, len(questions)))]

        def ask(rows: Sequence[int]) -> list[str]:
            rag = open_rag(self.session, run, self.monitor)
            # The first one pays for what loads late.
            rag.answer_many([timed[0].question], monitor=self.monitor, stage="Timing")
            quiet = Monitor()
            alone: list[dict[str, float]] = []
            for question in timed:
                answer = rag.answer(question.question, monitor=quiet)
                if not answer.cached:
                    alone.append(answer.timings_ms)
                self.monitor.check()
            started = time.perf_counter()
            rag.answer_many([question.question for question in timed], monitor=self.monitor, stage="Timing")
            batched_ms = (time.perf_counter() - started) * 1000 / len(timed)
            if not alone:
                return [_json(None)]
            totals = [one["total"] for one in alone]
            return [
                _json(
                    Latency(
                        questions=len(alone),
                        first_token_ms=statistics.median(one["first_token"] for one in alone),
                        total_ms=statistics.median(totals),
                        total_p95_ms=float(np.quantile(totals, 0.95)),
                        batched_ms=batched_ms,
                    )
                )
            ]

        key = _key("latency", self.index, _bound(run), [question.question for question in timed])
        return decoded(self._kept([key], ask, stage="Timing")[0], Latency)

    def require_unchanged(self) -> None:
        """Raise QuestionError where documents changed since: what was asked about them would outlive them."""
        if self.session.workspace.index_version != self.index:
            raise QuestionError(
                "Documents were removed or changed while they were asked about.", hint="Evaluate the run again."
            )

    def _answers(
        self, run: Run, questions: Sequence[Question], hits: Sequence[Sequence[Hit]], *, stage: str
    ) -> tuple[Said, ...]:
        def answer(rows: Sequence[int]) -> list[str]:
            answers = self._rag(run).answer_many(
                [questions[row].question for row in rows],
                monitor=Monitor(listen=_checking(self.monitor)),
                hits=[hits[row] for row in rows],
                stage=stage,
            )
            return [_json(_said(one)) for one in answers]

        keys = [
            _key("answer", self.index, _bound(run), question.question, [hit.passage.id for hit in found])
            for question, found in zip(questions, hits, strict=True)
        ]
        return tuple(msgspec.json.decode(one, type=Said) for one in self._kept(keys, answer, stage=stage))

    def _oracle(self, run: Run, questions: Sequence[Question]) -> tuple[Said | None, ...]:
        given = [row for row, question in enumerate(questions) if question.evidence]
        passages = _evidence(self.session, [questions[row] for row in given], most=MAX_EVIDENCE)
        stage = f"Reading the right passage with run {run.id}"

        def read(rows: Sequence[int]) -> list[str]:
            answers = self._rag(run).answer_many(
                [questions[given[row]].question for row in rows],
                monitor=Monitor(listen=_checking(self.monitor)),
                asking=Asking(risk=1.0),
                passages=[passages[row] for row in rows],
                stage=stage,
            )
            return [_json(_said(one)) for one in answers]

        keys = [
            _key("read", self.index, _bound(run), questions[row].question, [passage.id for passage in shown])
            for row, shown in zip(given, passages, strict=True)
        ]
        told = [msgspec.json.decode(one, type=Said) for one in self._kept(keys, read, stage=stage)]
        by_row = dict(zip(given, told, strict=True))
        return tuple(by_row.get(row) for row in range(len(questions)))

    def _rag(self, run: Run) -> Rag:
        return open_rag(self.session, run, self.monitor, memory=self._memory(run))

    def _memory(self, run: Run) -> Memory:
        return self._memories.setdefault(run.generator, Memory())

    def _kept(self, keys: Sequence[str], make: Callable[[Sequence[int]], list[str]], *, stage: str) -> list[str]:
        """What is kept under each key; what is not yet is made, in batches, each published when it is there."""
        self.require_unchanged()
        answers, workspace = self.session.workspace.answers, self.session.workspace
        kept = {key: held for key in keys if (held := answers.get(key)) is not None}
        missing = [row for row, key in enumerate(keys) if key not in kept]
        done = len(keys) - len(missing)
        if missing:
            self.monitor.progress(stage, done, len(keys))
        for start in range(0, len(missing), _BATCH):
            rows = missing[start : start + _BATCH]
            made = make(rows)
            with workspace.transaction():
                for row, value in zip(rows, made, strict=True):
                    kept[keys[row]] = value
                    answers.put(keys[row], value, since=self.since)
            done += len(rows)
            self.monitor.progress(stage, done, len(keys))
        return [kept[key] for key in keys]


def _checking(monitor: Monitor) -> Callable[[object], None]:
    """A listener that passes nothing on: the batches' own progress would start anew with each."""
    return lambda event: monitor.check()


def _bound(run: Run) -> dict[str, object]:
    return {name: value for name, value in msgspec.to_builtins(run).items() if name not in _HISTORY}


def _key(*parts: object) -> str:
    """Identity is content; this version of the program is a part of it."""
    return "evaluation:" + hashlib.sha256(msgspec.json.encode([__version__, DEPTH, *parts])).hexdigest()


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode("utf-8")


def _said(answer: Answer) -> Said:
    spans = tuple((one.passage_id, one.document_id, one.start, one.end, one.quote) for one in answer.citations)
    return Said("" if answer.abstained else answer.answer, answer.confidence, answer.abstained, spans)


def _ids(hits: Sequence[Sequence[Hit]]) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(hit.passage.id for hit in found) for found in hits)


def _evidence(session: Session, questions: Sequence[Question], *, most: int) -> list[list[Passage]]:
    wanted = [question.evidence[:most] for question in questions]
    held = session.workspace.documents.passages_by_id([passage_id for ids in wanted for passage_id in ids])
    return [[held[passage_id] for passage_id in ids if passage_id in held] for ids in wanted]
