"""One interface over the runtimes: prompts in, text with its likelihood out, as a batch or streaming."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.generation.prompt import PromptWriter


def never() -> bool:
    """Nobody asks the generator to stop."""
    return False


@dataclass(frozen=True, slots=True)
class Generated:
    """What the model wrote."""

    text: str
    likelihood: float  # geometric mean of the tokens' probabilities, 0 to 1


class Generator(Protocol):
    """A loaded generator."""

    writer: PromptWriter

    def generate(
        self, prompts: Sequence[Sequence[int]], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> list[Generated]:
        """Write an answer to each prompt, greedily. `stopped` is asked at every token; once it says so, all end."""
        ...

    def score(self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """Return the log-probability of each target, end token included, after its prompt."""
        ...

    def stream(self, prompt: Sequence[int], *, max_tokens: int, on_text: Callable[[str], None]) -> Generated:
        """Write one answer, passing on what is new at each token, which may be "". What `on_text` raises ends it."""
        ...
