"""How chat models mark who speaks: whose turn it is, by control tokens that documents can't write.

A tokenizer is known by its own marker. A model's folder brings a template for this too, but that is a program.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turns:
    """The instruction's and the question's turn, piece by piece: names of control tokens, and text between them."""

    marker: str  # a control token that only this form has
    opening: tuple[str, ...]  # up to the passages; {} is the instruction
    closing: tuple[str, ...]  # after the question, up to the answer
    end: str  # the control token that ends an answer


FORMS = (
    Turns(  # ChatML: SmolLM2, Qwen
        "<|im_start|>",
        ("<|im_start|>", "system\n{}", "<|im_end|>", "\n", "<|im_start|>", "user\n"),
        ("<|im_end|>", "\n", "<|im_start|>", "assistant\n"),
        "<|im_end|>",
    ),
    Turns(  # Llama 3
        "<|start_header_id|>",
        (
            *("<|begin_of_text|>", "<|start_header_id|>", "system", "<|end_header_id|>", "\n\n{}", "<|eot_id|>"),
            *("<|start_header_id|>", "user", "<|end_header_id|>", "\n\n"),
        ),
        ("<|eot_id|>", "<|start_header_id|>", "assistant", "<|end_header_id|>", "\n\n"),
        "<|eot_id|>",
    ),
    Turns(  # Gemma has no turn for instructions
        "<start_of_turn>",
        ("<bos>", "<start_of_turn>", "user\n{}\n"),
        ("<end_of_turn>", "\n", "<start_of_turn>", "model\n"),
        "<end_of_turn>",
    ),
    Turns(  # Phi 3
        "<|assistant|>",
        ("<|system|>", "\n{}", "<|end|>", "\n", "<|user|>", "\n"),
        ("<|end|>", "\n", "<|assistant|>", "\n"),
        "<|end|>",
    ),
    Turns("[INST]", ("<s>", "[INST]", " {}\n"), ("[/INST]",), "</s>"),  # Mistral
)


def turns_of(control_tokens: Collection[str]) -> Turns | None:
    """Return the form whose control tokens a tokenizer has, None for a model that was not made for chat."""
    for form in FORMS:
        named = {piece for piece in (*form.opening, *form.closing, form.end) if piece[0] in "<[" and piece[-1] in ">]"}
        if form.marker in control_tokens and named <= set(control_tokens):
            return form
    return None
