"""Two-layer models with random weights of a fixed seed: the bundled ones' architectures at a thousandth of the cost."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from engine.models.library import (
    CHAT_GENERATOR,
    DEFAULT_ENCODER,
    DEFAULT_GENERATOR,
    DESCRIPTION,
    ModelLibrary,
)
from engine.models.safety import CONFIG, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS

SMALLER = {
    DEFAULT_ENCODER: {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    },
    DEFAULT_GENERATOR: {
        "d_model": 32,
        "d_ff": 64,
        "d_kv": 8,
        "num_layers": 2,
        "num_decoder_layers": 2,
        "num_heads": 4,
    },
    CHAT_GENERATOR: {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
    },
}


def make_tiny_models(real: ModelLibrary, into: Path) -> None:
    """Write one tiny model for each of `real`'s bundled ones, under the same name and with the same tokenizer."""
    for name, sizes in SMALLER.items():
        make_tiny_model(real.folder(name), into / name, kind=real.get(name).kind, sizes=sizes)


def make_tiny_model(source: Path, folder: Path, *, kind: str, sizes: dict[str, int], seed: int = 0) -> None:
    """Write a model folder of `source`'s architecture at other `sizes`, described as the library wants it."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, T5ForConditionalGeneration

    folder.mkdir(parents=True)
    config = json.loads((source / CONFIG).read_bytes()) | sizes
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    for name in (TOKENIZER, TOKENIZER_CONFIG):
        (folder / name).write_bytes((source / name).read_bytes())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        loaded = AutoConfig.from_pretrained(folder, local_files_only=True)
        if kind == "seq2seq":
            model = T5ForConditionalGeneration(loaded)
            model.lm_head.weight = torch.nn.Parameter(torch.randn_like(model.lm_head.weight))  # its own, as flan-t5's
        else:
            model = (AutoModel if kind == "encoder" else AutoModelForCausalLM).from_config(loaded)
    kept, tensors = set[int](), {}
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in kept:  # tied weights are stored once
            kept.add(tensor.data_ptr())
            tensors[name] = tensor.contiguous()
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    description = {
        "name": folder.name,
        "kind": kind,
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "licence": "Apache-2.0",
        "origin": "random weights",
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
    }
    (folder / DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")
