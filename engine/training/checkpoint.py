"""Checkpoints: everything a training needs to go on at a step, as one safetensors object of the workspace."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import safetensors.torch
import torch
from torch import nn

from engine.device import Precision
from engine.errors import DamagedError
from engine.workspace.workspace import Workspace

_TYPE_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64"}
_OPTIMIZER = "optimizer."
_MODEL = "model."


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a training is, beside its tensors."""

    stage: str  # retriever or generator
    step: int = 0
    best_step: int = 0
    best_score: float = float("-inf")
    since_best: int = 0  # validations without improvement
    seconds: float = 0.0
    precision: Precision | None = None  # of every step so far


def save(
    workspace: Workspace, run_id: str, model: nn.Module, optimizer: torch.optim.Optimizer, progressed: Progressed
) -> None:
    """Publish the trained weights, the optimizer's moments and the counters. Nothing is visible before all is safe."""
    tensors = {_MODEL + name: tensor for name, tensor in trained(model).items()}
    names = {parameter: name for name, parameter in model.named_parameters()}
    for parameter, state in optimizer.state.items():
        for key, tensor in state.items():
            tensors[f"{_OPTIMIZER}{key}.{names[parameter]}"] = tensor
    digest = workspace.objects.publish(serialised(tensors, {"progressed": json.dumps(asdict(progressed))}))
    workspace.runs.save_checkpoint(run_id, step=progressed.step, digest=digest, stage=progressed.stage)


def restore(
    workspace: Workspace, run_id: str, model: nn.Module, optimizer: torch.optim.Optimizer, stage: str
) -> Progressed:
    """Load the newest published checkpoint of `stage` into model and optimizer; the twin of `save`.

    Returns the counters, those of a fresh start when there is no checkpoint of this stage.
    """
    checkpoint = workspace.runs.latest_checkpoint(run_id, stage=stage)
    if checkpoint is None:
        return Progressed(stage)
    data = workspace.objects.read(checkpoint.digest)
    progressed = Progressed(**json.loads(_metadata(data)["progressed"]))
    tensors = safetensors.torch.load(data)
    state = {name.removeprefix(_MODEL): tensor for name, tensor in tensors.items() if name.startswith(_MODEL)}
    missing, unexpected = model.load_state_dict(state, strict=False)
    learnt = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    if unexpected or learnt.intersection(missing):
        raise DamagedError(
            "The checkpoint belongs to another model.", hint="Start the training again without resuming."
        )
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        moments = {
            key: tensors[f"{_OPTIMIZER}{key}.{name}"].to(parameter.device)
            for key in ("step", "exp_avg", "exp_avg_sq")
            if f"{_OPTIMIZER}{key}.{name}" in tensors
        }
        if moments:
            optimizer.state[parameter] = moments
    return progressed


def serialised(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> Iterator[bytes]:
    """Yield `tensors` in safetensors' format piece by piece, so that a gigabyte is never held twice."""
    header: dict[str, object] = {"__metadata__": dict(metadata)}
    offset = 0
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": _TYPE_NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    encoded = json.dumps(header).encode("utf-8")
    encoded += b" " * (-len(encoded) % 8)
    yield struct.pack("<Q", len(encoded)) + encoded
    for tensor in tensors.values():
        yield tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def _metadata(data: bytes) -> dict[str, str]:
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length])["__metadata__"]


def trained(model: nn.Module) -> dict[str, torch.Tensor]:
    """Return the weights that training changes, each tied one once; what is frozen stays as it came."""
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    return {name: tensor for name, tensor in unique(model.state_dict()).items() if name not in frozen}


def unique(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors of `state`, each tied one under its first name only."""
    seen: set[int] = set()
    unique: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            unique[name] = tensor
    return unique
