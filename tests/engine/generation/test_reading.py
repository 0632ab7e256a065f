"""Reading apart: passages that agree win, refusals don't speak, and what the generator doubts is read later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engine.generation.generator import Generated, never
from engine.generation.prompt import PromptWriter
from engine.generation.reading import Draft, Weighing, chosen_draft, drafted, read_apart, weighed
from engine.generation.unwritable import UNWRITABLE
from engine.generation.weights import load_writer
from engine.models.library import DEFAULT_GENERATOR, ModelLibrary
from engine.records import Hit, Passage


def hits(*scores: float) -> list[Hit]:
    return [Hit(Passage(f"d:{n}", "d", "T", "text", None, "", 0, 4), score) for n, score in enumerate(scores)]


@pytest.fixture
def writer(tiny_library: ModelLibrary) -> PromptWriter:
    return load_writer(tiny_library.files(DEFAULT_GENERATOR))


def choose(*answers: tuple[str, float], temperature: float = 0.2, trust: float = 1.0) -> Draft:
    how = Weighing(temperature, 0.3, trust)
    found = weighed(hits(0.9, 0.8, 0.7)[: len(answers)], np.array([-4.0] * len(answers)), how)
    return chosen_draft(found, [Generated(text, sure) for text, sure in answers], how)


def test_two_passages_that_nearly_agree_outweigh_the_first_one() -> None:
    draft = choose(("three weeks", 0.5), ("about 14 days", 0.5), ("14 days", 0.5), temperature=1.0)
    assert draft.text == "about 14 days"
    assert draft.agreement > 0.5
    assert [passage.id for passage in draft.read] == ["d:1", "d:0", "d:2"]


def test_with_a_low_temperature_the_first_passage_speaks_alone() -> None:
    draft = choose(("three weeks", 0.5), ("14 days", 0.5), ("14 days", 0.5), temperature=0.01)
    assert draft.text == "three weeks"


def test_a_passage_from_which_nothing_is_written_says_nothing() -> None:
    assert choose(("", 0.9), ("14 days", 0.4), ("", 0.1)).text == "14 days"


def test_where_nothing_is_written_there_is_no_draft() -> None:
    draft = choose(("", 0.9), ("", 0.8))
    assert (draft.text, draft.likelihood, draft.agreement, draft.doubt) == ("", 0.9, 0.0, -4.0)


def test_trust_lets_the_surer_answer_win() -> None:
    both = (("three weeks", 0.1), ("14 days", 0.9))
    assert choose(*both, trust=0.0).text == "three weeks"
    assert choose(*both, trust=2.0).text == "14 days"


def test_a_passage_the_generator_doubts_is_read_later() -> None:
    found = hits(0.9, 0.8, 0.2)
    refusing = np.array([3.0, -3.0, -3.0])  # the first surely doesn't answer, says the generator

    def order(how: Weighing) -> list[str]:
        return [hit.passage.id for hit in weighed(found, refusing, how)]

    assert order(Weighing(0.2, 0.5, 1.0)) == ["d:1", "d:0", "d:2"]
    assert order(Weighing(0.2, 0.0, 1.0)) == ["d:0", "d:1", "d:2"]


def test_what_was_weighed_stays_above_what_was_not_and_scores_fall() -> None:
    found = hits(0.9, 0.8, 0.7, 0.6)
    read = weighed(found, np.array([9.0, -1.0]), Weighing(0.2, 0.5, 1.0))
    assert [hit.passage.id for hit in read] == ["d:1", "d:0", "d:2", "d:3"]
    assert [hit.doubt for hit in read] == [-1.0, 9.0, None, None]
    assert [hit.score for hit in read] == sorted((hit.score for hit in read), reverse=True)
    assert read[0].score - read[1].score == pytest.approx(0.8 - 0.9 + 0.2 * 0.5 * 10)  # distances are kept
    assert weighed([], np.array([]), Weighing(0.2, 0.5, 1.0)) == []


def test_a_draft_of_one_input_knows_that_nothing_was_written(writer: PromptWriter) -> None:
    assert drafted(Generated("", 0.7), (), writer) == Draft("", 0.7, 0.0, 0.0, ())
    assert drafted(Generated("5 mg", 0.7), (), writer).agreement == pytest.approx(1.0)


class Copying:
    """A generator that has read everything and writes what it was told to."""

    def __init__(self, writer: PromptWriter, *said: Generated) -> None:
        self.writer = writer
        self._said = list(said)

    def generate(self, prompts: Sequence[Sequence[int]], **given: object) -> list[Generated]:
        assert len(prompts) == len(self._said)
        return self._said

    def score(self, prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        return [-4.0] * len(prompts)


def test_a_sign_the_tokenizer_does_not_have_is_the_passages(writer: PromptWriter) -> None:
    found = [Hit(Passage("d:0", "d", "T", "Give 5 μg daily, < 3 in all.", None, "", 0, 28), 0.9)]
    shown, how = [hit.passage for hit in found], Weighing(0.2, 0.3, 1.0)
    said = Generated(f"5 {UNWRITABLE}g daily", 0.8)
    copying = Copying(writer, said)

    assert drafted(said, shown, writer).text == "5 μg daily"
    found = weighed(found, np.array([-4.0]), how)
    (draft,) = read_apart(copying, [("How much?", found)], how, passages=1, stopped=never)  # type: ignore[arg-type]
    assert draft.text == "5 μg daily"
