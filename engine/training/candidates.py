"""The stale index of joint training: embedded at the start of an epoch, over-retrieved from, refreshed at the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from engine.jobs import Monitor
from engine.records import Fusion, Passage, Question
from engine.retrieval.encoder import Encoder
from engine.retrieval.fusion import fuse
from engine.retrieval.index import index_of
from engine.retrieval.prior import Line, line
from engine.retrieval.retriever import Retriever
from engine.workspace.workspace import Workspace

STAGE = "joint, candidates"


@dataclass(frozen=True, slots=True)
class Listed:
    """What the stale index gives for one question."""

    passage_ids: tuple[str, ...]
    line: Line


@dataclass(frozen=True, slots=True)
class _Epoch:
    number: int
    listed: dict[str, Listed]  # by question id


class Shortlist:
    """The passages each question may be read from during an epoch.

    They are published with the run: a resumed training reads the same ones as one that was never stopped.
    """

    def __init__(
        self,
        workspace: Workspace,
        run_id: str,
        *,
        question_encoder: Encoder,
        passage_encoder: Encoder,
        start: Retriever,
        questions: Sequence[Question],
        passages: Mapping[str, Passage],
        size: int,
        monitor: Monitor,
    ) -> None:
        """`start` is the run's own retriever, whose index serves the first epoch."""
        self._workspace = workspace
        self._run_id = run_id
        self._question_encoder = question_encoder
        self._passage_encoder = passage_encoder
        self._start = start
        self._questions = list(questions)
        self._passages = passages
        self._size = size
        self._monitor = monitor
        self._epoch: _Epoch | None = None

    def of(self, question: Question) -> Listed:
        """Return the question's passages. `refresh` comes first."""
        assert self._epoch is not None
        return self._epoch.listed[question.id]

    def open(self) -> None:
        """Bring the lists to the newest published epoch, or to the first: what a resumed training goes on with."""
        self._epoch = self._published()
        if self._epoch is None:
            self.refresh(0, 0)

    def refresh(self, epoch: int, step: int) -> None:
        """Bring the lists to this epoch: read what was published for it, or embed all passages anew and search."""
        if self._epoch is not None and self._epoch.number == epoch:
            return
        stored = self._published()
        if stored is not None and stored.number == epoch:
            self._epoch = stored
            return
        retriever = self._start if epoch == 0 else self._refreshed()
        self._epoch = _Epoch(epoch, self._listed(retriever))
        digest = self._workspace.objects.publish(msgspec.json.encode(self._epoch))
        self._workspace.runs.save_checkpoint(self._run_id, step=step, digest=digest, stage=STAGE)

    def _published(self) -> _Epoch | None:
        held = self._workspace.runs.latest_checkpoint(self._run_id, stage=STAGE)
        if held is None:
            return None
        epoch = msgspec.json.decode(self._workspace.objects.read(held.digest), type=_Epoch)
        return epoch if self._is_of_now(epoch) else None

    def _is_of_now(self, epoch: _Epoch) -> bool:
        """Whether it lists every question and no passage that is gone: either may have changed since."""
        listed = {passage_id for one in epoch.listed.values() for passage_id in one.passage_ids}
        return listed <= self._passages.keys() and epoch.listed.keys() >= {question.id for question in self._questions}

    def _refreshed(self) -> Retriever:
        ids = list(self._passages)
        texts = [self._passage_encoder.input_of(self._passages[passage_id]) for passage_id in ids]
        vectors = self._passage_encoder.encode(
            texts, report=lambda done: self._monitor.progress("Refreshing the index", done, len(ids))
        )
        return Retriever(
            workspace=self._workspace,
            encoder=self._question_encoder,
            index=index_of(self._workspace, ids, vectors),
            fusion=self._start.fusion,
        )

    def _listed(self, retriever: Retriever) -> dict[str, Listed]:
        fusion: Fusion = retriever.fusion
        found = retriever.candidates([question.question for question in self._questions])
        listed: dict[str, Listed] = {}
        for question, candidates in zip(self._questions, found, strict=True):
            rule = line(candidates, fusion)
            order = np.argsort(-fuse(candidates, fusion), kind="stable")[: self._size].tolist()
            listed[question.id] = Listed(
                tuple(candidates.passage_ids[row] for row in order),
                Line(rule.slope, tuple(rule.base[row] for row in order)),
            )
        return listed
