"""A generator that reads nothing twice: several retrievals of one question bring mostly the same passages."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from engine.generation.generator import Generated, Generator, never

Key = tuple[bytes, ...]
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Memory:
    """What a generator said; it outlives the loaded model."""

    written: dict[Key, Generated] = field(default_factory=dict)
    scored: dict[Key, float] = field(default_factory=dict)


class RememberingGenerator:
    """Passes on to another generator what that was not asked before, and remembers what it said."""

    def __init__(self, generator: Generator, memory: Memory) -> None:
        self._generator = generator
        self.writer = generator.writer
        self._memory = memory

    def generate(
        self, prompts: Sequence[Sequence[int]], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> list[Generated]:
        """Write an answer to each prompt, greedily; what was stopped half-way is not remembered."""
        keys = [_key(prompt, [max_tokens]) for prompt in prompts]
        held = self._memory.written
        new = _first_places(keys, held)
        asked = [prompts[place] for place in new]
        said = self._generator.generate(asked, max_tokens=max_tokens, stopped=stopped) if asked else []
        written = {keys[place]: one for place, one in zip(new, said, strict=True)}
        if not stopped():
            held.update(written)
        return [written[key] if key in written else held[key] for key in keys]

    def score(self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        """Return the log-probability of each target, end token included, after its prompt."""
        keys = [_key(prompt, target) for prompt, target in zip(prompts, targets, strict=True)]
        held = self._memory.scored
        new = _first_places(keys, held)
        asked = [prompts[place] for place in new]
        scored = self._generator.score(asked, [targets[place] for place in new]) if asked else []
        held.update((keys[place], one) for place, one in zip(new, scored, strict=True))
        return [held[key] for key in keys]

    def stream(self, prompt: Sequence[int], *, max_tokens: int, on_text: Callable[[str], None]) -> Generated:
        """Write one answer, passing on each new piece; always anew."""
        return self._generator.stream(prompt, max_tokens=max_tokens, on_text=on_text)


def _key(*tokens: Sequence[int]) -> Key:
    return tuple(array("i", one).tobytes() for one in tokens)


def _first_places(keys: Sequence[Key], known: dict[Key, Value]) -> list[int]:
    """Return where each key that is not known stands first."""
    first: dict[Key, int] = {}
    for place, key in enumerate(keys):
        if key not in known:
            first.setdefault(key, place)
    return list(first.values())
