"""A generator that reads nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from engine.generation.generator import Generated, never
from engine.generation.remembering import Memory, RememberingGenerator


class Counting:
    """Says of each prompt what it is, and notes what it was asked."""

    writer = None

    def __init__(self) -> None:
        self.asked: list[list[list[int]]] = []

    def generate(
        self, prompts: Sequence[Sequence[int]], *, max_tokens: int, stopped: Callable[[], bool] = never
    ) -> list[Generated]:
        self.asked.append([list(prompt) for prompt in prompts])
        return [Generated(f"{list(prompt)} in {max_tokens}", 0.5) for prompt in prompts]

    def score(self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        self.asked.append([list(prompt) for prompt in prompts])
        return [-float(sum(prompt) + 100 * sum(target)) for prompt, target in zip(prompts, targets, strict=True)]


def test_what_was_written_or_scored_is_not_asked_again_even_by_another_wrapper() -> None:
    counting, memory = Counting(), Memory()
    first, second = (RememberingGenerator(counting, memory) for _ in range(2))
    assert [one.text for one in first.generate([[1], [2], [1]], max_tokens=8)] == ["[1] in 8", "[2] in 8", "[1] in 8"]
    assert [one.text for one in second.generate([[3], [2]], max_tokens=8)] == ["[3] in 8", "[2] in 8"]
    assert [one.text for one in second.generate([[2]], max_tokens=9)] == ["[2] in 9"]
    assert counting.asked == [[[1], [2]], [[3]], [[2]]]
    counting.asked.clear()
    assert first.score([[1], [2]], [[5], [5]]) == [-501.0, -502.0]
    assert second.score([[2], [2]], [[5], [6]]) == [-502.0, -602.0]
    assert counting.asked == [[[1], [2]], [[2]]]


def test_what_was_stopped_half_way_is_not_remembered() -> None:
    counting = Counting()
    generator = RememberingGenerator(counting, Memory())
    assert len(generator.generate([[1]], max_tokens=8, stopped=lambda: True)) == 1
    generator.generate([[1]], max_tokens=8)
    assert counting.asked == [[[1]], [[1]]]


def test_a_runtime_is_not_called_for_nothing() -> None:
    counting, memory = Counting(), Memory()
    generator = RememberingGenerator(counting, memory)
    for _ in range(2):
        assert len(generator.generate([[1]], max_tokens=8)) == len(generator.score([[1]], [[2]])) == 1
    assert counting.asked == [[[1]], [[1]]]
