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
    ("asked", "follow_up", "completed"),
    [
        ("Wie hoch ist die Dosis von Heparin?", "Und für Kinder?", "hoch die Dosis Heparin: Und für Kinder?"),
        ("Was kostet Heparin?", "Was sind seine Nebenwirkungen?", "kostet Heparin: Was sind seine Nebenwirkungen?"),
        ("Quelle est la dose de codéine ?", "Et pour les enfants ?", "dose codéine: Et pour les enfants ?"),
        ("Quelle est la dose de codéine ?", "Quels sont ses effets ?", "dose codéine: Quels sont ses effets ?"),
        ("¿Cuál es la dosis de heparina?", "¿Y para niños?", "dosis heparina: ¿Y para niños?"),
        ("¿Cuál es la dosis de heparina?", "¿Por qué?", "dosis heparina: ¿Por qué?"),
        ("Qual è la dose di eparina?", "E per i bambini?", "dose eparina: E per i bambini?"),
    ],
)
def test_it_points_back_in_other_languages_too(asked: str, follow_up: str, completed: str) -> None:
    assert standalone(follow_up, (asked,)) == completed


@pytest.mark.parametrize(
    "question",
    [
        "What is the usual dose of insulin?",
        "Is it possible to give insulin twice a day?",
        "Which rooms of the ward have oxygen?",
        "When do patients die?",
        "Who can sue the landlord for damages?",
        "Wie lange ist die Kündigungsfrist?",
        "Wer haftet für Schäden am Gebäude?",
        "Quelle est la durée du bail ?",
        "¿Cuál es el plazo de preaviso?",
        "Qual è il termine di preavviso?",
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
