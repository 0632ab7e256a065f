"""Generators as tensors: built from the files of a model folder in memory, and written back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec
import safetensors.torch
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING

from engine.errors import ModelError
from engine.generation.prompt import Layout, PromptWriter, Verdict
from engine.models.assembly import assemble, require_all
from engine.models.packing import read_weights
from engine.models.published import LAYOUT
from engine.models.safety import TOKENIZER_CONFIG

VERDICT = "verdict.json"  # beside a tuned generator's weights: the words its answers and refusals open with


def with_verdict(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the model folder of a generator that says first whether the passages answer."""
    return {VERDICT: msgspec.json.encode(Verdict()), **files}


def load_generator(files: Mapping[str, bytes]) -> PreTrainedModel:
    """Build the model of a folder in float32, without touching the disk. Raises ModelError where weights are missing.

    Built from weights and not from the configuration alone: transformers 5 ties T5's embeddings whatever its
    configuration says, and unties them only when the weights disagree.
    """
    settings: dict[str, Any] = json.loads(files["config.json"])
    config = AutoConfig.for_model(**settings)
    mapping = (
        MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING if settings.get("is_encoder_decoder") else MODEL_FOR_CAUSAL_LM_MAPPING
    )
    if type(config) not in mapping:
        raise ModelError(f"{settings.get('model_type')} is not a generator.", hint="Choose a T5 or Llama type model.")
    weights = read_weights(files["model.safetensors"])
    if settings.get("tie_word_embeddings") is False:  # which transformers forgets: it would tie what is not there
        require_all({"lm_head.weight"} - weights.keys())
    return assemble(mapping[type(config)], config, weights)


def load_writer(files: Mapping[str, bytes]) -> PromptWriter:
    """Return the prompt writer that belongs to the model of a folder."""
    settings: dict[str, Any] = json.loads(files["config.json"])
    tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode("utf-8"))
    end = settings.get("eos_token_id", 1)
    if end is None:  # transformers 5 leaves it to the tokenizer, by default in Qwen's configurations
        end = tokenizer.token_to_id(json.loads(files[TOKENIZER_CONFIG]).get("eos_token") or "")
    if end is None:
        raise ModelError(
            "The model doesn't say which token ends an answer.", hint="Name its eos_token_id in a copy's config.json."
        )
    return PromptWriter(
        tokenizer,
        kind="seq2seq" if settings.get("is_encoder_decoder") else "causal",
        end_id=end[0] if isinstance(end, list) else int(end),
        start_id=settings.get("bos_token_id"),
        layout=load_layout(files),
        verdict=msgspec.json.decode(files[VERDICT], type=Verdict) if VERDICT in files else None,
        most_tokens=settings.get("max_position_embeddings"),
    )


def load_layout(files: Mapping[str, bytes]) -> Layout | None:
    """Return how a published RAG checkpoint writes its inputs; None for any other generator."""
    return msgspec.json.decode(files[LAYOUT], type=Layout) if LAYOUT in files else None


def model_files(original: Mapping[str, bytes], weights: Mapping[str, torch.Tensor]) -> dict[str, bytes]:
    """Return the folder `original` with other weights: the configuration stays as it was, byte for byte."""
    kept = {name: content for name, content in original.items() if name != "model.safetensors"}
    return {**kept, "model.safetensors": safetensors.torch.save(dict(weights), metadata={"format": "pt"})}


def own_weights(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Return the model's weights, each tied tensor once, on the CPU."""
    seen: set[int] = set()
    weights: dict[str, torch.Tensor] = {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            weights[name] = tensor.detach().cpu().contiguous()
    return weights
