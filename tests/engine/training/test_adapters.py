"""Large causal models are tuned by adapters: chosen by size, resumed, merged into an ordinary model at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.errors import Cancelled
from engine.generation.weights import load_generator, own_weights
from engine.jobs import Event, Measured, Monitor, Progress
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR, ModelLibrary
from engine.models.memory import LORA_ABOVE, takes_adapters, training_bytes
from engine.serving.job import AnswerQuestion
from engine.session import Session
from engine.training import generator_stage
from engine.training.adapters import add_adapters, merge_adapters
from engine.training.job import Train
from tests.engine.training.test_train_job import fill

ADAPTED = Train("generator", CHAT_GENERATOR, epochs=2, batch_size=4)


@pytest.fixture
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.models.memory.LORA_ABOVE", 1000)


def test_only_large_causal_models_take_adapters() -> None:
    assert takes_adapters("causal", LORA_ABOVE + 1)
    assert not takes_adapters("causal", LORA_ABOVE)
    assert not takes_adapters("seq2seq", 10 * LORA_ABOVE)
    assert training_bytes("causal", 2 * LORA_ABOVE) < training_bytes("seq2seq", 2 * LORA_ABOVE)


def test_a_model_within_the_size_is_trained_whole(tiny_library: ModelLibrary) -> None:
    model = load_generator(tiny_library.files(CHAT_GENERATOR))
    assert add_adapters(model, seed=0) is None
    assert all(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.usefixtures("everything_is_large")
def test_merged_adapters_answer_as_they_did_apart_under_the_old_names(tiny_library: ModelLibrary) -> None:
    model = load_generator(tiny_library.files(CHAT_GENERATOR))
    before = {name: tensor.clone() for name, tensor in own_weights(model).items()}
    ids = torch.arange(5, 25).unsqueeze(0)
    plain = model(input_ids=ids).logits
    adapters = add_adapters(model, seed=0)
    torch.testing.assert_close(model(input_ids=ids).logits, plain)  # nothing changes before the first step
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert 0 < sum(map(torch.numel, learnt)) < model.num_parameters()
    with torch.no_grad():
        for parameter in learnt:
            parameter.add_(0.05)
        apart = model(input_ids=ids).logits
        merge_adapters(adapters)
        torch.testing.assert_close(model(input_ids=ids).logits, apart, atol=1e-4, rtol=1e-4)
    after = own_weights(model)
    assert after.keys() == before.keys()
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert changed == {name for name in before if name.endswith("_proj.weight")}


@pytest.mark.usefixtures("everything_is_large")
def test_an_encoder_decoder_is_always_trained_whole(tiny_library: ModelLibrary) -> None:
    assert add_adapters(load_generator(tiny_library.files(DEFAULT_GENERATOR)), seed=0) is None


@pytest.mark.usefixtures("everything_is_large")
def test_a_cancelled_training_of_adapters_is_resumed_and_answers(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generator_stage, "answered", lambda *_: {"f1": -1.0})  # the run in use: any other is kept
    fill(session, tmp_path / "files")
    monitor = Monitor()
    heard: list[Event] = []

    def cancel_at_three(event: Event) -> None:
        heard.append(event)
        if isinstance(event, Measured) and "generator/train_loss" in event.values and event.step == 3:
            monitor.cancel()

    monitor.listen = cancel_at_three
    with pytest.raises(Cancelled):
        ADAPTED.run(session, monitor)
    assert any(isinstance(event, Progress) and "LoRA" in event.stage for event in heard)
    (stopped,) = session.workspace.runs.list()
    kept = session.workspace.runs.latest_checkpoint(stopped.id, stage="generator")
    assert kept is not None and kept.step == 3
    model = load_generator(session.model_files(CHAT_GENERATOR))
    assert b"lora_A" in session.workspace.objects.read(kept.digest)
    assert b"embed_tokens" not in session.workspace.objects.read(kept.digest)  # what is frozen is not written again
    resumed: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, Measured) and "generator/train_loss" in event.values:
            resumed.append(event.step)

    run = Train(resume=stopped.id).run(session, Monitor(listen=note))
    assert resumed[0] == 4 and run.kept and run.state == "finished"
    tuned = session.model_files(run.generator)
    assert load_generator(tuned).num_parameters() == model.num_parameters()
    assert AnswerQuestion("What is the usual dose of heparin?", run_name=run.id).run(session, Monitor()).run == run.id
