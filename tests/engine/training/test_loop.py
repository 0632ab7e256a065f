"""The loop: the best weights win, training stops early, and a kill costs only what was not published."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from engine.device import Device, Precision, Probe
from engine.errors import Cancelled, TrainingError
from engine.jobs import Event, Measured, Monitor, Progress
from engine.records import Fusion, Run
from engine.training import checkpoint
from engine.training.loop import Plan, train
from engine.workspace.workspace import Workspace

CPU = Device.detect("cpu")
PLAN = Plan(epochs=4, learning_rate=0.05, warmup_share=0.1, patience=10)


class Line:
    """Fits y = 3x with one weight; the batch of a step depends on the step alone."""

    name = "generator"
    steps_per_epoch = 5

    def __init__(self, scores: list[float] | None = None) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(1, 1, bias=False)
        self.scores = scores
        self.validated = 0

    def losses(self, step: int) -> Iterator[torch.Tensor]:
        for part in (0, 1):
            inputs = torch.randn(4, 1, generator=torch.Generator().manual_seed(step * 2 + part))
            yield ((self.model(inputs) - 3 * inputs) ** 2).mean() / 2

    def probe(self) -> torch.Tensor:
        return (self.model(torch.ones(1, 1)) ** 2).mean()

    def validate(self) -> dict[str, float]:
        self.validated += 1
        if self.scores is not None:
            return {"score": self.scores[self.validated - 1]}
        return {"score": -abs(float(self.model.weight.detach()) - 3)}


@pytest.fixture
def run(workspace: Workspace) -> Run:
    run = Run("generator-1", "generator", "e", "g", Fusion(), state="running")
    workspace.runs.add(run)
    return run


@pytest.fixture(autouse=True)
def precision_s(monkeypatch: pytest.MonkeyPatch) -> dict[Precision, float]:
    """Seconds that a probe finds a step to take: two real ones of this tiny task differ by chance only."""
    seconds: dict[Precision, float] = {"fp32": 1.0, "bf16": 2.0}

    def probed(step: Callable[[Precision], float], device: Device) -> Probe:
        step("fp32")
        return Probe(min(seconds, key=lambda name: seconds[name]), dict(seconds), {})

    monkeypatch.setattr("engine.training.loop.probe_precision", probed)
    return seconds


def fit(task: Line, plan: Plan, workspace: Workspace, monitor: Monitor | None = None):
    return train(task, plan, run_id="generator-1", workspace=workspace, device=CPU, monitor=monitor or Monitor())


def test_training_learns_and_reports_every_step_and_validation(workspace: Workspace, run: Run) -> None:
    events: list[Event] = []
    task = Line()
    outcome = fit(task, PLAN, workspace, Monitor(listen=events.append))
    points = [event for event in events if isinstance(event, Measured)]
    losses = [point.values["generator/train_loss"] for point in points if "generator/train_loss" in point.values]
    assert outcome.steps == len(losses) == 20
    assert losses[-1] < losses[0]
    assert [point.step for point in points if "generator/score" in point.values] == [0, 5, 10, 15, 20]
    stages = list(dict.fromkeys(event.stage for event in events if isinstance(event, Progress)))
    assert stages == [
        "Finding the fastest precision", "Measuring before the first step", "Training the generator",
    ]  # fmt: skip


def test_the_best_weights_are_left_in_the_model_not_the_last(workspace: Workspace, run: Run) -> None:
    reference = Line()
    fit(reference, Plan(1, 0.05, 0.1, 10), workspace)
    workspace.runs.drop_checkpoints("generator-1")
    task = Line(scores=[0.0, 5.0, 1.0, 2.0, 3.0])
    outcome = fit(task, PLAN, workspace)
    assert (outcome.best_step, outcome.best_score) == (5, 5.0)
    assert outcome.stopped == "all epochs"
    stored = workspace.runs.latest_checkpoint("generator-1", stage="generator, best")
    assert stored is not None and stored.step == 5


def test_training_stops_when_nothing_improves(workspace: Workspace, run: Run) -> None:
    outcome = fit(Line(scores=[9.0, 1.0, 1.0]), Plan(50, 0.05, 0.1, patience=2), workspace)
    assert (outcome.steps, outcome.best_step, outcome.stopped) == (10, 0, "no improvement")


def test_a_time_budget_ends_training_with_a_validation(workspace: Workspace, run: Run) -> None:
    task = Line()
    outcome = fit(task, Plan(1000, 0.05, 0.1, 1000, seconds=0.0), workspace)
    assert (outcome.stopped, outcome.steps) == ("time", 1)
    assert task.validated == 2


def test_cancelled_training_resumes_at_the_saved_step_and_ends_where_an_undisturbed_one_does(
    workspace: Workspace, run: Run
) -> None:
    undisturbed = Line()
    fit(undisturbed, PLAN, workspace)
    workspace.runs.drop_checkpoints("generator-1")

    fit_and_stop_at(7, workspace)
    saved = workspace.runs.latest_checkpoint("generator-1", stage="generator")
    assert saved is not None and saved.step == 7

    steps: list[int] = []
    resumed = Line()
    fit(
        resumed,
        PLAN,
        workspace,
        Monitor(listen=lambda event: steps.append(event.step) if isinstance(event, Measured) else None),
    )
    assert steps[0] == 8
    assert torch.equal(resumed.model.weight, undisturbed.model.weight)


def fit_and_stop_at(step: int, workspace: Workspace) -> None:
    monitor = Monitor()

    def cancel(event: Event) -> None:
        if isinstance(event, Measured) and event.step == step:
            monitor.cancel()

    monitor.listen = cancel
    with pytest.raises(Cancelled):
        fit(Line(), PLAN, workspace, monitor)


@pytest.mark.parametrize(("now_s", "then"), [(1.5, "bf16"), (100.0, "fp32")])
def test_a_resumed_training_keeps_its_precision_unless_it_is_far_slower_here(
    now_s: float, then: Precision, workspace: Workspace, run: Run, precision_s: dict[Precision, float]
) -> None:
    precision_s |= {"fp32": 2.0, "bf16": 1.0}
    fit_and_stop_at(7, workspace)
    precision_s |= {"fp32": 1.0, "bf16": now_s}
    assert fit(Line(), PLAN, workspace).probe.precision == then


def test_a_checkpoint_and_what_it_restores_are_twins(workspace: Workspace, run: Run) -> None:
    task = Line()
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=0.1, fused=True)
    for part in task.losses(0):
        part.backward()
    optimizer.step()
    written = checkpoint.Progressed("generator", step=3, best_step=2, best_score=-0.5, since_best=1, seconds=4.5)
    checkpoint.save(workspace, "generator-1", task.model, optimizer, written)

    fresh = Line()
    nn.init.zeros_(fresh.model.weight)
    other = torch.optim.AdamW(fresh.model.parameters(), lr=0.1, fused=True)
    assert checkpoint.restore(workspace, "generator-1", fresh.model, other, "generator") == written
    assert torch.equal(fresh.model.weight, task.model.weight)
    moments, expected = next(iter(other.state.values())), next(iter(optimizer.state.values()))
    assert {name: value.tolist() for name, value in moments.items()} == {
        name: value.tolist() for name, value in expected.items()
    }


def test_another_stages_checkpoint_is_not_taken(workspace: Workspace, run: Run) -> None:
    task = Line()
    optimizer = torch.optim.AdamW(task.model.parameters(), lr=0.1)
    checkpoint.save(workspace, "generator-1", task.model, optimizer, checkpoint.Progressed("generator", step=3))
    assert checkpoint.restore(workspace, "generator-1", task.model, optimizer, "retriever").step == 0


def test_a_loss_that_is_no_number_ends_with_a_sentence(workspace: Workspace, run: Run) -> None:
    task = Line()
    nn.init.constant_(task.model.weight, float("nan"))
    with pytest.raises(TrainingError) as failure:
        fit(task, PLAN, workspace)
    assert "learning rate" in failure.value.hint
