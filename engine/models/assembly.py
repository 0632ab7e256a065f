"""How weights become a model: whole, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from engine.errors import ModelError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_NAMED = 3  # of the missing weights, in the sentence


def assemble(
    family: Any, config: Any, weights: Mapping[str, torch.Tensor], *, unread: tuple[str, ...] = ()
) -> PreTrainedModel:
    """Return the model of `family` with these weights, in float32 and without touching the disk.

    Raises ModelError where some are missing, but for those whose names begin with `unread`: nothing reads them.
    """
    import torch

    model, told = family.from_pretrained(
        None, config=config, state_dict=dict(weights), dtype=torch.float32, output_loading_info=True
    )
    require_all(name for name in told["missing_keys"] if not name.startswith(unread))
    return model.eval()


def require_all(missing: Iterable[str]) -> None:
    """Raise ModelError where weights are `missing`: transformers draws them at random and goes on."""
    names = sorted(missing)
    if names:
        shown = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
        raise ModelError(
            f"The model lacks {len(names)} of its weights: {shown}.",
            hint="Its files don't fit together, or are not whole: copy them again from one source.",
        )
