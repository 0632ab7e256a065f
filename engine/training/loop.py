"""The training loop of both models: warm-up, validation, best weights, early stopping, checkpoints, resumption."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import safetensors.torch
import torch
from torch import nn

from engine.device import CLEAR_RATIO, Device, Precision, Probe, probe_precision
from engine.errors import TrainingError
from engine.jobs import Measured, Monitor
from engine.retrieval.encoder import autocast
from engine.training import checkpoint
from engine.training.checkpoint import Progressed
from engine.workspace.workspace import Workspace

GRADIENT_NORM = 1.0
LEAST_CHECKPOINT_INTERVAL_S = 45.0
CHECKPOINT_SHARE = 0.05  # of the time, at most, goes into writing checkpoints
GROWN_BYTES = 1 << 30  # that the process may grow by before what batches of other lengths left is given back
FINAL_RATE = 0.02  # of the peak learning rate, at the last step


class Task(Protocol):
    """What is trained: a model, its batches in a fixed order, its loss and its validation."""

    name: str  # the stage: retriever or generator
    model: nn.Module
    steps_per_epoch: int

    def losses(self, step: int) -> Iterator[torch.Tensor]:
        """Yield parts whose sum is the mean loss of the batch of `step`; each is back-propagated on its own.

        The same step always gives the same batch.
        """
        ...

    def probe(self) -> torch.Tensor:
        """Return the loss of a small part of a step: enough to time a precision by."""
        ...

    def validate(self) -> dict[str, float]:
        """Measure the model on validation questions. The first value is the one that decides, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How long and how fast."""

    epochs: int
    learning_rate: float
    warmup_share: float
    patience: int  # validations without improvement before training stops
    validations_per_epoch: int = 1
    seconds: float | None = None  # time budget


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended; the model holds the best weights."""

    steps: int
    best_step: int
    best_score: float
    seconds: float
    probe: Probe
    stopped: str  # why it ended: "all epochs", "no improvement", "time"


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a task trains on this machine."""

    probe: Probe
    steps_s: dict[int, float]  # of the steps timed
    update_s: float  # the optimizer's part of every step
    validation_s: float


def time_steps(task: Task, steps: Sequence[int], device: Device) -> Pace:
    """Time some steps, an update and a validation as `train` does them. It spoils the model: load it anew to train."""
    parameters = [parameter for parameter in task.model.parameters() if parameter.requires_grad]
    optimizer = _optimizer(parameters, learning_rate=0.0)
    probe = probe_precision(lambda precision: _probe_step(task, device, precision), device)
    task.model.train()
    memory = _Memory(device)
    steps_s: dict[int, float] = {}
    for step in steps:
        started = time.perf_counter()
        _backward(task, step, device, probe.precision)
        memory.give_back_if_grown()
        steps_s[step] = time.perf_counter() - started
    for _ in range(2):  # the first update allocates the moments
        started = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)
        optimizer.step()
        update_s = time.perf_counter() - started
    optimizer.zero_grad(set_to_none=True)
    task.model.eval()
    started = time.perf_counter()
    with torch.inference_mode(), autocast(device, probe.precision):
        task.validate()
    return Pace(probe, steps_s, update_s, time.perf_counter() - started)


def train(task: Task, plan: Plan, *, run_id: str, workspace: Workspace, device: Device, monitor: Monitor) -> Outcome:
    """Train `task.model` in place and leave the best weights in it.

    Goes on at the newest published checkpoint of this run and stage. Raises Cancelled when asked to stop, after
    publishing where it stands; TrainingError when the loss is not a number any more.
    """
    model = task.model
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = _optimizer(parameters, learning_rate=plan.learning_rate)
    monitor.progress("Finding the fastest precision", 0, None)
    probe = probe_precision(lambda precision: _probe_step(task, device, precision), device)
    state = checkpoint.restore(workspace, run_id, model, optimizer, task.name)
    probe = replace(probe, precision=_precision(state, probe))
    state = replace(state, precision=probe.precision)
    best = _weights(model) if state.step == 0 or state.best_step == 0 else _stored_best(workspace, run_id, task)
    total = task.steps_per_epoch * plan.epochs
    every = max(1, task.steps_per_epoch // plan.validations_per_epoch)
    saver = _Saver(workspace, run_id, model, optimizer)
    clock = _Clock(state.seconds)
    memory = _Memory(device)

    def measure() -> dict[str, float]:
        model.eval()
        with torch.inference_mode(), autocast(device, probe.precision):
            values = task.validate()
        model.train()
        return values

    if state.step == 0:
        monitor.progress("Measuring before the first step", 0, None)
        monitor.check()
        values = measure()
        state = replace(state, best_score=_deciding(values))
        monitor.report(Measured(0, _named(task, values)))
    stopped = "all epochs"
    model.train()
    try:
        while state.step < total:
            monitor.check()
            for group in optimizer.param_groups:
                group["lr"] = plan.learning_rate * _rate(state.step, total, plan.warmup_share)
            loss = _backward(task, state.step, device, probe.precision)
            if not math.isfinite(loss):
                raise TrainingError("The loss is no longer a number.", hint="Train again with a lower learning rate.")
            torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_NORM)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            state = replace(state, step=state.step + 1, seconds=clock.seconds())
            monitor.report(Measured(state.step, {f"{task.name}/train_loss": loss}))
            monitor.progress(f"Training the {task.name}", state.step, total)
            memory.give_back_if_grown()
            if state.step % every == 0 or state.step == total:
                state, best = _validated(task, state, best, measure, workspace, run_id, monitor)
                if state.since_best >= plan.patience:
                    stopped = "no improvement"
                    break
            saver.save_if_due(replace(state, seconds=clock.seconds()))
            if plan.seconds is not None and clock.seconds() > plan.seconds:
                stopped = "time"
                break
    except BaseException:
        saver.save_now(replace(state, seconds=clock.seconds()))
        raise
    if stopped == "time" and state.step % every:
        state, best = _validated(task, state, best, measure, workspace, run_id, monitor)
    model.load_state_dict(best, strict=False)
    model.eval()
    device.give_back()
    return Outcome(state.step, state.best_step, state.best_score, clock.seconds(), probe, stopped)


def _validated(
    task: Task,
    state: Progressed,
    best: dict[str, torch.Tensor],
    measure: Callable[[], dict[str, float]],
    workspace: Workspace,
    run_id: str,
    monitor: Monitor,
) -> tuple[Progressed, dict[str, torch.Tensor]]:
    values = measure()
    monitor.report(Measured(state.step, _named(task, values)))
    score = _deciding(values)
    if score <= state.best_score:
        return replace(state, since_best=state.since_best + 1), best
    best = _weights(task.model)
    digest = workspace.objects.publish(checkpoint.serialised(best, {"stage": task.name}))
    workspace.runs.save_checkpoint(run_id, step=state.step, digest=digest, stage=_best_stage(task))
    return replace(state, best_score=score, best_step=state.step, since_best=0), best


class _Saver:
    """Publishes checkpoints often enough to lose little, seldom enough to cost at most 5 % of the time."""

    def __init__(self, workspace: Workspace, run_id: str, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self._write: Callable[[Progressed], None] = lambda state: checkpoint.save(
            workspace, run_id, model, optimizer, state
        )
        self._written = time.monotonic()
        self._interval_s = LEAST_CHECKPOINT_INTERVAL_S
        self._step = -1

    def save_if_due(self, state: Progressed) -> None:
        if time.monotonic() - self._written >= self._interval_s:
            self.save_now(state)

    def save_now(self, state: Progressed) -> None:
        if state.step in (0, self._step):
            return
        started = time.monotonic()
        self._write(state)
        self._written, self._step = time.monotonic(), state.step
        self._interval_s = max(LEAST_CHECKPOINT_INTERVAL_S, (self._written - started) / CHECKPOINT_SHARE)


class _Memory:
    """Gives freed memory back when it has grown by much: rarely, as it has to be zeroed when it is taken again."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._held_bytes = device.resident_bytes()

    def give_back_if_grown(self) -> None:
        if self._device.resident_bytes() - self._held_bytes > GROWN_BYTES:
            self._device.give_back()
            self._held_bytes = self._device.resident_bytes()


