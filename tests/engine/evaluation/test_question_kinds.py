"""Kinds of questions, in the languages that departments write."""

from __future__ import annotations

import pytest

from engine.evaluation.question_kinds import kind_of


@pytest.mark.parametrize(
    ("question", "language", "kind"),
    [
        ("In adults, how many doses are given?", "en", "how many"),
        ("Was the consent signed?", "en", "yes or no"),
        ("Was ist die Höchstdosis?", "de", "was"),
        ("Dürfen Angehörige Auskunft erhalten?", "de", "yes or no"),
        ("Nach welchem Zeitraum verjährt der Anspruch?", "de", "welchem"),
        ("Qu'est-ce que la clause de réserve ?", "fr", "qu'est-ce que"),
        ("Est-ce que le délai court ?", "fr", "yes or no"),
        ("¿Cuántas dosis se dan?", "es", "cuántas"),
        ("¿Puede el paciente negarse?", "es", "yes or no"),
        ("Hoeveel dagen duurt de opname?", "nl", "hoeveel"),
        ("Name the parties.", "en", "other"),
        ("What is ψ?", "el", "what"),
    ],
)
def test_a_question_is_known_by_its_question_word(question: str, language: str, kind: str) -> None:
    assert kind_of(question, language) == kind
