"""A folder that could run code, lie about its size or be another architecture is refused with a sentence."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.models import safety
from engine.models.safety import check_folder, check_weights
from tests.engine.models.folders import CONFIG, WORDS, make_folder, write_weights


def refusal(folder: Path) -> str:
    """Return the sentence a folder is refused with; every refusal has a hint."""
    with pytest.raises(ModelError) as refused:
        check_folder(folder)
    assert refused.value.hint
    return refused.value.message


def test_a_good_folder_passes(tmp_path: Path) -> None:
    checked = check_folder(make_folder(tmp_path / "good"))

    assert (checked.kind, checked.parameters) == ("encoder", 20)


@pytest.mark.parametrize(
    "said",
    [
        {"tie_weights_": True},
        {"directionality": "bidi", "pooler_fc_size": 768, "pooler_type": "first_token_transform"},
        {"pooler_num_attention_heads": 12, "pooler_num_fc_layers": 3, "pooler_size_per_head": 128},
        {"use_mrope": False, "cache_implementation": "hybrid", "transformers.js_config": {"dtype": "q4"}},
    ],
)
def test_settings_of_published_models_that_nothing_reads_are_no_reason_to_refuse(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    assert check_folder(make_folder(tmp_path / "m", config=CONFIG | said)).kind == "encoder"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.pt", "model.pkl", "model.CKPT", "sub/scaler.joblib"])
def test_pickles_are_refused(tmp_path: Path, name: str) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x04.")

    assert refusal(folder) == f"{Path(name).name} may hold a pickle, which can run any program when it is opened."


@pytest.mark.parametrize("name", ["modeling_mine.py", "kernel.so", "run.sh"])
def test_code_is_refused(tmp_path: Path, name: str) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / name).write_bytes(b"")

    assert refusal(folder) == f"{name} is program code."


def test_an_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "model.onnx").write_bytes(b"")

    assert refusal(folder) == "model.onnx is of a kind that model folders don't need."


def test_links_are_refused_wherever_they_lead(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    (folder / "notes.txt").symlink_to(tmp_path / "secret.txt")

    assert refusal(folder) == "notes.txt is a link, not a file of its own."


def test_a_linked_folder_is_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "m")
    (tmp_path / "link").symlink_to(tmp_path / "m", target_is_directory=True)

    assert refusal(tmp_path / "link") == "link is a link, not a file of its own."


def test_a_folder_linked_inside_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (tmp_path / "elsewhere").mkdir()
    (folder / "1_Pooling").symlink_to(tmp_path / "elsewhere", target_is_directory=True)

    assert refusal(folder) == "1_Pooling is a link, not a file of its own."


def test_a_pipe_is_refused_and_not_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    os.mkfifo(folder / "vocab.txt")

    assert refusal(folder) == "vocab.txt is not a regular file."


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    for number in range(safety.MAX_FILES):
        (folder / f"{number}.txt").write_bytes(b"")

    assert refusal(folder) == "m holds more than 64 files."


def test_a_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"")

    assert refusal(path) == f"{path} is not a folder."


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_missing_part_is_named(tmp_path: Path, name: str) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / name).unlink()

    assert refusal(folder) == f"m has no {name}."


def test_weights_in_several_files_are_refused_with_the_way_out(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text("{}", encoding="utf-8")

    assert refusal(folder) == "The weights of m are in several files."


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"auto_map": {"AutoModel": "modeling.Mine"}},
            "m wants to bring its own program code (auto_map in config.json).",
        ),
        ({"quantization_config": {"quant_method": "gptq"}}, "m is a quantised copy."),
        ({"architectures": ["EvilModel"]}, "The architecture of m (EvilModel) is not one this program knows."),
        ({"architectures": []}, "The architecture of m (not said) is not one this program knows."),
        ({"architectures": [["BertModel"]]}, "The architecture of m (['BertModel']) is not one this program knows."),
        ({"model_type": "llama"}, "The architecture of m (BertModel) is not one this program knows."),
        (
            {"custom_pipelines": {}, "remote": 1},
            "config.json of m has settings this program does not know: custom_pipelines, remote.",
        ),
        ({"vocab_size": 10**12}, "config.json of m asks for the size 1,000,000,000,000."),
        ({"rope_scaling": {"factor": [10**9]}}, "config.json of m asks for the size 1,000,000,000."),
    ],
)
def test_a_config_outside_the_allow_list_is_refused(tmp_path: Path, change: dict[str, Any], sentence: str) -> None:
    assert refusal(make_folder(tmp_path / "m", config=CONFIG | change)) == sentence


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "config.json is not valid JSON."),
        (b"[]", "config.json is not a JSON object."),
        (b"\xff\xfe", "config.json is not valid JSON."),
        (b"[" * 100_000, "config.json is not valid JSON."),
        (b" " * (safety.MAX_CONFIG_BYTES + 1), "config.json is too large."),
    ],
)
def test_a_config_that_is_no_object_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "config.json").write_bytes(content)

    assert refusal(folder) == sentence


def test_a_huge_file_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(safety.MAX_WEIGHTS_BYTES + safety.MEBIBYTE)  # sparse: takes no room

    assert refusal(folder) == "model.safetensors has 20,481 MiB; at most 20,480 are read."


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m", words=WORDS | {"outside": 5})

    assert refusal(folder) == "The tokenizer of m has more tokens than the model has embeddings."


def test_a_broken_tokenizer_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "tokenizer.json").write_text('{"model": {"type": "Nothing"}}', encoding="utf-8")

    assert refusal(folder) == "tokenizer.json of m can't be read."


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}, id="panics when read"),
        pytest.param(
            {
                "post_processor": {
                    "type": "TemplateProcessing",
                    "single": [{"Sequence": {"id": "A", "type_id": 0}}],
                    "pair": [{"SpecialToken": {"id": "[X]", "type_id": 0}}],
                    "special_tokens": {},
                }
            },
            id="panics when used",
        ),
    ],
)
def test_a_tokenizer_that_panics_is_refused(tmp_path: Path, spoilt: dict[str, Any]) -> None:
    folder = make_folder(tmp_path / "m")
    tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer | spoilt), encoding="utf-8")

    assert refusal(folder) == "tokenizer.json of m can't be read."


def test_a_tokenizer_with_code_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "tokenizer_config.json").write_text('{"auto_map": {}}', encoding="utf-8")

    assert refusal(folder) == "The tokenizer of m wants to bring its own program code."


def test_a_special_token_that_is_no_text_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "tokenizer_config.json").write_text('{"pad_token": ["[PAD]"]}', encoding="utf-8")

    assert refusal(folder) == "A special token of the tokenizer is no text."


GOOD = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        (b"not json", b"", "model.safetensors is not valid JSON."),
        ({}, b"", "model.safetensors can't be trusted: it holds no weights."),
        ({"a": GOOD}, b"1234567", "model.safetensors can't be trusted: it is shorter or longer than its header says."),
        (
            {"a": GOOD},
            b"123456789",
            "model.safetensors can't be trusted: it is shorter or longer than its header says.",
        ),
        (
            {"a": GOOD, "b": GOOD},
            b"12345678",
            "model.safetensors can't be trusted: its tensors overlap or leave gaps.",
        ),
        (
            {"a": GOOD | {"data_offsets": [8, 16]}},
            b"1" * 16,
            "model.safetensors can't be trusted: its tensors overlap or leave gaps.",
        ),
        (
            {"a": GOOD | {"shape": [10**9, 10**9]}},
            b"12345678",
            "model.safetensors can't be trusted: the size of 'a' is not the one of its shape.",
        ),
        (
            {"a": GOOD | {"shape": [-1, -2]}},
            b"12345678",
            "model.safetensors can't be trusted: the size of 'a' is not the one of its shape.",
        ),
        ({"a": {}}, b"", "model.safetensors can't be trusted: the entry of 'a' can't be read."),
        ({"a": GOOD | {"shape": 2}}, b"", "model.safetensors can't be trusted: the entry of 'a' can't be read."),
        (
            {"a": GOOD | {"dtype": "I8"}},
            b"12345678",
            "model.safetensors stores 'a' as I8, which can't be trained.",
        ),
    ],
)
def test_weights_that_lie_about_themselves_are_refused(tmp_path: Path, header: Any, data: bytes, reason: str) -> None:
    path = tmp_path / "model.safetensors"
    write_weights(path, header, data)

    with pytest.raises(ModelError) as refused:
        check_weights(path)
    assert refused.value.message == reason


@pytest.mark.parametrize("content", [b"", b"1234", struct.pack("<Q", 2**63), struct.pack("<Q", 100) + b"{}"])
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)

    with pytest.raises(ModelError, match="its header is not one of a safetensors file"):
        check_weights(path)


def test_only_float_values_count_as_parameters(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    positions = {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]}
    write_weights(path, {"__metadata__": {"format": "pt"}, "a": GOOD, "position_ids": positions}, b"1" * 16)

    assert check_weights(path) == 2


def test_the_bundled_configs_would_pass(tmp_path: Path) -> None:
    for folder in sorted((Path(__file__).parents[3] / "resources" / "models").glob("[!.]*")):
        config = json.loads((folder / "config.json").read_bytes())
        assert config.keys() <= safety.CONFIG_KEYS, folder.name
