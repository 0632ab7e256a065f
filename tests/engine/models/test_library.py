"""The library lists, checks, imports and removes models, and hands out nothing that has changed."""

from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from engine.errors import ModelError, StorageError
from engine.models import library as library_module
from engine.models.library import BETTER_ENCODER, CHAT_GENERATOR, DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary
from tests.engine.models.folders import CONFIG, make_folder


@pytest.fixture
def own(tmp_path: Path) -> ModelLibrary:
    """A library without bundled models."""
    return ModelLibrary(tmp_path / "bundled" / "models", tmp_path / "imported")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_the_bundled_models_are_there_and_trusted(library: ModelLibrary) -> None:
    models = {info.name: info for info in library.list() if info.name != BETTER_ENCODER}

    assert models.keys() == {DEFAULT_ENCODER, DEFAULT_GENERATOR, CHAT_GENERATOR}
    assert [models[name].kind for name in (DEFAULT_ENCODER, DEFAULT_GENERATOR, CHAT_GENERATOR)] == [
        "encoder",
        "seq2seq",
        "causal",
    ]
    assert all(info.trusted and info.licence == "Apache-2.0" and info.origin for info in models.values())
    assert models[DEFAULT_ENCODER].digest == "553c9ff2a4d968014fb1c66fdb6f2c9dc19b3ac2360ba58a51c69e177e55d765"


def test_the_better_encoder_is_trusted_where_set_up_had_it(library: ModelLibrary) -> None:
    found = [(info.kind, info.licence, info.trusted) for info in library.list() if info.name == BETTER_ENCODER]

    assert found in ([], [("encoder", "MIT", True)])


def test_an_optional_model_that_was_left_out_is_no_problem(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_models, tmp_path / "models")
    left_out = {"name": "gte-small", "files": {}, "optional": True}
    (tmp_path / "models.json").write_text(json.dumps({"models": [left_out]}), encoding="utf-8")

    assert ModelLibrary(tmp_path / "models", tmp_path / "imported").verify() == ()


def test_a_tokenizer_neither_cuts_nor_pads(library: ModelLibrary) -> None:
    tokenizer = library.tokenizer(DEFAULT_ENCODER)

    assert len(tokenizer.encode("dose " * 2_000).ids) == 2_002
    assert len(tokenizer.encode("dose").ids) == 3


def test_tokenizers_are_one_s_own(tiny_library: ModelLibrary) -> None:
    tiny_library.tokenizer(DEFAULT_ENCODER).enable_truncation(4)

    assert len(tiny_library.tokenizer(DEFAULT_ENCODER).encode("dose " * 10).ids) == 12


@pytest.mark.parametrize("name", ["nothing", "../bundled", "/etc", "", ".", "..", "a/b", "a\0b", "x" * 500])
def test_an_unknown_name_never_leaves_the_library(tiny_library: ModelLibrary, name: str) -> None:
    with pytest.raises(ModelError, match="There is no model named") as refused:
        tiny_library.folder(name)
    assert DEFAULT_ENCODER in refused.value.hint


def test_files_are_returned_whole(tiny_library: ModelLibrary) -> None:
    files = tiny_library.files(DEFAULT_GENERATOR)

    folder = tiny_library.folder(DEFAULT_GENERATOR)
    assert files == {name: (folder / name).read_bytes() for name in files}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files.keys()


def test_a_changed_model_is_listed_but_not_handed_out(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_models, tmp_path / "models")
    library = ModelLibrary(tmp_path / "models", tmp_path / "imported")
    library.folder(DEFAULT_ENCODER)
    flip_a_bit(tmp_path / "models" / DEFAULT_ENCODER / "model.safetensors")

    assert {info.name: info.trusted for info in library.list()}[DEFAULT_ENCODER] is False
    for use in (library.folder, library.files):
        with pytest.raises(ModelError, match=r"model\.safetensors has changed since it was set up"):
            use(DEFAULT_ENCODER)
    assert library.verify() == ("all-MiniLM-L6-v2/model.safetensors has changed since it was set up.",)


