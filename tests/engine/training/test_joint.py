"""Joint training on two-layer models: exact in two passes, learns, resumes, keeps only what measures better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.device import Device, Precision, Probe
from engine.errors import Cancelled
from engine.jobs import Event, Measured, Monitor
from engine.models.library import CHAT_GENERATOR
from engine.records import Run
from engine.serving.job import AnswerBatch, AnswerQuestion
from engine.session import BASE, TUNED, Session
from engine.settings import JointSettings
from engine.training import joint_stage
from engine.training.answering import reading_of
from engine.training.job import Train
from engine.workspace.job import RemoveDocuments
from tests.engine.training.joint_tasks import joint_task
from tests.engine.training.stopping import run_until
from tests.engine.training.test_train_job import fill

QUESTION = "What is the usual dose of heparin?"


@pytest.fixture
def filled(session: Session, tmp_path: Path) -> Session:
    fill(session, tmp_path / "files")
    return session


def joint(**given: object) -> Train:
    return Train(what="joint", **{"model": "flan-t5-small", "epochs": 2, "batch_size": 4, **given})  # type: ignore[arg-type]  # a test's choice


@pytest.mark.parametrize("model", ["flan-t5-small", CHAT_GENERATOR])
@pytest.mark.parametrize("objective", ["sequence", "token"])
def test_the_parts_of_a_step_add_up_to_the_exact_gradient(filled: Session, objective: str, model: str) -> None:
    task = joint_task(filled, model=model, objective=objective, settings=JointSettings(batch_size=3, passages=3))
    task.model.double()
    worth = 0.0
    for part in task.losses(0):
        part.backward()
        worth += part.item()
    two_passes = {name: one.grad.clone() for name, one in task.model.named_parameters() if one.grad is not None}
    task.model.zero_grad()
    whole = task.loss_in_one_pass(0)
    whole.backward()
    assert worth == pytest.approx(whole.item(), rel=1e-6)
    compared = 0
    for name, one in task.model.named_parameters():
        if one.grad is not None:
            assert (one.grad - two_passes[name]).abs().max().item() <= 1e-6, name
            compared += bool(one.grad.abs().max() > 1e-9)
    assert compared > 20


@pytest.mark.parametrize("objective", ["sequence", "token", "lsr"])
def test_joint_training_learns_and_says_what_it_measured(filled: Session, objective: str) -> None:
    events: list[Event] = []
    run = joint(objective=objective, epochs=6, learning_rate=2e-3).run(filled, Monitor(listen=events.append))
    losses = [
        event.values["joint/train_loss"]
        for event in events
        if isinstance(event, Measured) and "joint/train_loss" in event.values
    ]
    assert run.state == "finished" and run.steps == len(losses) > 2
    assert min(losses[1:]) < losses[0]
    assert {"joint f1", "ndcg@10"} <= run.before.keys() & run.after.keys()
    assert run.kept == (run.after["joint f1"] > run.before["joint f1"])
    assert filled.workspace.verify(Monitor(), deep=True).ok


def test_untuned_models_are_tuned_separately_first(filled: Session) -> None:
    run = joint(model="").run(filled, Monitor())
    assert {"retriever kept", "generator kept", "joint kept"} <= run.after.keys()
    assert "joint" in run.reason


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_cancelled_joint_training_goes_on_with_the_same_passages(
    filled: Session, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    def probed(step: Callable[[Precision], float], device: Device) -> Probe:
        step(precision)
        return Probe(precision, {}, {})

    monkeypatch.setattr("engine.training.loop.probe_precision", probed)
    stopped = run_until(joint(), filled, lambda event: "joint/train_loss" in event.values and event.step == 3)
    seen: dict[int, float] = {}

    def note(event: Event) -> None:
        if isinstance(event, Measured) and "joint/train_loss" in event.values:
            seen[event.step] = event.values["joint/train_loss"]

    assert Train(resume=stopped.id).run(filled, Monitor(listen=note)).state == "finished"
    resumed = dict(seen)
    assert min(resumed) == 4
    seen.clear()
    joint().run(filled, Monitor(listen=note))
    assert {step: seen[step] for step in resumed} == pytest.approx(resumed, rel=1e-3)


@pytest.mark.parametrize("reading", ["sequence", "token"])
@pytest.mark.parametrize("model", ["flan-t5-small", CHAT_GENERATOR])
def test_a_run_that_reads_passages_one_by_one_answers(filled: Session, reading: str, model: str) -> None:
    base = filled.run("base")
    run = Run("r", "joint", base.encoder, model, base.fusion, reading=reading)  # type: ignore[arg-type]  # a test's choice
    filled.workspace.runs.add(run)
    answer = AnswerQuestion(QUESTION, run_name="r").run(filled, Monitor())
    (batched,) = AnswerBatch((QUESTION,), run_name="r").run(filled, Monitor())
    assert answer.run == "r" and answer.answer == batched.answer
    assert 0 <= answer.confidence <= 1


@pytest.mark.parametrize("reading", ["sequence", "token"])
def test_reading_one_by_one_ends_at_once_when_it_is_stopped(filled: Session, reading: str) -> None:
    class Impatient(Monitor):
        """Is stopped while the third token is written."""

        asked = 0

        def stopping(self) -> bool:
            self.asked += 1
            if self.asked == 3:
                self.cancel()
            return super().stopping()

    base = filled.run("base")
    run = Run("r", "joint", base.encoder, CHAT_GENERATOR, base.fusion, reading=reading)  # type: ignore[arg-type]  # a test's choice
    filled.workspace.runs.add(run)
    monitor = Impatient()
    with pytest.raises(Cancelled):
        AnswerBatch((QUESTION, "Why?"), run_name="r").run(filled, monitor)
    assert monitor.asked < 30  # each of 256 tokens asks


def test_a_stopped_training_goes_on_after_a_document_was_removed(filled: Session) -> None:
    run = run_until(joint(), filled, lambda event: event.step > 0)
    (asked,) = filled.workspace.questions.list("test")
    RemoveDocuments((asked.document_id,)).run(filled, Monitor())
    assert Train(resume=run.id).run(filled, Monitor()).state == "finished"


def test_a_corpus_smaller_than_the_passages_asked_for_is_read_whole(filled: Session) -> None:
    task = joint_task(filled, settings=JointSettings(passages=50, over_retrieved=200))
    assert all(torch.isfinite(part).all() for part in task.losses(0))


def test_the_tuned_encoder_is_the_runs_own_or_the_parents(filled: Session) -> None:
    run = joint().run(filled, Monitor())
    assert run.encoder.startswith(TUNED) == run.kept
    assert run.passage_encoder == ""


def test_models_named_to_start_from_are_held_against_the_run_in_use(
    filled: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = filled.run(BASE)

    def answered(lesson: object, run: Run, *found: object) -> dict[str, float]:
        return {"f1": 0.6 if run.generator == base.generator else 0.5}

    monkeypatch.setattr(joint_stage, "answered", answered)
    run = joint(model=CHAT_GENERATOR, epochs=1).run(filled, Monitor())
    assert (run.before["joint f1"], run.after["joint f1"], run.kept) == (0.6, 0.5, False)
    assert (run.generator, reading_of(run)) == (base.generator, reading_of(base))
