"""The self-test of models: what works says something, what doesn't fit or compute is named, nothing raises."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.device import Device
from engine.errors import ModelError
from engine.jobs import Monitor
from engine.models.library import CHAT_GENERATOR, DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary
from engine.serving.trial import try_model

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


def test_an_unknown_model_is_an_error(tiny_library: ModelLibrary) -> None:
    with pytest.raises(ModelError):
        try_model(tiny_library, CPU, "nobody", Monitor())
