"""How much memory a model takes, reckoned from its parameters before it is loaded."""

from __future__ import annotations

LORA_ABOVE = 400_000_000  # parameters; a larger causal model is tuned by adapters (arXiv 2106.09685)

LIBRARIES = 600 * 2**20  # the process itself with its libraries loaded
# While it is loaded and converted: the file, the weights in fp32, the converted ones.
_LOADING = 9
_FULL_TRAINING = 20  # weights, gradients and two moments in fp32, and the best weights so far
_ADAPTER_TRAINING = 5  # the frozen weights and what the adapters add
_ACTIVATIONS = 1.5 * 2**30


def takes_adapters(kind: str, parameters: int) -> bool:
    """Whether a model of this kind and size is tuned by adapters and not whole."""
    return kind == "causal" and parameters > LORA_ABOVE


def answering_bytes(parameters: int) -> int:
    """Memory to load a model and answer with it, in bytes."""
    return round(LIBRARIES + _LOADING * parameters)


def training_bytes(kind: str, parameters: int) -> int:
    """Memory to fine-tune a model, in bytes: all of it, or adapters where it is large."""
    each = _ADAPTER_TRAINING if takes_adapters(kind, parameters) else _FULL_TRAINING
    return round(LIBRARIES + _ACTIVATIONS + each * parameters)


def lack_of_memory(name: str, parameters: int, free_bytes: int) -> str:
    """Say how much memory it takes to load a model and how much is free; "" where it fits."""
    needed = answering_bytes(parameters)
    if needed <= free_bytes:
        return ""
    return f"{name} needs {needed / 2**30:.1f} GiB of memory, {free_bytes / 2**30:.1f} are free."