def test_verify_finds_a_change_that_hides_behind_its_times(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_models, tmp_path / "models")
    library = ModelLibrary(tmp_path / "models", tmp_path / "imported")
    assert library.verify() == ()
    path = tmp_path / "models" / DEFAULT_GENERATOR / "model.safetensors"
    before = path.stat()
    flip_a_bit(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert library.verify() == ("flan-t5-small/model.safetensors has changed since it was set up.",)


def test_the_manifest_has_the_say_over_a_bundled_folder(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_models, tmp_path / "models")
    other = {"name": DEFAULT_ENCODER, "files": {"model.safetensors": "0" * 64}}
    missing = {"name": "gte-small", "files": {}}
    (tmp_path / "models.json").write_text(json.dumps({"models": [other, missing]}), encoding="utf-8")
    library = ModelLibrary(tmp_path / "models", tmp_path / "imported")

    assert library.get(DEFAULT_ENCODER).trusted is False
    assert library.verify() == (
        "all-MiniLM-L6-v2/model.safetensors has changed since it was set up.",
        "The bundled model gte-small is missing.",
    )


def test_a_missing_file_gets_a_sentence(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_models, tmp_path / "models")
    (tmp_path / "models" / DEFAULT_ENCODER / "tokenizer.json").unlink()

    with pytest.raises(ModelError, match=r"all-MiniLM-L6-v2/tokenizer\.json is missing"):
        ModelLibrary(tmp_path / "models", tmp_path / "imported").tokenizer(DEFAULT_ENCODER)


def test_a_description_that_is_no_json_gets_a_sentence(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_models, tmp_path / "models")
    (tmp_path / "models" / DEFAULT_ENCODER / "vademecum.json").write_text("{", encoding="utf-8")

    with pytest.raises(ModelError, match="The description of all-MiniLM-L6-v2 can't be read"):
        ModelLibrary(tmp_path / "models", tmp_path / "imported").get(DEFAULT_ENCODER)


def test_an_imported_folder_becomes_a_model(own: ModelLibrary, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "My encoder (v2)")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n", encoding="utf-8")

    info = own.import_model(folder)

    assert (info.name, info.kind, info.parameters, info.licence, info.trusted) == (
        "My-encoder-v2",
        "encoder",
        20,
        "mit",
        True,
    )
    assert own.list() == (info,)
    assert own.get("My-encoder-v2") == info
    assert sorted(path.name for path in own.folder(info.name).iterdir()) == [
        "config.json",
        "model.safetensors",
        "sentence.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vademecum.json",
    ]
    config = json.loads(own.files(info.name)["config.json"])
    assert config == {key: value for key, value in CONFIG.items() if key != "torch_dtype"} | {"dtype": "float32"}
    assert json.loads(own.files(info.name)["tokenizer_config.json"]) == {
        "model_max_length": 64,
        "pad_token": "[PAD]",
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": "[UNK]",
    }


@pytest.mark.parametrize("name", [DEFAULT_ENCODER, DEFAULT_GENERATOR, CHAT_GENERATOR])
def test_what_the_program_wrote_can_be_imported_again(tiny_models: Path, own: ModelLibrary, name: str) -> None:
    own.import_model(tiny_models / name)

    assert own.files(name)["model.safetensors"] == (tiny_models / name / "model.safetensors").read_bytes()


def test_an_imported_model_loads(tiny_models: Path, own: ModelLibrary) -> None:
    from transformers import AutoModel, AutoTokenizer

    folder = own.folder(own.import_model(tiny_models / DEFAULT_ENCODER).name)

    model = AutoModel.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    inputs = tokenizer(["the dose"], return_tensors="pt")
    assert model(**inputs).last_hidden_state.shape == (1, 4, 32)


def test_importing_twice_is_importing_once(own: ModelLibrary, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")

    assert own.import_model(folder) == own.import_model(folder)
    assert len(own.list()) == 1


def test_another_model_of_the_same_name_is_refused(own: ModelLibrary, tmp_path: Path) -> None:
    own.import_model(make_folder(tmp_path / "a" / "m"))
    other = make_folder(tmp_path / "b" / "m")
    flip_a_bit(other / "model.safetensors")

    with pytest.raises(ModelError, match="There is a model named m already"):
        own.import_model(other)
    assert len(own.list()) == 1


def test_a_refused_folder_leaves_nothing_behind(own: ModelLibrary, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "tokenizer_config.json").write_text('{"pad_token": "<nowhere>"}', encoding="utf-8")

    with pytest.raises(ModelError, match="The pad token '<nowhere>' is not in the tokenizer"):
        own.import_model(folder)
    assert list(own.imported.iterdir()) == []


def test_a_link_put_there_after_the_check_is_not_followed(
    own: ModelLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path / "m")
    secret = tmp_path / "secret.json"
    secret.write_text("{}", encoding="utf-8")
    check = library_module.check_folder

    def check_then_swap(path: Path) -> object:
        checked = check(path)
        if path == folder:
            (folder / "config.json").unlink()
            (folder / "config.json").symlink_to(secret)
        return checked

    monkeypatch.setattr(library_module, "check_folder", check_then_swap)
    with pytest.raises(ModelError, match=r"config\.json can't be read"):
        own.import_model(folder)
    assert own.list() == ()


def test_a_full_disk_gets_a_sentence_and_leaves_nothing(
    own: ModelLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(source: Path, target: Path) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(library_module, "_copy", no_room)
    with pytest.raises(StorageError) as refused:
        own.import_model(make_folder(tmp_path / "m"))
    assert refused.value.message == f"The disk is full: {own.imported} can't take more."
    assert list(own.imported.iterdir()) == []


def test_a_path_that_the_system_refuses_is_a_sentence(own: ModelLibrary) -> None:
    with pytest.raises(ModelError, match=r"^x{100} can't be read"):
        own.import_model(Path("/" + "x" * 300))


def test_a_model_is_tried_before_it_is_in_the_library(own: ModelLibrary, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    seen: list[tuple[str, ...]] = []

    def refuse(library: ModelLibrary, name: str) -> None:
        seen.append(tuple(info.name for info in library.list() if library.files(name)))
        seen.append(tuple(info.name for info in own.list()))
        raise ModelError("It says nothing.", hint="Choose another.")

    with pytest.raises(ModelError, match="It says nothing"):
        own.import_model(folder, tried=refuse)
    assert seen == [("m",), ()]
    assert list(own.imported.iterdir()) == []
    assert own.import_model(folder).name == "m"
    with pytest.raises(ModelError, match="It says nothing"):
        own.import_model(folder, tried=refuse)
    assert seen[2:] == [("m",), ("m",)]  # one that is there already stays


def test_what_a_killed_import_left_is_swept_by_the_next(own: ModelLibrary, tmp_path: Path) -> None:
    left = own.imported / ".incoming-999999999"  # no such process
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")

    own.import_model(make_folder(tmp_path / "m"))

    assert [path.name for path in own.imported.iterdir()] == ["m"]


def test_an_imported_model_can_be_removed_and_a_bundled_one_not(tiny_library: ModelLibrary, tmp_path: Path) -> None:
    tiny_library.import_model(make_folder(tmp_path / "m"))
    tiny_library.remove("m")

    assert "m" not in {info.name for info in tiny_library.list()}
    assert list(tiny_library.imported.iterdir()) == []
    with pytest.raises(ModelError, match="all-MiniLM-L6-v2 comes with the program and stays"):
        tiny_library.remove(DEFAULT_ENCODER)


def test_an_empty_library_says_what_to_do(own: ModelLibrary) -> None:
    with pytest.raises(ModelError) as refused:
        own.get(DEFAULT_ENCODER)
    assert "run make setup first" in refused.value.hint
