"""Citations and support: worked examples, edges, and span scores against sets of characters counted one by one."""

from __future__ import annotations

import doctest
import random

import pytest

from engine.evaluation import grounding
from engine.evaluation.metrics import wrong_document_at


def test_the_worked_examples_in_the_docstrings_are_right() -> None:
    found = doctest.testmod(grounding)

    assert found.attempted >= 5
    assert found.failed == 0


def test_span_scores_equal_counting_character_by_character() -> None:
    source = random.Random(3)
    for _ in range(500):
        (a, b), (c, d), (e, f) = (sorted(source.sample(range(60), 2)) for _ in range(3))
        said = [a <= place < b or c <= place < d for place in range(60)]
        gold = [e <= place < f for place in range(60)]
        both = sum(one and other for one, other in zip(said, gold, strict=True))
        precision, recall = both / sum(said), both / sum(gold)
        expected = 2 * precision * recall / (precision + recall) if both else 0.0

        found = grounding.span_scores([("x", a, b), ("x", c, d)], [[("x", e, f)]])

        assert found == pytest.approx((precision if both else 0.0, recall if both else 0.0, expected), abs=1e-9)


def test_the_same_place_in_another_document_is_another_place() -> None:
    assert grounding.span_scores([("a", 0, 5)], [[("b", 0, 5)]]) == (0.0, 0.0, 0.0)
    assert grounding.span_scores([], [[("b", 0, 5)]]) == (0.0, 0.0, 0.0)


def test_the_best_alternative_counts() -> None:
    assert grounding.span_scores([("a", 0, 5)], [[("a", 90, 95)], [("a", 0, 5)]]) == (1.0, 1.0, 1.0)


def test_an_answer_that_is_not_in_the_evidence_leaves_the_evidence_whole() -> None:
    assert grounding.answer_spans(["nowhere", " "], [("d", 10, "Take it daily.")]) == [[("d", 10, 24)]]


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("two years", 1.0),
        ("three years", 0.0),
        ("The duty of confidentiality lasts for two years after the end", 1.0),
        ("The duty of confidentiality lasts for 3 years after the end", 0.0),  # the number is not there
        ("", None),
        ("...", None),
        ("two years. Bananas are yellow and sweet.", 0.5),
    ],
)
def test_support(answer: str, share: float | None) -> None:
    passage = "The duty of confidentiality lasts for two years after the end of the contract."

    assert grounding.support(answer, ["Something else.", passage]) == share


@pytest.mark.parametrize(
    ("answer", "share"),
    [
        ("每日剂量不得超过4000毫克。", 1.0),
        ("每日剂量不得超过8000毫克。", 0.0),
        ("由Dr. Wáng批准。每日剂量不得超过4000毫克。".replace("á", "a\u0301"), 1.0),
        ("猫喜欢鱼。每日剂量不得超过4000毫克。", 0.5),
    ],
)
def test_support_where_no_spaces_show_words(answer: str, share: float) -> None:
    assert grounding.support(answer, ["阿司匹林片每日剂量不得超过4000毫克,由Dr. Wáng批准。"]) == share


@pytest.mark.parametrize(
    ("answer", "passage", "share"),
    [
        ("5.0 mg", "50 mg", 0.0),
        ("1,200 patients", "1200 patients", 1.0),
        ("-5 °C", "5 °C", 0.0),
        ("COVID-19", "sars 19", 1.0),
        ("1-2 days", "1-2 days", 1.0),
        ("no number", "7", None),
    ],
)
def test_numbers_covered(answer: str, passage: str, share: float | None) -> None:
    assert grounding.numbers_covered(answer, [passage]) == share


def test_nothing_retrieved_is_the_wrong_document() -> None:
    assert wrong_document_at([], {"a"}, k=5) == 1.0
    assert wrong_document_at(["a", "b", "a"], {"a"}, k=5) == pytest.approx(1 / 3)
