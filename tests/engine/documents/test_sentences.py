"""Sentence ends: in each script its own, and none behind an abbreviation."""

from __future__ import annotations

import pytest

from engine.documents.sentences import sentence_ends


@pytest.mark.parametrize(
    "sentences",
    [
        ["The deputy is Dr. Özgür. ", "He is in on Mon. and Tue.\n", "Ask him!"],
        ["Die Frist, z. B. nach Art. 6 Abs. 2, beginnt bzw. endet bei Prof. Ünal. ", "Sie ruht nie."],
        ["See J. Smith et al. on this, e.g. Fig. 3 and No. 5. ", "It is approx. 3.5 mg vs. 4 mg."],
        ["Nothing applies that: ", "11.3. is developed, or; ", "11.4. is disclosed at 3.5 bar; 4.5 at most."],
        ["He has hepatitis B. ", "The tenant pays. ", "Ask Dr. The."],
        [
            "Er haftet für Schäden dieser Art. ",
            "Der Mieter zahlt am 31. März, nicht am 3. April. ",
            "Es bleiben 31. ",
            "Nie.",
        ],
        ["Он болен. ", "Врач придёт."],
        ["有效期为三年。", "儿童禁用！", "Aspirin 可以吗？"],
        ["彼は「行く。」", "と言った。"],
        ["هل هذا مسموح؟ ", "نعم."],
        ["यह शिकायत है। ", "वह नहीं है।"],
        ["Is it “at will”? ", "It ends (see below). ", "Nothing follows."],
    ],
)
def test_a_text_is_divided_at_the_ends_of_its_sentences(sentences: list[str]) -> None:
    text = "".join(sentences)
    ends = [*sentence_ends(text), len(text)]
    assert [text[start:end] for start, end in zip([0, *ends], ends, strict=False) if start < end] == sentences
