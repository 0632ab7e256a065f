"""A GGUF file becomes a model folder: the same weights and tokens, and a sentence for what can't be taken."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from gguf import GGMLQuantizationType, GGUFWriter, TokenType
from gguf.quants import dequantize, quantize

from engine.device import Device
from engine.errors import ModelError
from engine.generation.ctranslate import convert, open_converted
from engine.generation.pytorch import TorchGenerator
from engine.generation.weights import load_generator, load_writer
from engine.models.gguf_file import find_gguf
from engine.models.library import ModelLibrary
from engine.records import Passage

HIDDEN, HEADS, KV_HEADS, FEED, LAYERS = 64, 4, 2, 128, 2
PASSAGE = Passage("d:0", "d", "France", "Paris lies on the Seine.", None, "", 0, 24)
CPU = Device.detect("cpu")


def byte_tokens() -> list[str]:
    """The 256 letters that stand for bytes in a byte-level tokenizer (GPT-2's)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]


def write_gguf(path: Path, *, architecture: str = "llama", layers: int = LAYERS) -> dict[str, np.ndarray]:
    """Write a two-layer Llama of 8-bit integers, or only `layers` of it, and return what its matrices are worth."""
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *byte_tokens(), "th", "the"]
    writer = GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_license("apache-2.0")
    writer.add_context_length(512)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FEED)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HIDDEN // HEADS)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.CONTROL] * 3 + [TokenType.NORMAL] * 258)
    writer.add_token_merges(["t h", "th e"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_chat_template("{{ cycler.__init__.__globals__.os.popen('id') }}")
    chance = np.random.default_rng(0)
    worth: dict[str, np.ndarray] = {}

    def matrix(name: str, rows: int, columns: int) -> None:
        values = chance.normal(0, 0.3, (rows, columns)).astype(np.float32)
        packed = quantize(values, GGMLQuantizationType.Q8_0)
        writer.add_tensor(name, packed, raw_dtype=GGMLQuantizationType.Q8_0)
        worth[name] = dequantize(packed, GGMLQuantizationType.Q8_0)

    matrix("token_embd.weight", len(tokens), HIDDEN)
    writer.add_tensor("output_norm.weight", np.ones(HIDDEN, np.float32))
    for layer in range(layers):
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(HIDDEN, np.float32))
        narrow = HIDDEN // HEADS * KV_HEADS
        for name, rows in (("attn_q", HIDDEN), ("attn_k", narrow), ("attn_v", narrow), ("attn_output", HIDDEN)):
            matrix(f"blk.{layer}.{name}.weight", rows, HIDDEN)
        for name in ("ffn_gate", "ffn_up"):
            matrix(f"blk.{layer}.{name}.weight", FEED, HIDDEN)
        matrix(f"blk.{layer}.ffn_down.weight", HIDDEN, FEED)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return worth


def test_a_gguf_file_becomes_a_model_that_answers(tiny_library: ModelLibrary, tmp_path: Path) -> None:
    worth = write_gguf(tmp_path / "Tiny 2.Q8_0.gguf")

    info = tiny_library.import_model(tmp_path / "Tiny 2.Q8_0.gguf")

    assert (info.name, info.kind, info.licence, info.trusted) == ("Tiny-2.Q8_0", "causal", "apache-2.0", True)
    assert info.origin.endswith("Tiny 2.Q8_0.gguf")
    files = tiny_library.files(info.name)
    assert b"popen" not in b"".join(files.values())  # the chat template is not taken over
    weights = load_generator(files).state_dict()
    np.testing.assert_allclose(weights["model.embed_tokens.weight"], worth["token_embd.weight"], atol=1e-3)
    np.testing.assert_allclose(weights["model.layers.1.mlp.up_proj.weight"], worth["blk.1.ffn_up.weight"], atol=1e-3)
    writer = load_writer(files)
    prompt, target = writer.prompt("Where is Paris?", [PASSAGE]), writer.target("On the Seine.")
    assert "Paris lies on the Seine." in writer.text(prompt)
    fast, exact = open_converted(convert(files, tmp_path, CPU), writer, CPU), TorchGenerator(files, writer, CPU)
    assert fast.score([prompt], [target]) == pytest.approx(exact.score([prompt], [target]), rel=0.05)
    assert tiny_library.import_model(tmp_path / "Tiny 2.Q8_0.gguf") == info  # twice is once


def test_a_folder_with_one_gguf_is_that_file_and_one_with_several_is_asked_about(
    tiny_library: ModelLibrary, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny-GGUF"
    folder.mkdir()
    write_gguf(folder / "tiny.Q8_0.gguf")
    (folder / "LICENSE").write_text("Apache License\n", encoding="utf-8")
    info = tiny_library.import_model(folder)
    assert (info.name, tiny_library.licence(info.name)) == ("tiny-GGUF", "Apache License\n")
    (folder / "tiny.Q4_0.gguf").write_bytes(b"GGUF")
    with pytest.raises(ModelError, match="holds 2 GGUF files"):
        tiny_library.import_model(folder)
    assert find_gguf(tmp_path) is None


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "head only":
        path.write_bytes(content[:24])
    elif how == "other bytes":
        path.write_bytes(b"\x80\x04" + content[2:])
    elif how == "counts":
        path.write_bytes(content[:8] + b"\xff" * 16 + content[24:])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "linked":
        path.rename(path.with_suffix(".real"))
        path.symlink_to(path.with_suffix(".real"))


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("cut", "can't be read"),
        ("head only", "can't be read"),
        ("counts", "can't be read"),
        ("other bytes", "no GGUF file"),
        ("empty", "no GGUF file"),
        ("linked", "not a file of its own"),
    ],
)
def test_what_is_no_sound_gguf_is_a_sentence_and_leaves_nothing(
    how: str, said: str, tiny_library: ModelLibrary, tmp_path: Path
) -> None:
    path = tmp_path / "tiny.gguf"
    write_gguf(path)
    spoil(path, how)
    with pytest.raises(ModelError, match=said):
        tiny_library.import_model(path)
    assert not tiny_library.imported.exists() or not list(tiny_library.imported.iterdir())


def test_a_gguf_without_its_last_layer_is_refused(tiny_library: ModelLibrary, tmp_path: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf", layers=1)
    with pytest.raises(ModelError, match=r"lacks 9 of its weights: model\.layers\.1\."):
        tiny_library.import_model(tmp_path / "tiny.gguf")


def test_a_kind_of_model_that_is_not_known_is_named(tiny_library: ModelLibrary, tmp_path: Path) -> None:
    write_gguf(tmp_path / "tiny.gguf", architecture="mamba")
    with pytest.raises(ModelError, match="kind mamba"):
        tiny_library.import_model(tmp_path / "tiny.gguf")


def test_a_model_too_large_for_the_memory_is_refused_before_it_is_unpacked(
    tiny_library: ModelLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_gguf(tmp_path / "tiny.gguf")
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.raises(ModelError, match="are free"):
        tiny_library.import_model(tmp_path / "tiny.gguf")


def test_a_missing_file_is_a_sentence(tiny_library: ModelLibrary, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be opened"):
        tiny_library.import_model(tmp_path / "nowhere.gguf")
