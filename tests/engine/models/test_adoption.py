"""What is written anew about an adopted folder: its tokens and its licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from engine.models.adoption import describe_tokenizer, find_licence, plain_config


def tokenizer_file(folder: Path, *words: str) -> Path:
    path = folder / "tokenizer.json"
    vocabulary = {word: index for index, word in enumerate(words)}
    Tokenizer(models.WordLevel(vocabulary, unk_token=words[0])).save(str(path))
    return path


def test_a_foreign_chat_template_is_not_taken_over(tmp_path: Path) -> None:
    evil = "{{ cycler.__init__.__globals__.os.popen('id') }}"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": evil}), encoding="utf-8")
    path = tokenizer_file(tmp_path, "<unk>", "<|im_start|>", "<|im_end|>")

    assert "popen" not in json.dumps(describe_tokenizer(tmp_path, path, pad_token_id=None))


def test_padding_falls_back_on_the_config_then_on_the_end(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path, "<unk>", "<pad>", "</s>")
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": "</s>"}', encoding="utf-8")

    assert describe_tokenizer(tmp_path, path, pad_token_id=1)["pad_token"] == "<pad>"
    assert describe_tokenizer(tmp_path, path, pad_token_id=None)["pad_token"] == "</s>"
    assert describe_tokenizer(tmp_path, path, pad_token_id=-1)["pad_token"] == "</s>"


def test_an_absurd_length_is_replaced(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path, "<unk>")
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 1000000000000000019884624838656}', "utf-8")

    assert describe_tokenizer(tmp_path, path, pad_token_id=None)["model_max_length"] == 512


def test_models_are_loaded_in_full_precision_whatever_they_are_stored_in() -> None:
    config = {"torch_dtype": "float16", "_name_or_path": "/home/me", "d_model": 8}

    assert plain_config(config) == {"d_model": 8, "dtype": "float32"}


@pytest.mark.parametrize(
    ("name", "content", "licence"),
    [
        ("README.md", "---\nlanguage: en\nlicense: apache-2.0\n---\n", "apache-2.0"),
        ("README.md", "No front matter.\nlicense: mit\n", "not stated"),
        ("LICENSE", "\n  MIT License\n\nCopyright", "MIT License"),
        ("notes.txt", "MIT", "not stated"),
    ],
)
def test_the_licence_is_found_where_it_is_stated(tmp_path: Path, name: str, content: str, licence: str) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")

    assert find_licence(tmp_path) == licence
