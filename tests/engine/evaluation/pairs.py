"""Pairs of a prediction and accepted answers, generated from a seed: alike, equal, empty, with numbers and negation."""

from __future__ import annotations

import random

_WORDS = """
    the a an dose of 5.0 50 mg 1-2 12 -5 % not no approved virus HIV-1 mother-to-child transmission, (MTCT) is 3.7×10
    children. infection; “quoted” don't 1,200 1200 p<0.05 µg/mL vitamin A contract Art. 5(2) naïve Ärzte - – ? word
""".split()  # noqa: SIM905 - forty words read better as prose


def generated_pairs(count: int, *, seed: int) -> list[tuple[str, list[str]]]:
    """Return `count` pairs of a prediction and one to three accepted answers."""
    source = random.Random(seed)
    pairs: list[tuple[str, list[str]]] = []
    for _ in range(count):
        answers = [_text(source, source.randint(1, 12)) for _ in range(source.randint(1, 3))]
        kind = source.random()
        if kind < 0.2:
            prediction = source.choice(answers)
        elif kind < 0.5:
            words = source.choice(answers).split()
            words[source.randrange(len(words))] = source.choice(_WORDS)
            prediction = " ".join(words).upper() if source.random() < 0.3 else " ".join(words)
        elif kind < 0.55:
            prediction = ""
        else:
            prediction = _text(source, source.randint(1, 15))
        pairs.append((prediction, answers))
    return pairs


def _text(source: random.Random, length: int) -> str:
    return " ".join(source.choice(_WORDS) for _ in range(length))
