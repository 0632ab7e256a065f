"""How likely a generator finds an answer: the log-probability of each of its tokens, with gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from engine.generation.prompt import PromptWriter
from engine.retrieval.encoder import padded

LENGTH_STEP = 32  # rows are padded to its multiples

Example = tuple[list[int], list[int]]  # ids of the prompt and of the target


def answer_log_probabilities(model: PreTrainedModel, writer: PromptWriter, batch: Sequence[Example]) -> torch.Tensor:
    """Return the log-probability of each token of each answer, one answer after the other, a tensor of shape (N,)."""
    if writer.kind == "seq2seq":
        ids, mask = padded([prompt for prompt, _ in batch], writer.end_id, step=LENGTH_STEP)
        labels, answered = padded([target for _, target in batch], writer.end_id, step=LENGTH_STEP)
        start = torch.full((len(batch), 1), model.config.decoder_start_token_id)
        inputs = {
            "input_ids": ids,
            "attention_mask": mask,
            "decoder_input_ids": torch.cat([start, labels[:, :-1]], dim=1),
        }
        predicting = answered.bool()  # (B, T): position t predicts the answer's token t
    else:
        ids, mask = padded([[*prompt, *target] for prompt, target in batch], writer.end_id, step=LENGTH_STEP)
        inputs = {"input_ids": ids, "attention_mask": mask}
        # (B, L): the position before each of the answer's tokens
        predicting = torch.zeros_like(mask, dtype=torch.bool)
        for row, (prompt, target) in enumerate(batch):
            predicting[row, len(prompt) - 1 : len(prompt) + len(target) - 1] = True
    wanted = torch.tensor([token for _, target in batch for token in target], device=model.device)  # (N,)
    with _head_only_at(model, predicting.to(model.device)):
        logits = model(**{name: tensor.to(model.device) for name, tensor in inputs.items()}, use_cache=False).logits
    return -torch.nn.functional.cross_entropy(logits.reshape(len(wanted), -1).float(), wanted, reduction="none")


@contextmanager
def _head_only_at(model: PreTrainedModel, positions: torch.Tensor) -> Iterator[None]:
    """Pass only the hidden states at `positions`, a mask of shape (B, T), through the vocabulary-wide head.

    It is the larger half of a small model's work, and answers are a small part of what is read.
    """
    hook = model.get_output_embeddings().register_forward_pre_hook(
        lambda head, inputs: (inputs[0][positions].unsqueeze(0),)
    )
    try:
        yield
    finally:
        hook.remove()
