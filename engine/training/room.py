"""Room: how much of a step fits into the memory that is free; where little does, smaller parts, then recomputation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from engine.device import Device
from engine.errors import TrainingError

TRAINED_BYTES = 16  # of each weight that is trained: gradient, two moments, the best weights so far
BACKWARD = 1.5  # what going back takes beside what was kept for it
KEPT_FREE = 0.15  # of the free memory, for everything else on the machine
_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Room:
    """What was settled: prompt tokens of one forward and backward pass, and whether activations are recomputed."""

    part_tokens: int
    recomputed: bool
    taken_bytes: int  # with these parts, beside the loaded model
    needed_bytes: int  # for the part that was wanted
    free_bytes: int

    @property
    def sentence(self) -> str:
        """How much is needed and there, for the person."""
        return f"{self.needed_bytes / _GIB:.1f} GB needed, {self.free_bytes / _GIB:.1f} free"


def find_room(
    model: PreTrainedModel, probe: Callable[[], tuple[torch.Tensor, int]], device: Device, *, wanted: int, longest: int
) -> Room:
    """Settle how many prompt tokens are trained at once: `wanted`, or as many as fit, but at least the `longest` row.

    `probe` returns the loss of a few examples, with its graph, and their padded tokens: what is kept for its backward
    pass is counted, so no table of architectures is needed. Where not even the longest row fits, gradient checkpointing
    is turned on (Chen et al. 2016, arXiv 1604.06174). Raises TrainingError where that does not help either.
    """
    free = device.free_memory_bytes()
    fixed = TRAINED_BYTES * sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    room = free * (1 - KEPT_FREE) - fixed
    each = BACKWARD * kept_bytes_per_token(model, probe)
    needed = round(fixed + each * wanted)
    if each * wanted <= room:
        return Room(wanted, False, needed, needed, free)
    if each * longest <= room:
        fits = max(longest, int(room / each))
        return Room(fits, False, round(fixed + each * fits), needed, free)
    if model.supports_gradient_checkpointing:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        each = BACKWARD * kept_bytes_per_token(model, probe)
        if each * longest <= room:
            fits = max(longest, min(wanted, int(room / each)))
            return Room(fits, True, round(fixed + each * fits), needed, free)
        model.activation_checkpointing_disable()
    raise TrainingError(
        f"Training needs {(fixed + each * longest) / _GIB:.1f} GB of memory, {free / _GIB:.1f} are free.",
        hint="Close other programs, or start from a smaller model.",
    )


def kept_bytes_per_token(model: nn.Module, probe: Callable[[], tuple[torch.Tensor, int]]) -> float:
    """Return the bytes that the forward pass keeps for the backward one, by token of the prompts."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, int] = {}

    def note(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()  # what an operation keeps of its own output would else hold the graph, and it that

    model.train()
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss, tokens = probe()  # alive until the end, so that no kept tensor's memory is used again
    total = sum(kept.values())
    del loss
    return total / tokens
