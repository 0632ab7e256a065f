"""The runtimes: CTranslate2 says what torch says, streaming says what a batch says, probabilities are probabilities."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    Gemma2Config,
    MT5Config,
    Phi3Config,
    PhiConfig,
    PreTrainedConfig,
    SmolLM3Config,
)

from engine.device import Device
from engine.errors import Cancelled
from engine.generation.ctranslate import TranslatorGenerator, UnconvertibleError, convert, open_converted
from engine.generation.generator import Generator
from engine.generation.pytorch import TorchGenerator
from engine.generation.runtimes import load_runtime
from engine.generation.unwritable import UNWRITABLE
from engine.generation.weights import load_generator, load_writer, model_files, own_weights, with_verdict
from engine.jobs import Monitor
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR, ModelLibrary
from engine.records import Passage
from engine.session import Session

CPU = Device.detect("cpu")
PASSAGE = Passage("d:0", "d", "France", "Paris is the capital of France and lies on the Seine.", None, "", 0, 53)


def ctranslate(files: dict[str, bytes], scratch: Path) -> Generator:
    writer = load_writer(files)
    return open_converted(convert(files, scratch, CPU), writer, CPU)


@pytest.mark.parametrize("name", [DEFAULT_GENERATOR, CHAT_GENERATOR])
def test_a_stream_says_what_a_batch_says(name: str, tiny_library: ModelLibrary, tmp_path: Path) -> None:
    generator = ctranslate(tiny_library.files(name), tmp_path)
    prompts = [
        generator.writer.prompt(question, [PASSAGE]) for question in ("What is it?", "Where is the Seine, and why?")
    ]
    batch = generator.generate(prompts, max_tokens=12)
    for prompt, expected in zip(prompts, batch, strict=True):
        pieces: list[str] = []
        streamed = generator.stream(prompt, max_tokens=12, on_text=pieces.append)
        assert streamed.text == expected.text
        assert "".join(pieces).strip() == expected.text or "\ufffd" in expected.text
        assert streamed.likelihood == pytest.approx(expected.likelihood, rel=0.05)
        assert 0 < expected.likelihood <= 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [DEFAULT_GENERATOR, CHAT_GENERATOR])
def test_an_answer_is_written_after_the_verdict_and_without_it(
    name: str, tiny_library: ModelLibrary, tmp_path: Path
) -> None:
    files = with_verdict(tiny_library.files(name))
    fast, exact = ctranslate(files, tmp_path), TorchGenerator(files, load_writer(files), CPU)
    writer = fast.writer
    prompts = [writer.prompt(question, [PASSAGE]) for question in ("What is it?", "Where is the Seine, and why?")]
    assert len(writer.answer_opening) == 1 and writer.refusal not in (None, writer.target(""))
    for said, torch_said in zip(
        fast.generate(prompts, max_tokens=8), exact.generate(prompts, max_tokens=8), strict=True
    ):
        assert 0 < said.likelihood <= 1
        assert said.likelihood == pytest.approx(torch_said.likelihood, rel=0.3)  # int8 beside float32
    for generator in (fast, exact):
        pieces: list[str] = []
        streamed = generator.stream(prompts[0], max_tokens=8, on_text=pieces.append)
        (batch,) = generator.generate(prompts[:1], max_tokens=8)
        assert (streamed.text, "".join(pieces).strip()) == (batch.text, batch.text)
        assert streamed.likelihood == pytest.approx(batch.likelihood, rel=0.05)
    refused = [writer.refusal or []] * 2
    assert fast.score(prompts, refused) == pytest.approx(exact.score(prompts, refused), rel=0.03)


@pytest.mark.parametrize("name", [DEFAULT_GENERATOR, CHAT_GENERATOR])
def test_a_target_is_as_likely_on_either_runtime(name: str, tiny_library: ModelLibrary, tmp_path: Path) -> None:
    files = tiny_library.files(name)
    fast, exact = ctranslate(files, tmp_path), TorchGenerator(files, load_writer(files), CPU)
    prompts = [fast.writer.prompt(question, [PASSAGE]) for question in ("What is it?", "Where is the Seine, and why?")]
    target = fast.writer.target("On the Seine.")
    scores = fast.score(prompts, [target, target])
    assert scores == pytest.approx(exact.score(prompts, [target, target]), rel=0.02)
    assert scores == pytest.approx([fast.score([prompt], [target])[0] for prompt in prompts], rel=0.01)
    assert all(score < 0 for score in scores)


def test_a_long_prompt_is_read_to_its_end(tiny_library: ModelLibrary, tmp_path: Path) -> None:
    generator = ctranslate(tiny_library.files(DEFAULT_GENERATOR), tmp_path)
    long = generator.writer.prompt("What is it?", [PASSAGE] * 80)
    assert len(long) > 1024
    target = generator.writer.target("Paris")
    cut = [*long[:1023], long[-1]]
    assert generator.score([long], [target]) != pytest.approx(generator.score([cut], [target]), rel=1e-6)


@pytest.mark.parametrize("runtime", ["ctranslate", "torch"])
def test_writing_stops_when_asked(runtime: str, tiny_library: ModelLibrary, tmp_path: Path) -> None:
    files = tiny_library.files(DEFAULT_GENERATOR)
    writer = load_writer(files)
    generator = ctranslate(files, tmp_path) if runtime == "ctranslate" else TorchGenerator(files, writer, CPU)
    prompt = generator.writer.prompt("What is it?", [PASSAGE])
    whole = generator.generate([prompt], max_tokens=40)[0]
    asked: list[int] = []

    def after_three() -> bool:
        asked.append(1)
        return len(asked) > 3

    cut = generator.generate([prompt], max_tokens=40, stopped=after_three)[0]
    assert len(asked) <= 5 and len(cut.text) <= len(whole.text)


@pytest.mark.parametrize("runtime", ["ctranslate", "torch"])
def test_a_stream_can_be_stopped_at_a_token_that_shows_nothing(
    runtime: str, tiny_library: ModelLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = tiny_library.files(DEFAULT_GENERATOR)
    writer = load_writer(files)
    generator = ctranslate(files, tmp_path) if runtime == "ctranslate" else TorchGenerator(files, writer, CPU)
    monkeypatch.setattr(generator.writer, "text", lambda ids: UNWRITABLE)  # as of Greek, which T5 has no tokens for
    heard: list[str] = []

    def stop(text: str) -> None:
        heard.append(text)
        raise Cancelled

    with pytest.raises(Cancelled):
        generator.stream(generator.writer.prompt("What is it?", [PASSAGE]), max_tokens=40, on_text=stop)
    assert heard == [""]


@pytest.mark.slow
def test_the_converted_real_generator_says_what_torch_says_with_like_probability(
    library: ModelLibrary, tmp_path: Path
) -> None:
    files = library.files(DEFAULT_GENERATOR)
    fast, exact = ctranslate(files, tmp_path), TorchGenerator(files, load_writer(files), CPU)
    prompt = fast.writer.prompt("What is the capital of France?", [PASSAGE])
    one, other = fast.generate([prompt], max_tokens=16)[0], exact.generate([prompt], max_tokens=16)[0]
    assert one.text == other.text == "Paris"
    assert one.likelihood == pytest.approx(other.likelihood, abs=0.2)  # int8 against fp32
    assert one.likelihood > 0.5  # scaled outputs, the trap of a tied T5, would make it about 1e-4


def test_the_torch_runtime_streams_what_it_returns(tiny_library: ModelLibrary) -> None:
    for name in (DEFAULT_GENERATOR, CHAT_GENERATOR):
        files = tiny_library.files(name)
        generator = TorchGenerator(files, load_writer(files), CPU)
        pieces: list[str] = []
        written = generator.stream(generator.writer.prompt("Where?", [PASSAGE]), max_tokens=8, on_text=pieces.append)
        assert "".join(pieces).strip() == written.text or "\ufffd" in written.text


@pytest.mark.parametrize("name", [DEFAULT_GENERATOR, CHAT_GENERATOR])
def test_weights_written_and_loaded_again_are_the_same(name: str, tiny_library: ModelLibrary) -> None:
    import torch

    files = tiny_library.files(name)
    model = load_generator(files)
    with torch.no_grad():
        next(iter(model.parameters())).add_(0.5)
    again = load_generator(model_files(files, own_weights(model)))
    for (name_before, before), (name_after, after) in zip(
        model.state_dict().items(), again.state_dict().items(), strict=True
    ):
        assert name_before == name_after
        assert torch.equal(before, after)


def imported(session: Session, config: PreTrainedConfig, *, tokens_of: str, scratch: Path) -> str:
    """Import a model of this shape with drawn weights and the tokenizer of another one."""
    torch.manual_seed(0)
    mapping = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    folder = scratch / config.model_type
    mapping.from_config(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes(session.library.files(tokens_of)[name])
    return session.library.import_model(folder).name


CAUSAL = {
    "vocab_size": 49_152,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "pad_token_id": 2,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


@pytest.mark.parametrize("config", [PhiConfig(**CAUSAL), Phi3Config(**CAUSAL), SmolLM3Config(**CAUSAL)])
def test_what_the_fast_runtime_does_not_know_answers_on_torch(
    config: PreTrainedConfig, session: Session, tmp_path: Path
) -> None:
    name = imported(session, config, tokens_of=CHAT_GENERATOR, scratch=tmp_path)
    generator = load_runtime(session, name)
    assert isinstance(generator, TorchGenerator)
    prompt = generator.writer.prompt("What is it?", [PASSAGE])
    (said,) = generator.generate([prompt], max_tokens=4)
    assert 0 < said.likelihood <= 1


@pytest.mark.parametrize(
    "config",
    [
        MT5Config(vocab_size=32_128, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, decoder_start_token_id=0),
        Gemma2Config(**CAUSAL, head_dim=8),
    ],
)
def test_the_fast_form_of_other_families_says_what_torch_says(
    config: PreTrainedConfig, session: Session, tmp_path: Path
) -> None:
    tokens_of = DEFAULT_GENERATOR if config.is_encoder_decoder else CHAT_GENERATOR
    name = imported(session, config, tokens_of=tokens_of, scratch=tmp_path)
    fast, files = load_runtime(session, name), session.library.files(name)
    assert not isinstance(fast, TorchGenerator)
    exact = TorchGenerator(files, fast.writer, CPU)
    prompt, target = fast.writer.prompt("What is it?", [PASSAGE]), fast.writer.target("On the Seine.")
    assert fast.score([prompt], [target]) == pytest.approx(exact.score([prompt], [target]), rel=0.05)


def test_a_fast_form_that_says_something_else_is_not_used(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TranslatorGenerator, "score", lambda self, prompts, targets: [-1.0] * len(prompts))
    assert isinstance(load_runtime(session, DEFAULT_GENERATOR), TorchGenerator)


def test_that_a_model_has_no_fast_form_is_found_out_once(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def refuse(*given: object) -> dict[str, bytes]:
        tried.append("once more")
        raise UnconvertibleError("It has none.", hint="Torch answers.")

    monkeypatch.setattr("engine.generation.ctranslate.convert", refuse)
    for _ in range(2):
        assert isinstance(load_runtime(session, DEFAULT_GENERATOR), TorchGenerator)
    assert tried == ["once more"]
    assert session.workspace.verify(Monitor(), deep=True).ok
