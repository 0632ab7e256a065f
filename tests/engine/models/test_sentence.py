"""An imported encoder keeps the pooling, prompts and length of its sentence-transformers files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.models.library import ModelLibrary
from engine.models.sentence import SENTENCE, SentenceSettings, read_max_tokens, read_sentence_settings
from tests.engine.models.folders import make_folder

MODULES = [{"path": "", "type": "sentence_transformers.models.Transformer"}]


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def test_a_folder_that_says_nothing_is_averaged_without_prefixes(tmp_path: Path) -> None:
    assert read_sentence_settings(make_folder(tmp_path / "m")) == SentenceSettings("mean", "", "")


def test_pooling_prompts_and_length_are_kept_by_the_library(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    pooling = {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}
    write(folder, "modules.json", [*MODULES, pooling, {"type": "sentence_transformers.models.Normalize"}])
    modes = {"word_embedding_dimension": 4, "pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    write(folder, "1_Pooling/config.json", modes)
    write(folder, "config_sentence_transformers.json", {"prompts": {"query": "query: ", "document": "passage: "}})
    write(folder, "sentence_bert_config.json", {"max_seq_length": 32})
    library = ModelLibrary(tmp_path / "bundled", tmp_path / "imported")

    files = library.files(library.import_model(folder).name)

    assert SentenceSettings.from_bytes(files[SENTENCE]) == SentenceSettings("cls", "query: ", "passage: ")
    assert json.loads(files["tokenizer_config.json"])["model_max_length"] == 32
    assert read_max_tokens(folder) == 32


@pytest.mark.parametrize(("mode", "pooling"), [("cls", "cls"), ("mean", "mean"), (["cls"], "cls")])
def test_pooling_is_read_as_sentence_transformers_saves_it_since_6(tmp_path: Path, mode: Any, pooling: str) -> None:
    folder = make_folder(tmp_path / "m")
    write(folder, "1_Pooling/config.json", {"embedding_dimension": 4, "pooling_mode": mode, "include_prompt": True})

    assert read_sentence_settings(folder).pooling == pooling


def test_prompts_left_out_of_the_pooling_are_refused_where_there_are_some(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    write(folder, "1_Pooling/config.json", {"pooling_mode": "mean", "include_prompt": False})
    assert read_sentence_settings(folder) == SentenceSettings("mean", "", "")
    write(folder, "config_sentence_transformers.json", {"prompts": {"query": "query: "}})

    with pytest.raises(ModelError, match="m leaves its prompts out"):
        read_sentence_settings(folder)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (
            "1_Pooling/config.json",
            {"pooling_mode_max_tokens": True},
            "m pools its tokens in a way this program does not",
        ),
        (
            "1_Pooling/config.json",
            {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True},
            r"\(max_tokens, mean_tokens\)",
        ),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}, "does not \\(none\\)"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, r"does not \(lasttoken\)"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, r"does not \(max, mean\)"),
        ("modules.json", [*MODULES, {"type": "sentence_transformers.models.Dense"}], "m has a module 'Dense'"),
        ("modules.json", {"not": "a list"}, r"modules\.json can't be read"),
        ("config_sentence_transformers.json", {"prompts": {"query": 7}}, "A prompt in .* is no short text"),
        ("config_sentence_transformers.json", {"prompts": {"query": "x" * 501}}, "A prompt in .* is no short text"),
    ],
)
def test_what_would_give_wrong_vectors_is_refused(tmp_path: Path, name: str, content: Any, said: str) -> None:
    folder = make_folder(tmp_path / "m")
    write(folder, name, content)

    with pytest.raises(ModelError, match=said):
        ModelLibrary(tmp_path / "bundled", tmp_path / "imported").import_model(folder)
