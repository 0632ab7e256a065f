"""The CUDA runtime, and the CPU's for models that have no faster form: as trained, in bf16 where the card has it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from transformers.generation.stopping_criteria import StoppingCriteria, StoppingCriteriaList
from transformers.generation.streamers import BaseStreamer

from engine.device import Device
from engine.generation.generator import Generated, never
from engine.generation.likelihood import answer_log_probabilities
from engine.generation.prompt import PromptWriter
from engine.generation.unwritable import UNWRITABLE
from engine.generation.weights import load_generator
from engine.retrieval.encoder import length_buckets

BATCH_TOKENS = {"cpu": 4096, "cuda": 65_536}  # of prompts, read at once


class TorchGenerator:
    """A generator on torch, sequence-to-sequence or causal."""

    def __init__(self, files: Mapping[str, bytes], writer: PromptWriter, device: Device) -> None:
        self.writer = writer
        self._device = device.kind
        half = device.kind == "cuda" and torch.cuda.is_bf16_supported()
        self._model = load_generator(files).to(device=device.kind, dtype=torch.bfloat16 if half else torch.float32)

    def generate(
        self, prompts: Sequence[Sequence[int]], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> list[Generated]:
        """Write an answer to each prompt, greedily."""
        answers: list[Generated] = []
        longest = max((len(prompt) for prompt in prompts), default=1)
        rows = max(1, BATCH_TOKENS[self._device] // longest)
        for start in range(0, len(prompts), rows):
            answers += self._generate(
                prompts[start : start + rows], max_tokens=max_tokens, streamer=None, stopped=stopped
            )
        return answers

    def score(self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """Return the log-probability of each target, end token included, after its prompt."""
        examples = [(list(prompt), list(target)) for prompt, target in zip(prompts, targets, strict=True)]
        scores = [0.0] * len(examples)
        with torch.inference_mode():
            lengths = [len(prompt) + len(target) for prompt, target in examples]
            for rows in length_buckets(lengths, BATCH_TOKENS[self._device]):
                found = answer_log_probabilities(self._model, self.writer, [examples[row] for row in rows])
                for row, values in zip(rows, found.split([len(examples[row][1]) for row in rows]), strict=True):
                    scores[row] = float(values.sum())
        return scores

    def stream(self, prompt: Sequence[int], *, max_tokens: int, on_text: Callable[[str], None]) -> Generated:
        """Write one answer, passing on each new piece."""
        # The streamer is first shown what the model goes on from.
        skipped = len(self.writer.answer_opening) + (len(prompt) if self.writer.kind == "causal" else 1)
        return self._generate(
            [prompt], max_tokens=max_tokens, streamer=_Streamer(self.writer, on_text, skipped), stopped=never
        )[0]

    def _generate(
        self,
        prompts: Sequence[Sequence[int]],
        *,
        max_tokens: int,
        streamer: BaseStreamer | None,
        stopped: Callable[[], bool],
    ) -> list[Generated]:
        ids, mask = padded_prompts(prompts, self.writer)
        begun: dict[str, torch.Tensor] = {}
        if self.writer.kind == "seq2seq":
            start = [self._model.config.decoder_start_token_id, *self.writer.answer_opening]
            begun["decoder_input_ids"] = torch.tensor([start] * len(prompts), device=self._device)
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=ids.to(self._device),
                attention_mask=mask.to(self._device),
                **begun,
                do_sample=False,
                num_beams=1,
                max_new_tokens=max_tokens,
                eos_token_id=self.writer.end_id,
                pad_token_id=self.writer.end_id,
                output_scores=True,
                return_dict_in_generate=True,
                streamer=streamer,
                stopping_criteria=StoppingCriteriaList([_Stopping(stopped)]),
            )
        written = output.sequences[:, -len(output.scores) :].cpu()  # (B, T)
        steps = torch.stack(output.scores, dim=1).float().log_softmax(-1).cpu()  # (B, T, V)
        chosen = steps.gather(-1, written.unsqueeze(-1)).squeeze(-1)  # (B, T)
        answers: list[Generated] = []
        for row, logs in zip(written.tolist(), chosen.tolist(), strict=True):
            end = row.index(self.writer.end_id) + 1 if self.writer.end_id in row else len(row)
            answers.append(Generated(self.writer.text(row[:end]), math.exp(sum(logs[:end]) / max(end, 1))))
        return answers


def padded_prompts(prompts: Sequence[Sequence[int]], writer: PromptWriter) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask, both (B, L). A causal model goes on where the row ends, so its rows are padded on the left;
    BART's encoder counts positions from the first, so a sequence-to-sequence model's are padded on the right."""
    prompts = [writer.begun(prompt) for prompt in prompts] if writer.kind == "causal" else prompts
    length = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), length), writer.end_id)
    mask = torch.zeros((len(prompts), length), dtype=torch.long)
    for row, prompt in enumerate(prompts):
        first = length - len(prompt) if writer.kind == "causal" else 0
        ids[row, first : first + len(prompt)] = torch.tensor(prompt)
        mask[row, first : first + len(prompt)] = 1
    return ids, mask


class _Stopping(StoppingCriteria):
    """Ends every answer of the batch once the person asks for it."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **given: object) -> torch.Tensor:
        return torch.full((len(input_ids),), self._stopped(), dtype=torch.bool, device=input_ids.device)


class _Streamer(BaseStreamer):
    """Decodes what has been written so far at each token and passes on what is new."""

    def __init__(self, writer: PromptWriter, on_text: Callable[[str], None], skipped: int) -> None:
        self._writer = writer
        self._on_text = on_text
        self._skipped = skipped
        self._ids: list[int] = []
        self._shown = ""

    def put(self, value: torch.Tensor) -> None:
        self._ids += value.reshape(-1).tolist()
        text = self._writer.text(self._ids[self._skipped :]).partition(UNWRITABLE)[0]
        new = text[len(self._shown) :] if text.startswith(self._shown) else ""
        self._shown += new
        self._on_text(new)

    def end(self) -> None:
        """Nothing is held back."""
