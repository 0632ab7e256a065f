"""A joint task over a filled workspace, with the same loss computed in one pass beside it."""

from __future__ import annotations

import random

import torch

from engine.generation.weights import load_generator, load_writer
from engine.jobs import Monitor
from engine.records import Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.retriever import load_retriever
from engine.session import Session
from engine.settings import JointSettings
from engine.training.candidates import Shortlist
from engine.training.course import lesson_questions
from engine.training.generator import freeze_position_bias
from engine.training.joint import JointTask, Pair
from engine.training.marginal import LOSSES, ranking_loss, reading_loss
from engine.training.retriever import without_dropout


class CheckedTask(JointTask):
    """A joint task that also knows its loss as one graph: what autograd is asked to confirm."""

    def loss_in_one_pass(self, step: int) -> torch.Tensor:
        """The loss of a step with every tensor attached."""
        order = list(range(len(self._training)))
        random.Random(f"{self._seed} {step // self.steps_per_epoch}").shuffle(order)
        with torch.no_grad():
            read = self._read([self._training[row] for row in order[: self._settings.batch_size]], with_gold=True)
        logs, mask = self._logs(read)
        asked, told = self._vectors(read)
        own, others = self._columns(read)
        scores = self._scores(asked, told, self.model.sharpness, read)
        every = asked @ told.flatten(0, 1).T * self.model.scale(self.model.sharpness)
        supervised = ranking_loss(every, own, others) + reading_loss(logs, mask, read.gold)
        return LOSSES[self._objective](scores, logs, mask) + self._settings.gold_weight * supervised


def joint_task(
    session: Session,
    *,
    model: str = "flan-t5-small",
    objective: str = "sequence",
    settings: JointSettings,
) -> CheckedTask:
    """Build the task as the joint stage does, for the workspace's own questions."""
    run = Run("joint-0", "joint", session.run("base").encoder, model, session.run("base").fusion, state="running")
    session.workspace.runs.add(run)
    training, validation = lesson_questions(session, "all")
    encoder = Encoder(session.model_files(run.encoder), session.device)
    files = session.model_files(model)
    pair = Pair(encoder, encoder, load_generator(files), temperature=0.05)
    without_dropout(pair)
    freeze_position_bias(pair)
    passages = {passage.id: passage for passage in session.workspace.documents.passages()}
    shortlist = Shortlist(
        session.workspace,
        run.id,
        question_encoder=encoder,
        passage_encoder=encoder,
        start=load_retriever(session, run, Monitor()),
        questions=(*training, *validation),
        passages=passages,
        size=settings.over_retrieved,
        monitor=Monitor(),
    )
    return CheckedTask(
        pair,
        question_encoder=encoder,
        passage_encoder=encoder,
        writer=load_writer(files),
        shortlist=shortlist,
        passages=passages,
        training=training,
        validation=validation,
        objective=objective,  # type: ignore[arg-type]  # a test's choice
        settings=settings,
        seed=0,
        monitor=Monitor(),
    )
