"""Sketches of texts, and languages."""

from __future__ import annotations

import random

import numpy as np
import pytest

from engine.documents.language import recognise
from engine.documents.sketch import VALUES, sketch


def _text(seed: int, words: int = 400) -> list[str]:
    chosen = random.Random(seed)
    return [f"word{chosen.randrange(3000)}" for _ in range(words)]


def _similarity(one: list[str], other: list[str]) -> float:
    return float((np.frombuffer(sketch(" ".join(one)), "<u4") == np.frombuffer(sketch(" ".join(other)), "<u4")).mean())


def test_equal_values_estimate_the_runs_in_common() -> None:
    words = _text(1)
    assert _similarity(words, words) == 1.0
    assert _similarity(words, _text(2)) < 0.1
    half = words[:200] + _text(3, 200)
    assert abs(_similarity(words, half) - 1 / 3) < 0.2  # 198 of 596 runs


def test_a_short_text_has_no_sketch() -> None:
    assert sketch("too few words") == b""
    assert len(sketch(" ".join(_text(1)))) == VALUES * 4


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Mietvertrag wird auf unbestimmte Zeit geschlossen.", "de"),
        ("LE CONTRAT EST CONCLU POUR UNE DURÉE INDÉTERMINÉE ENTRE LES PARTIES.", "fr"),
        ("The patient was admitted with acute chest pain.", "en"),
        ("1,200 | 3,400 | 5,600 | 7,800 | 9,000", ""),
        ("Invoice", ""),
    ],
)
def test_a_language_is_recognised_or_left_open(text: str, language: str) -> None:
    assert recognise(text) == language
