"""Adapters: of a large causal model only low-rank corrections are trained, and merged into its weights at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import PreTrainedModel

from engine.models.memory import takes_adapters

if TYPE_CHECKING:
    from peft import LoraModel

RANK = 16
SCALE = 32  # divided by the rank, what a correction counts (LoRA's alpha)


def add_adapters(model: PreTrainedModel, *, seed: int) -> LoraModel | None:
    """Freeze a model that is too large to be trained whole and put adapters on all its linear layers, in place.

    LoRA (Hu et al. 2021, arXiv 2106.09685): W + BA·scale, with B = 0 at first, so that nothing changes before the first
    step. None where the model is trained whole.
    """
    if not takes_adapters("seq2seq" if model.config.is_encoder_decoder else "causal", model.num_parameters()):
        return None
    from peft import LoraConfig, LoraModel

    settings = LoraConfig(
        r=RANK, lora_alpha=SCALE, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LoraModel(model, settings, "default")


def merge_adapters(adapters: LoraModel | None) -> None:
    """Add the corrections to the weights they correct: the model is an ordinary one again, under the same names."""
    if adapters is not None:
        adapters.merge_and_unload()
