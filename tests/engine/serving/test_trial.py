"""The self-test of models: what works says something, what doesn't fit or compute is named, nothing raises."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from transformers import (
    BartConfig,
    BartModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    PreTrainedModel,
    RobertaConfig,
    RobertaForMaskedLM,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from engine.device import Device
from engine.errors import Cancelled, ModelError
from engine.generation.pytorch import TorchGenerator
from engine.generation.runtimes import load_runtime
from engine.generation.weights import load_writer
from engine.jobs import Monitor
from engine.models.library import CHAT_GENERATOR, DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary
from engine.serving.trial import ImportModel, try_model
from engine.session import Session
from tests.engine.training.published_folders import make_published

CPU = Device.detect("cpu")


@pytest.mark.parametrize("name", [DEFAULT_ENCODER, DEFAULT_GENERATOR, CHAT_GENERATOR])
def test_a_model_that_works_is_seen_to_work(name: str, tiny_library: ModelLibrary) -> None:
    trial = try_model(tiny_library, CPU, name, Monitor())
    assert trial.works and trial.problem == ""
    assert trial.answering_bytes < trial.training_bytes
    if name == DEFAULT_ENCODER:
        assert trial.said.startswith("cosine")


def test_a_model_that_does_not_fit_is_not_loaded(tiny_library: ModelLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Device, "free_memory_bytes", lambda self: 2**20)
        trial = try_model(tiny_library, CPU, DEFAULT_GENERATOR, Monitor())
    assert not trial.works and not trial.fits
    assert "needs" in trial.problem and "free" in trial.problem


def test_files_that_do_not_fit_together_are_a_sentence(
    tiny_library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tiny_library.files(DEFAULT_GENERATOR)
    mixed = {**files, "config.json": files["config.json"].replace(b'"d_model": 32', b'"d_model": 48')}
    assert mixed != files
    monkeypatch.setattr(ModelLibrary, "files", lambda self, name: mixed)
    trial = try_model(tiny_library, CPU, DEFAULT_GENERATOR, Monitor())
    assert not trial.works and trial.problem == f"{DEFAULT_GENERATOR} can't be run."
    assert replace(trial, works=True).fits


BERT = {"vocab_size": 30_522, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
BART = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64}


@pytest.mark.parametrize(
    ("model", "tokens_of"),
    [
        (RobertaForMaskedLM(RobertaConfig(**BERT, num_attention_heads=4)), DEFAULT_ENCODER),
        (XLMRobertaForMaskedLM(XLMRobertaConfig(**BERT, num_attention_heads=4)), DEFAULT_ENCODER),
        (
            DistilBertForMaskedLM(DistilBertConfig(vocab_size=30_522, dim=32, hidden_dim=64, n_layers=2, n_heads=4)),
            DEFAULT_ENCODER,
        ),
        (BartModel(BartConfig(**BART, vocab_size=49_152)), CHAT_GENERATOR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_published_models_are_taken_in_whatever_head_they_name(
    model: PreTrainedModel, tokens_of: str, session: Session, tmp_path: Path
) -> None:
    """As all-distilroberta-v1, multi-qa-distilbert and bart-base are."""
    model.save_pretrained(tmp_path / "published")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(session.library.folder(tokens_of) / name, tmp_path / "published" / name)
    trial = ImportModel(str(tmp_path / "published")).run(session, Monitor())
    assert trial.works and trial.problem == ""
    if tokens_of == CHAT_GENERATOR:
        assert not isinstance(load_runtime(session, "published"), TorchGenerator)  # the fast form knows it, too


def test_a_model_may_leave_it_to_its_tokenizer_which_token_ends_an_answer(session: Session, tmp_path: Path) -> None:
    folder = copied(session.library, tmp_path / "silent", CHAT_GENERATOR, eos_token_id=None)
    assert ImportModel(str(folder)).run(session, Monitor()).works
    files = session.library.files("silent")
    assert load_writer(files).end_id == load_writer(session.library.files(CHAT_GENERATOR)).end_id
    nameless = {**files, "tokenizer_config.json": b"{}"}
    with pytest.raises(ModelError, match="which token ends an answer"):
        load_writer(nameless)


def copied(library: ModelLibrary, folder: Path, name: str = DEFAULT_ENCODER, **changed: object) -> Path:
    """Write a model of the library as a person would bring it, with `changed` settings."""
    shutil.copytree(library.folder(name), folder)
    (folder / "vademecum.json").unlink()
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps(config | changed), encoding="utf-8")
    return folder


def test_an_imported_model_was_tried(session: Session, tmp_path: Path) -> None:
    trial = ImportModel(str(copied(session.library, tmp_path / "mine"))).run(session, Monitor())
    assert trial.works and trial.name == "mine" and trial.said.startswith("cosine")
    assert session.library.get("mine").trusted


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pad_token_id": "0"}, "broken can't be run."),  # StrictDataclassFieldValidationError
        ({"pad_token_id": 99999}, "broken can't be run."),  # AssertionError
        ({"num_attention_heads": 0}, "broken can't be run."),  # ZeroDivisionError
        ({"num_hidden_layers": 3}, "The model lacks 16 of its weights: encoder.layer.2."),
    ],
)
def test_a_model_that_does_not_work_is_not_taken_in(
    session: Session, tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    with pytest.raises(ModelError) as refused:
        ImportModel(str(copied(session.library, tmp_path / "broken", **changed))).run(session, Monitor())
    assert refused.value.message.startswith(said) and refused.value.hint
    assert not session.library.has("broken") and list(session.library.imported.iterdir()) == []


def test_every_part_of_a_published_checkpoint_is_tried(session: Session, tmp_path: Path) -> None:
    published = make_published(tmp_path / "rag-tiny", texts=["The Nile is a river.", "What is it? / // "])
    weights = tmp_path / "rag-tiny-ctx" / "model.safetensors"
    whole = load_file(weights)
    save_file({name: tensor for name, tensor in whole.items() if "layer.1." not in name}, weights, {"format": "pt"})
    with pytest.raises(ModelError, match="lacks 16 of its weights: ctx_encoder"):
        ImportModel(str(published)).run(session, Monitor())
    save_file(whole, weights, {"format": "pt"})
    assert ImportModel(str(published)).run(session, Monitor()).said.count("cosine") == 2


def test_a_model_too_large_for_now_is_taken_in_untried(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied(session.library, tmp_path / "mine")
    monkeypatch.setattr(Device, "free_memory_bytes", lambda self: 2**20)
    trial = ImportModel(str(folder)).run(session, Monitor())
    assert not trial.fits and "needs" in trial.problem
    assert session.library.has("mine")


def test_a_cancelled_import_changes_nothing(session: Session, tmp_path: Path) -> None:
    monitor = Monitor()
    monitor.listen = lambda event: monitor.cancel()
    with pytest.raises(Cancelled):
        ImportModel(str(copied(session.library, tmp_path / "mine"))).run(session, monitor)
    assert len(session.library.list()) == 3


def test_an_unknown_model_is_an_error(tiny_library: ModelLibrary) -> None:
    with pytest.raises(ModelError):
        try_model(tiny_library, CPU, "nobody", Monitor())
