"""What is written anew about an adopted folder: its tokens, our chat template, its licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models

from engine.models.adoption import describe_tokenizer, find_licence, plain_config
from engine.models.chat_templates import choose_chat_template


def tokenizer_file(folder: Path, *words: str) -> Path:
    path = folder / "tokenizer.json"
    vocabulary = {word: index for index, word in enumerate(words)}
    Tokenizer(models.WordLevel(vocabulary, unk_token=words[0])).save(str(path))
    return path


def test_a_foreign_chat_template_is_replaced_by_ours(tmp_path: Path) -> None:
    evil = "{{ cycler.__init__.__globals__.os.popen('id') }}"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": evil}), encoding="utf-8")
    path = tokenizer_file(tmp_path, "<unk>", "<|im_start|>", "<|im_end|>")

    described = describe_tokenizer(tmp_path, path, pad_token_id=None)

    assert "popen" not in described.chat_template
    assert described.chat_template.startswith("{% for message in messages %}{{ '<|im_start|>'")
    assert "chat_template" not in described.config


@pytest.mark.parametrize(
    ("marker", "rendered"),
    [
        ("<|im_start|>", "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"),
        (
            "<|start_header_id|>",
            "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n",
        ),
        ("<start_of_turn>", "<bos><start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\n"),
    ],
)
def test_our_templates_render(marker: str, rendered: str) -> None:
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    template = ImmutableSandboxedEnvironment().from_string(choose_chat_template({marker}))
    messages = [{"role": "user", "content": "Hi"}]

    assert template.render(messages=messages, add_generation_prompt=True) == rendered


def test_a_model_not_made_for_chat_has_no_template() -> None:
    assert choose_chat_template({"the"}) == ""


def test_padding_falls_back_on_the_config_then_on_the_end(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path, "<unk>", "<pad>", "</s>")
    (tmp_path / "special_tokens_map.json").write_text('{"eos_token": "</s>"}', encoding="utf-8")

    assert describe_tokenizer(tmp_path, path, pad_token_id=1).config["pad_token"] == "<pad>"
    assert describe_tokenizer(tmp_path, path, pad_token_id=None).config["pad_token"] == "</s>"
    assert describe_tokenizer(tmp_path, path, pad_token_id=-1).config["pad_token"] == "</s>"


def test_an_absurd_length_is_replaced(tmp_path: Path) -> None:
    path = tokenizer_file(tmp_path, "<unk>")
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 1000000000000000019884624838656}', "utf-8")

    assert describe_tokenizer(tmp_path, path, pad_token_id=None).config["model_max_length"] == 512


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
