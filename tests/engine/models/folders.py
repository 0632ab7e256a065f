"""Model folders as a person would bring them: a good one, to be spoilt in one way a test."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers

CONFIG: dict[str, Any] = {
    "architectures": ["BertModel"],
    "hidden_size": 4,
    "intermediate_size": 8,
    "model_type": "bert",
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "pad_token_id": 0,
    "torch_dtype": "float16",
    "vocab_size": 5,
}
WORDS = {"[PAD]": 0, "[UNK]": 1, "dose": 2, "court": 3, "##s": 4}


def make_folder(folder: Path, *, config: dict[str, Any] | None = None, words: dict[str, int] | None = None) -> Path:
    """Write a small encoder that passes every check."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config or CONFIG), encoding="utf-8")
    tokenizer = Tokenizer(models.WordPiece(words or WORDS, unk_token="[UNK]"))  # noqa: S106 - a token, no password
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"unk_token": "[UNK]", "pad_token": {"content": "[PAD]"}, "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(special), encoding="utf-8")
    weights = {"embeddings.word_embeddings.weight": np.arange(20, dtype=np.float32).reshape(5, 4)}
    save_file(weights, folder / "model.safetensors")
    return folder


def write_weights(path: Path, header: Any, data: bytes = b"") -> None:
    """Write a safetensors file with any header."""
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