class _Clock:
    """Seconds spent training, over all sittings."""

    def __init__(self, before_s: float) -> None:
        self._before_s = before_s
        self._started = time.monotonic()

    def seconds(self) -> float:
        return self._before_s + time.monotonic() - self._started


def _optimizer(parameters: Sequence[nn.Parameter], *, learning_rate: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=0.0, fused=True)


def _probe_step(task: Task, device: Device, precision: Precision) -> float:
    task.model.zero_grad(set_to_none=True)
    with autocast(device, precision):
        loss = task.probe()
    loss.backward()
    task.model.zero_grad(set_to_none=True)
    return loss.item()


def _precision(state: Progressed, probe: Probe) -> Precision:
    """The precision to go on in: the one so far, so that a stop changes nothing, unless it is far slower here."""
    seconds = probe.seconds
    if state.precision in seconds and seconds[state.precision] <= CLEAR_RATIO * min(seconds.values()):
        return state.precision
    return probe.precision


def _backward(task: Task, step: int, device: Device, precision: Precision) -> float:
    """Accumulate the gradient of a step and return its loss. Only the forward pass runs under autocast."""
    parts = task.losses(step)
    total = 0.0
    while True:
        with autocast(device, precision):
            part = next(parts, None)
        if part is None:
            return total
        part.backward()
        total += part.item()


def _rate(step: int, total: int, warmup_share: float) -> float:
    """Linear warm-up, then linear decay; the share of the peak learning rate at `step`."""
    warmup = max(1, round(total * warmup_share))
    if step < warmup:
        return (step + 1) / warmup
    return max(FINAL_RATE, (total - step) / max(1, total - warmup))


def _deciding(values: dict[str, float]) -> float:
    return next(iter(values.values()))


def _named(task: Task, values: dict[str, float]) -> dict[str, float]:
    return {f"{task.name}/{name}": value for name, value in values.items()}


def _weights(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in checkpoint.trained(model).items()}


def _stored_best(workspace: Workspace, run_id: str, task: Task) -> dict[str, torch.Tensor]:
    kept = workspace.runs.latest_checkpoint(run_id, stage=_best_stage(task))
    return safetensors.torch.load(workspace.objects.read(kept.digest)) if kept else _weights(task.model)


def _best_stage(task: Task) -> str:
    """The best weights are a line of checkpoints of their own, so that they never push out the state to resume from."""
    return f"{task.name}, best"
