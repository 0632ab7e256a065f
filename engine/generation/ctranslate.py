"""The CPU runtime: CTranslate2 with int8 weights, converted once and kept as an object of the workspace."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import ctranslate2
import torch
from ctranslate2.converters import TransformersConverter
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from engine.device import Device
from engine.errors import ModelError, translated
from engine.generation.generator import Generated, Generator, never
from engine.generation.likelihood import Example, answer_log_probabilities
from engine.generation.prompt import PromptWriter
from engine.generation.unwritable import UNWRITABLE
from engine.generation.weights import load_generator, load_writer

QUANTIZATION = "int8"
# Tokens of prompts in one batch. What is read at once should stay in the processor's cache: 8,192 take twice as long a
# token. Where an answer is written too, more rows share each of its steps.
SCORED_TOKENS, WRITTEN_TOKENS = 512, 2048
CAUSAL_TOKENS = 1024  # of one generator with all cores
PROBE_QUESTION = "What does the contract say about the dose?"
PROBE_ANSWERS = ("Give 5 mg twice a day for two weeks.", "The court may decide otherwise before 1 May 2021.")
MOST_DIFFERENCE = 0.1  # of a log-probability: int8 has been within 0.03 of float32

Runtime = TypeVar("Runtime", ctranslate2.Translator, ctranslate2.Generator)


class UnconvertibleError(ModelError):
    """CTranslate2 does not know this architecture, or not with these settings."""


def convert(files: Mapping[str, bytes], scratch: Path, device: Device) -> dict[str, bytes]:
    """Return the model folder `files` in CTranslate2's form. Writes into `scratch` and leaves nothing there.

    Raises UnconvertibleError where it has no such form, or the form says something else than the model.
    """
    model, writer = load_generator(files), load_writer(files)
    probes = [(writer.prompt(PROBE_QUESTION, []), writer.target(answer)) for answer in PROBE_ANSWERS]
    with torch.inference_mode():  # before the conversion, which takes some models apart
        logs = answer_log_probabilities(model, writer, probes).split([len(target) for _, target in probes])
    expected = [float(one.sum()) for one in logs]
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        source, converted = Path(folder, "source"), Path(folder, "converted")
        source.mkdir()
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (source / name).write_bytes(files[name])
        with translated(
            UnconvertibleError,
            "The model can't be brought into the form that answers fastest.",
            hint="It answers on torch instead, more slowly.",
            # What CTranslate2 does not know, or knew in an older form.
            foreign=(ValueError, NotImplementedError, LookupError, AttributeError, TypeError),
        ):
            _InMemory(source, model).convert(str(converted), quantization=QUANTIZATION)
        made = {path.name: path.read_bytes() for path in sorted(converted.iterdir())}
    _check_agreement(open_converted(made, writer, device), probes, expected)
    return made


def open_converted(files: Mapping[str, bytes], writer: PromptWriter, device: Device) -> Generator:
    """Open what `convert` returned."""
    runtime = TranslatorGenerator if writer.kind == "seq2seq" else CausalGenerator
    return runtime(files, writer, device)


def _check_agreement(generator: Generator, probes: Sequence[Example], expected: Sequence[float]) -> None:
    """Raise UnconvertibleError unless the runtime finds each probe as likely as the model does.

    A converter may know an architecture and not a variant of it; then it writes fluent nonsense without a word.
    """
    found = generator.score([prompt for prompt, _ in probes], [target for _, target in probes])
    for exact, fast in zip(expected, found, strict=True):
        if not abs(fast - exact) <= MOST_DIFFERENCE * abs(exact):  # nan is no agreement either
            raise UnconvertibleError(
                f"In the form that answers fastest the model gives a sentence {fast:.1f} for {exact:.1f}.",
                hint="It answers on torch instead, more slowly.",
            )


class _InMemory(TransformersConverter):
    """Converts a model that is in memory already, so that weights never lie in the open on the disk."""

    def __init__(self, source: Path, model: PreTrainedModel) -> None:
        super().__init__(str(source))
        self._model = model
        self._source = source

    def load_model(self, model_class: type, model_name_or_path: str, **kwargs: Any) -> PreTrainedModel:
        # transformers 5 calls T5 tied in every case and keeps the truth in scale_decoder_outputs; CTranslate2 looks at
        # the former and would scale an untied model's outputs, which flattens every probability.
        config = self._model.config
        scaled = False if config.model_type == "mt5" else getattr(config, "scale_decoder_outputs", None)  # never mT5's
        if scaled is not None:
            config.tie_word_embeddings = scaled
        if config.model_type == "bart":  # transformers 5 has dropped what no BART ever set otherwise
            config.normalize_before = False
        return self._model

    def load_tokenizer(self, tokenizer_class: type, model_name_or_path: str, **kwargs: Any) -> PreTrainedTokenizerFast:
        return PreTrainedTokenizerFast.from_pretrained(self._source, local_files_only=True)


class TranslatorGenerator:
    """A sequence-to-sequence generator on CTranslate2."""

    def __init__(self, files: Mapping[str, bytes], writer: PromptWriter, device: Device) -> None:
        self.writer = writer
        # A step of so small a decoder is over before threads have met: one thread writes twice as fast as two, which
        # halve the reading instead by sharing out the prompts.
        self._translator = _opened(ctranslate2.Translator, files, workers=device.cores, threads=1)
        self._workers = device.cores

    def generate(
        self, prompts: Sequence[Sequence[int]], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> list[Generated]:
        """Write an answer to each prompt, greedily."""
        opening = self.writer.tokens(self.writer.answer_opening)
        results = self._translator.translate_batch(
            [self.writer.tokens(prompt) for prompt in prompts],
            target_prefix=[opening] * len(prompts) if opening else None,
            beam_size=1,
            max_decoding_length=len(opening) + max_tokens,
            max_input_length=0,  # else cut at 1,024 tokens without a word; the prompt knows its own limit
            max_batch_size=self._batch_tokens(prompts, WRITTEN_TOKENS),
            batch_type="tokens",
            return_scores=True,
            callback=lambda step: stopped(),
        )
        # The score is the mean log probability of the tokens (length_penalty 1), those of the opening counted as 0.
        answers: list[Generated] = []
        for result in results:
            tokens, mean = result.hypotheses[0][len(opening) :], result.scores[0]
            own = min(len(tokens) + 1, max_tokens)  # with the end token, where it was reached
            answers.append(Generated(_text(self.writer, tokens), math.exp(mean * (len(opening) + own) / own)))
        return answers

    def score(self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """Return the log-probability of each target, end token included, after its prompt."""
        results = self._translator.score_batch(
            [self.writer.tokens(prompt) for prompt in prompts],
            [self.writer.tokens(target[:-1]) for target in targets],  # CTranslate2 adds the end token itself
            max_input_length=0,
            max_batch_size=self._batch_tokens(prompts, SCORED_TOKENS),
            batch_type="tokens",
        )
        return [sum(result.log_probs) for result in results]

    def stream(self, prompt: Sequence[int], *, max_tokens: int, on_text: Callable[[str], None]) -> Generated:
        """Write one answer, passing on each new piece."""
        opening = self.writer.tokens(self.writer.answer_opening)
        steps = self._translator.generate_tokens(
            self.writer.tokens(prompt),
            target_prefix=opening or None,
            max_decoding_length=len(opening) + max_tokens,
            max_input_length=0,
            return_log_prob=True,
        )
        return _streamed(islice(steps, len(opening), None), self.writer, on_text)  # it repeats what was given

    def _batch_tokens(self, prompts: Sequence[Sequence[int]], most: int) -> int:
        """How large a batch may be for every worker to get one."""
        longest = max(map(len, prompts), default=1)
        return max(longest, min(most, longest * -(-len(prompts) // self._workers)))


class CausalGenerator:
    """A causal generator on CTranslate2."""

    def __init__(self, files: Mapping[str, bytes], writer: PromptWriter, device: Device) -> None:
        self.writer = writer
        self._end = writer.tokens([writer.end_id])
        self._generator = _opened(ctranslate2.Generator, files, workers=1, threads=device.cores)

    def generate(
        self, prompts: Sequence[Sequence[int]], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> list[Generated]:
        """Write an answer to each prompt, greedily."""
        results = self._generator.generate_batch(
            [self.writer.tokens(self.writer.begun(prompt)) for prompt in prompts],
            beam_size=1,
            max_length=max_tokens,
            max_batch_size=CAUSAL_TOKENS,
            batch_type="tokens",
            include_prompt_in_result=False,
            return_scores=True,
            end_token=self._end,
            callback=lambda step: stopped(),
        )
        return [Generated(_text(self.writer, result.sequences[0]), math.exp(result.scores[0])) for result in results]

    def score(self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """Return the log-probability of each target, end token included, after its prompt."""
        rows = [self.writer.tokens([*prompt, *target]) for prompt, target in zip(prompts, targets, strict=True)]
        results = self._generator.score_batch(rows, max_batch_size=CAUSAL_TOKENS, batch_type="tokens")
        return [sum(result.log_probs[-len(target) :]) for result, target in zip(results, targets, strict=True)]

    def stream(self, prompt: Sequence[int], *, max_tokens: int, on_text: Callable[[str], None]) -> Generated:
        """Write one answer, passing on each new piece."""
        steps = self._generator.generate_tokens(
            self.writer.tokens(self.writer.begun(prompt)),
            max_length=max_tokens,
            end_token=self._end,
            return_log_prob=True,
        )
        return _streamed(steps, self.writer, on_text)


def _opened(runtime: type[Runtime], files: Mapping[str, bytes], *, workers: int, threads: int) -> Runtime:
    """Open a converted model from memory: batches at the same time, and threads for each."""
    return runtime(
        "generator",
        device="cpu",
        files=dict(files),
        inter_threads=workers,
        intra_threads=threads,
        compute_type=QUANTIZATION,
    )


def _text(writer: PromptWriter, tokens: Sequence[str]) -> str:
    return writer.text(writer.ids_of(tokens))


def _streamed(steps: Any, writer: PromptWriter, on_text: Callable[[str], None]) -> Generated:
    ids: list[int] = []
    shown = ""
    total = 0.0
    for step in steps:
        total += step.log_prob or 0.0
        if step.token_id == writer.end_id:
            ids.append(step.token_id)
            break
        ids.append(step.token_id)
        text = writer.text(ids).partition(UNWRITABLE)[0]  # what comes after it is known when the answer is whole
        new = text[len(shown) :] if text.startswith(shown) else ""
        shown += new
        on_text(new)
    return Generated(writer.text(ids), math.exp(total / max(len(ids), 1)))
