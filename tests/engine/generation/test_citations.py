"""Citations: exact spans, near spans, and no span where nothing supports the sentence."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as some

from engine.generation.citations import cite
from engine.records import Passage

TEXT = "Adults take 500 mg of amoxicillin three times a day. Children under twelve take half of it. Do not exceed 3 g."


def passage(text: str = TEXT, *, start: int = 100, number: int = 0) -> Passage:
    return Passage(f"d:{number}", "d", "Dosage", text, 2, "", start, start + len(text))


def test_an_answer_that_stands_in_a_passage_is_cited_where_it_stands() -> None:
    (citation,) = cite("500 mg of Amoxicillin", [passage()])
    assert citation.quote == "500 mg of amoxicillin"
    assert (citation.start, citation.end) == (112, 133)
    assert (citation.page, citation.document_id, citation.passage_id) == (2, "d", "d:0")


def test_a_reworded_sentence_is_cited_by_the_span_that_shares_its_words() -> None:
    (citation,) = cite("Children younger than twelve take half of it.", [passage("Nothing here."), passage(number=1)])
    assert "under twelve take half of it" in citation.quote


def test_a_number_that_the_passage_does_not_have_is_not_supported() -> None:
    assert cite("Adults take 50 mg of amoxicillin three times a day.", [passage()]) == ()


def test_an_unrelated_answer_has_no_citation() -> None:
    assert cite("The contract ends in May.", [passage()]) == ()
    assert cite("", [passage()]) == ()


def test_two_sentences_have_a_citation_each_and_a_repeated_one_only_one() -> None:
    both = cite("Adults take 500 mg of amoxicillin. Do not exceed 3 g.", [passage()])
    assert len(both) == 2
    assert len(cite("Do not exceed 3 g. Do not exceed 3 g.", [passage()])) == 1


@given(
    some.text(string.ascii_letters + string.digits + " .,", min_size=0, max_size=120),
    some.integers(0, 60),
    some.integers(1, 40),
)
def test_a_quote_is_always_the_text_at_its_offsets(text: str, first: int, length: int) -> None:
    shown = passage(text)
    for citation in cite(text[first : first + length], [shown]):
        assert text[citation.start - 100 : citation.end - 100] == citation.quote
