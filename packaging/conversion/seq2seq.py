"""flan-t5-small: an int8 ONNX encoder and decoder become, once, the tensors of a T5ForConditionalGeneration."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from conversion.folder import plain_tokenizer, write_json

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
    tensors = {
        f"encoder.{name}": tensor for name, tensor in _read_tensors(source / "encoder.onnx", root="enc.").items()
    }
    tensors |= _read_tensors(source / "decoder.onnx", root="m.")
    tensors.pop("encoder.embed_tokens.weight", None)  # a second copy of shared.weight
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
    """Name and dequantise the weights of one graph; `root` is what the exporter called the model, with its dot."""
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
            tensors[quantized.removeprefix(root)] = _dequantise(stored, quantized)
    # Linear layers keep no name of their own: the node that multiplies by them has it. ONNX stores them (in, out).
    for node in graph.node:
        if node.op_type not in ("MatMul", "MatMulInteger"):
            continue
        for operand in node.input:
            matrix = _matrix(stored, operand, quantized=node.op_type == "MatMulInteger")
            if matrix is not None:
                layer = re.sub(r"/MatMul(_quant)?(_\d+)?$", "", node.name).strip("/").replace("/", ".")
                tensors[layer.removeprefix(root) + ".weight"] = np.ascontiguousarray(matrix.T)  # (out, in)
    return tensors


def _matrix(stored: dict[str, np.ndarray], operand: str, *, quantized: bool) -> np.ndarray | None:
    """Return the weight matrix an operand stands for; None when it is an activation."""
    if operand not in stored or (quantized and not operand.endswith("_quantized")):
        return None
    matrix = _dequantise(stored, operand.removesuffix("_quantized")) if quantized else stored[operand]
    return matrix if matrix.ndim == 2 else None


def _dequantise(stored: dict[str, np.ndarray], name: str) -> np.ndarray:
    """(q − zero point) × scale; both are scalars, or one a column of the (in, out) matrix."""
    quantized = stored[f"{name}_quantized"].astype(np.float32)
    zero_point = stored[f"{name}_zero_point"].astype(np.float32)
    return (quantized - zero_point) * stored[f"{name}_scale"].astype(np.float32)
