"""Decoding over passages read one by one (Lewis et al. 2020, § 2.4): RAG-Sequence and RAG-Token."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from transformers import PreTrainedModel

from engine.generation.generator import Generated, Generator, never
from engine.generation.prompt import PromptWriter
from engine.generation.pytorch import padded_prompts
from engine.records import Passage


class MarginalReader(Protocol):
    """Answers each question from its passages, each read alone and weighed by its prior."""

    def read(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        priors: Sequence[np.ndarray],
        *,
        max_tokens: int,
        stopped: Callable[[], bool] = never,
    ) -> list[Generated]:
        """`priors` are log-probabilities, one a passage. The likelihood is the marginal one, a token's.

        `stopped` is asked at every token; once it says so, all end, and what is returned are no answers.
        """
        ...


class SequenceReader:
    """RAG-Sequence: the greedy answer of each passage, each distinct one scored under all of them."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def read(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        priors: Sequence[np.ndarray],
        *,
        max_tokens: int,
        stopped: Callable[[], bool] = never,
    ) -> list[Generated]:
        """Write and score all questions' answers in two batches."""
        writer = self._generator.writer
        prompts = [
            [writer.prompt(question, [passage]) for passage in shown]
            for question, shown in zip(questions, passages, strict=True)
        ]
        flat = [one for group in prompts for one in group]
        written = iter(self._generator.generate(flat, max_tokens=max_tokens, stopped=stopped))
        if stopped():
            return [Generated("", 0.0)] * len(prompts)
        answers = [list(dict.fromkeys(next(written).text for _ in group)) for group in prompts]
        pairs = [
            (prompt, writer.target(answer))
            for group, candidates in zip(prompts, answers, strict=True)
            for answer in candidates
            for prompt in group
        ]
        scored = iter(self._generator.score([prompt for prompt, _ in pairs], [target for _, target in pairs]))
        chosen: list[Generated] = []
        for group, candidates, prior in zip(prompts, answers, priors, strict=True):
            totals = [float(np.logaddexp.reduce(prior + np.array([next(scored) for _ in group]))) for _ in candidates]
            best = int(np.argmax(totals)) if totals else 0
            text = candidates[best] if candidates else ""
            length = len(writer.target(text))
            chosen.append(Generated(text, math.exp(totals[best] / length) if totals else 0.0))
        return chosen


class TokenReader:
    """RAG-Token: one answer, each token the likeliest under the mixture of all passages, their caches in step."""

    def __init__(self, model: PreTrainedModel, writer: PromptWriter) -> None:
        self._model = model
        self._writer = writer

    def read(
        self,
        questions: Sequence[str],
        passages: Sequence[Sequence[Passage]],
        priors: Sequence[np.ndarray],
        *,
        max_tokens: int,
        stopped: Callable[[], bool] = never,
    ) -> list[Generated]:
        """Answer one question after the other."""
        return [
            self._answer(
                [self._writer.prompt(question, [one]) for one in shown], torch.from_numpy(prior), max_tokens, stopped
            )
            for question, shown, prior in zip(questions, passages, priors, strict=True)
        ]

    def _answer(
        self, prompts: list[list[int]], prior: torch.Tensor, max_tokens: int, stopped: Callable[[], bool]
    ) -> Generated:
        if not prompts or stopped():
            return Generated("", 0.0)
        device = self._model.device
        prior = prior.to(device).float().unsqueeze(1)  # (K, 1)
        ids, mask = padded_prompts(prompts, self._writer)
        ids, mask = ids.to(device), mask.to(device)
        written: list[int] = []
        total = 0.0
        with torch.inference_mode():
            state: dict[str, Any] = {"attention_mask": mask}
            if self._writer.kind == "seq2seq":
                state["encoder_outputs"] = self._model.get_encoder()(input_ids=ids, attention_mask=mask)
                start = [self._model.config.decoder_start_token_id, *self._writer.answer_opening]
                step = {"decoder_input_ids": torch.tensor([start] * len(prompts), device=device)}
            else:
                step = {"input_ids": ids, "position_ids": (mask.cumsum(1) - 1).clamp(min=0)}
            while len(written) < max_tokens and not stopped():
                output = self._model(**state, **step, use_cache=True)
                logs = output.logits[:, -1].float().log_softmax(-1)  # (K, V)
                mixed = (prior + logs).logsumexp(0)  # (V,)
                token = int(mixed.argmax())
                total += float(mixed[token])
                written.append(token)
                if token == self._writer.end_id:
                    break
                state["past_key_values"] = output.past_key_values
                following = torch.full((len(prompts), 1), token, device=device)
                if self._writer.kind == "seq2seq":
                    step = {"decoder_input_ids": following}
                else:
                    state["attention_mask"] = torch.cat([state["attention_mask"], torch.ones_like(following)], dim=1)
                    step = {"input_ids": following, "position_ids": state["attention_mask"].sum(1, keepdim=True) - 1}
        return Generated(self._writer.text(written), math.exp(total / max(len(written), 1)))
