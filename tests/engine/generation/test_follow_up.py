"""Follow-up questions: what points back is completed, everything else is left as it was asked."""

from __future__ import annotations

import pytest

from engine.generation.follow_up import standalone

ASKED = ("What is the usual dose of heparin?",)


@pytest.mark.parametrize(
    ("follow_up", "completed"),
    [
        ("And for children?", "usual dose heparin: And for children?"),
        ("What are its side effects?", "usual dose heparin: What are its side effects?"),
        ("Why?", "usual dose heparin: Why?"),
        ("那儿童呢?", "usual dose heparin: 那儿童呢?"),
        ("它的副作用是什么?", "usual dose heparin: 它的副作用是什么?"),
        ("その副作用は何ですか?", "usual dose heparin: その副作用は何ですか?"),
    ],
)
def test_a_question_that_points_back_is_completed(follow_up: str, completed: str) -> None:
    assert standalone(follow_up, ASKED) == completed


@pytest.mark.parametrize(
    "question",
    [
        "What is the usual dose of insulin?",
        "Is it possible to give insulin twice a day?",
        "Which rooms of the ward have oxygen?",
        "推荐剂量是多少?",
        "其他药物有副作用吗?",
        "契約の期間はどれくらいですか?",
        "ขนาดยาที่แนะนำคือเท่าใด",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(question: str) -> None:
    assert standalone(question, ASKED) == question


def test_the_first_question_is_left_as_it_is() -> None:
    assert standalone("What are its side effects?", ()) == "What are its side effects?"


def test_a_chain_of_follow_ups_goes_back_to_the_question_that_named_the_topic() -> None:
    earlier = (*ASKED, "What are its side effects?", "How often do they occur?")
    asked = standalone("And in old people?", earlier)
    assert "heparin" in asked and "effects" in asked
    changed = standalone("And in old people?", (*earlier, "What is the price of oxygen bottles?"))
    assert "oxygen" in changed and "heparin" not in changed
