"""Signs without a token: taken from where the text around them is most alike, or left out."""

from __future__ import annotations

import re

import pytest

from engine.generation.unwritable import UNWRITABLE, restored


def pieces(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in re.finditer(r"[^\x00-\x7f<~]+|[<~]", text)]


@pytest.mark.parametrize(
    ("written", "passages", "text"),
    [
        ("5 ?l of buffer", ["Add 5 μl of buffer."], "5 μl of buffer"),
        ("?5 mg", ["Take ≥5 mg at noon.", "Take <5 mg at night."], "≥5 mg"),
        ("?5 mg at night", ["Take ≥5 mg at noon.", "Take <5 mg at night."], "<5 mg at night"),
        ("the ?-chain and the ?-chain", ["the α-chain and\nthe β-chain"], "the α-chain and the β-chain"),
        ("type ??", ["type β, not α"], "type β"),
        ("dose ? 3 g", ["nothing of the kind"], "dose 3 g"),
        ("quite ?other", ["5 μl of buffer"], "quite other"),
        ("?", ["5 μl"], ""),
        ("5 mg", ["5 μg"], "5 mg"),
    ],
)
def test_the_sign_comes_from_the_place_that_was_copied(written: str, passages: list[str], text: str) -> None:
    assert restored(written.replace("?", UNWRITABLE), passages, pieces) == text


def test_a_text_of_unknown_words_takes_no_time() -> None:
    words = " ".join(["слово"] * 400)
    written = " ".join([UNWRITABLE] * 250)
    assert UNWRITABLE not in restored(f"The {written} 5", [f"The {words} 5"], pieces)
