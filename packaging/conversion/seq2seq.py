"""flan-t5-small: an int8 ONNX encoder and decoder become, once, the tensors of a T5ForConditionalGeneration."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from conversion.folder import plain_tokenizer, write_json
from engine.models.packing import pack

# The embedding and the output layer of flan-t5 are two different matrices. `tie_word_embeddings: false` says so, and
# transformers 5 also reads from it that the decoder's output is not to be scaled.
CONFIG = {
    "architectures": ["T5ForConditionalGeneration"],
    "d_ff": 1024,
    "d_kv": 64,
    "d_model": 512,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.1,
    "dtype": "float32",
    "eos_token_id": 1,
    "feed_forward_proj": "gated-gelu",
    "is_encoder_decoder": True,
    "layer_norm_epsilon": 1e-06,
    "model_type": "t5",
    "num_decoder_layers": 8,
    "num_heads": 6,
    "num_layers": 8,
    "pad_token_id": 0,
    "relative_attention_max_distance": 128,
    "relative_attention_num_buckets": 32,
    "tie_word_embeddings": False,
    "vocab_size": 32128,
}


def convert(unpacked: Path, folder: Path) -> None:
    """Write the model folder from the unpacked wheel."""
    source = unpacked / "traceforge_title_model" / "data" / "span"
    encoder = _read_tensors(source / "encoder.onnx", root="enc.")
    own = {name: tensor for name, tensor in encoder.items() if not name.startswith("embed_tokens.")}  # shared.weight's
    tensors = {f"encoder.{name}": tensor for name, tensor in own.items()}
    tensors |= _read_tensors(source / "decoder.onnx", root="m.")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_bytes(plain_tokenizer((source / "tokenizer.json").read_bytes()))
    write_json(folder / "config.json", CONFIG)
    write_json(
        folder / "tokenizer_config.json",
        {
            "eos_token": "</s>",
            "model_max_length": 2048,  # relative positions: no hard limit, and five passages fit
            "pad_token": "<pad>",
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": "<unk>",
        },
    )


def _read_tensors(path: Path, *, root: str) -> dict[str, np.ndarray]:
    """Name the weights of one graph, matrices as packed integers; `root` is what the exporter called the model."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    tensors: dict[str, np.ndarray] = {}
    for name, tensor in stored.items():
        if not name.startswith(root):
            continue
        if name.endswith("weight") and tensor.dtype == np.float32:
            tensors[name.removeprefix(root)] = tensor
        elif name.endswith("_quantized"):
            quantized = name.removesuffix("_quantized")
            tensors |= _packed(quantized.removeprefix(root), stored, quantized)
    # Linear layers keep no name of their own: the node that multiplies by them has it. ONNX stores them (in, out).
    for node in graph.node:
        for operand in node.input if node.op_type == "MatMulInteger" else ():
            if operand in stored and operand.endswith("_quantized"):
                layer = re.sub(r"/MatMul(_quant)?(_\d+)?$", "", node.name).strip("/").replace("/", ".")
                name = layer.removeprefix(root) + ".weight"
                tensors |= _packed(name, stored, operand.removesuffix("_quantized"), transposed=True)
    return tensors


def _packed(
    name: str, stored: dict[str, np.ndarray], source: str, *, transposed: bool = False
) -> dict[str, np.ndarray]:
    """Return what stands for one matrix: its integers as unsigned bytes, with its one scale and zero point."""
    codes, zero = stored[f"{source}_quantized"], stored[f"{source}_zero_point"]
    if codes.dtype == np.int8:
        codes, zero = codes.view(np.uint8) ^ 128, zero.view(np.uint8) ^ 128  # both moved by 128: the same differences
    codes = np.ascontiguousarray(codes.T if transposed else codes)  # (out, in)
    return pack(name, codes, scale=stored[f"{source}_scale"].reshape(1, 1), zero=zero.reshape(1, 1))
