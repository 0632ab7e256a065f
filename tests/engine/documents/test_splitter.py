"""Documents become passages."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from engine.documents.splitter import split, split_many
from engine.models.library import DEFAULT_ENCODER, ModelLibrary
from engine.records import Document, Heading, Passage

SENTENCE = "The agreement ends on the last day of the month in which notice was given. "


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    own = Tokenizer.from_str(ModelLibrary.default().tokenizer(DEFAULT_ENCODER).to_str())
    own.no_truncation()
    own.no_padding()
    return own


def _document(text: str, *, page_starts: tuple[int, ...] = (), headings: tuple[Heading, ...] = ()) -> Document:
    return Document(
        id="d", title="T", path="", digest="", kind="txt", text=text, page_starts=page_starts, headings=headings
    )


def _token_count(tokenizer: Tokenizer, text: str) -> int:
    return len(tokenizer.encode(text, add_special_tokens=False))


def _assert_sound(document: Document, passages: tuple[Passage, ...], tokenizer: Tokenizer, max_tokens: int) -> None:
    for passage in passages:
        assert document.text[passage.start : passage.end] == passage.text
        assert passage.text.strip() == passage.text != ""
        assert _token_count(tokenizer, passage.text) <= max_tokens or len(passage.text) == 1
        assert passage.id == f"d:{passage.start}"
    for one, other in pairwise(passages):
        assert one.end <= other.start
    assert "".join("".join(passage.text for passage in passages).split()) == "".join(document.text.split())


words = st.one_of(
    st.text(alphabet="abcdefgh", min_size=1, max_size=12),
    st.text(min_size=1, max_size=6),
    st.sampled_from(
        ["Dr.", "end.", "why?", "\n\n", "\n", "한국어", "漢字。", "x" * 150, "e.g.", "[CLS]", "é", "ﬁ", "…", "|"]
    ),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(parts=st.lists(words, max_size=120), max_tokens=st.integers(min_value=8, max_value=60), data=st.data())
def test_passages_are_exact_small_and_cover_everything(
    tokenizer: Tokenizer, parts: list[str], max_tokens: int, data: st.DataObject
) -> None:
    text = " ".join(parts)
    borders = st.lists(st.integers(min_value=0, max_value=max(len(text) - 1, 0)), max_size=4, unique=True).map(sorted)
    pages = tuple(data.draw(borders)) if text else ()
    headings = (
        tuple(Heading(start, 1 + start % 3, text[start : start + 5].strip() or "h") for start in data.draw(borders))
        if text
        else ()
    )
    document = _document(text, page_starts=tuple(sorted({0, *pages})) if pages else (), headings=headings)
    passages = split(document, tokenizer, max_tokens=max_tokens)
    _assert_sound(document, passages, tokenizer, max_tokens)
    for passage in passages:  # none crosses a page
        assert not any(passage.start < start < passage.end for start in document.page_starts)


@pytest.mark.parametrize("word", ["x" * 100_000, "漢" * 100_000, "ab-" * 33_000])
def test_an_endless_word_is_cut(tokenizer: Tokenizer, word: str) -> None:
    document = _document(word)
    passages = split(document, tokenizer)
    _assert_sound(document, passages, tokenizer, 220)
    assert len(passages) > 40


def test_passages_end_at_sentences_and_are_of_even_size(tokenizer: Tokenizer) -> None:
    document = _document(SENTENCE * 16)  # some 240 tokens: two halves, not a full one and a rest
    passages = split(document, tokenizer)
    assert [passage.text.count("agreement") for passage in passages] == [8, 8]
    assert all(passage.text.endswith("given.") for passage in passages)


def test_a_paragraph_end_is_preferred_to_a_sentence_end(tokenizer: Tokenizer) -> None:
    document = _document((SENTENCE * 7).strip() + "\n\n" + (SENTENCE * 9).strip())
    assert [passage.text.count("agreement") for passage in split(document, tokenizer)] == [7, 9]


def test_an_abbreviation_ends_no_sentence(tokenizer: Tokenizer) -> None:
    document = _document("The letter of Dr. Miller and Prof. Smith names Art. 7 and no. 9 as the ground. " * 4)
    passages = split(document, tokenizer, max_tokens=30)
    assert all(passage.text.endswith("ground.") for passage in passages)


def test_table_rows_are_not_cut_in_two(tokenizer: Tokenizer) -> None:
    rows = "\n".join(f"Drug {number} | {number} mg | twice a day" for number in range(40))
    for passage in split(_document(rows), tokenizer, max_tokens=50):
        assert passage.text.startswith("Drug") and passage.text.endswith("twice a day")


@pytest.mark.parametrize(
    "line", ["Drug {} | {} mg | twice a day", "- drug {}, {} mg, twice a day", "{}. give {} mg twice a day"]
)
def test_a_table_or_list_that_fits_stays_whole_with_the_line_before_it(tokenizer: Tokenizer, line: str) -> None:
    rows = "\n".join(line.format(number, number) for number in range(8))
    text = f"{SENTENCE * 12}\n\nThese doses are given:\n\n{rows}\n\n{SENTENCE * 9}"
    document = _document(text)
    passages = split(document, tokenizer)
    _assert_sound(document, passages, tokenizer, 220)
    assert next(passage.text for passage in passages if line.format(3, 3) in passage.text).startswith("These doses")
    assert sum(line.format(number, number) in passage.text for passage in passages for number in (0, 7)) == 2
    assert len([passage for passage in passages if rows in passage.text]) == 1


def test_pages_and_section_paths_are_kept(tokenizer: Tokenizer) -> None:
    text = "1 Dosage\nTake one.\n\n1.1 Children\nTake half.\n\nNever more."
    headings = (Heading(0, 1, "1 Dosage"), Heading(text.index("1.1"), 2, "1.1 Children"))
    passages = split(_document(text, page_starts=(0, text.index("Never")), headings=headings), tokenizer)
    assert [(passage.page, passage.section, passage.text) for passage in passages] == [
        (1, "1 Dosage", "1 Dosage\nTake one."),
        (1, "1 Dosage › 1.1 Children", "1.1 Children\nTake half."),
        (2, "1 Dosage › 1.1 Children", "Never more."),
    ]


def test_a_heading_without_text_joins_what_follows(tokenizer: Tokenizer) -> None:
    text = "Part A\n\nRule 1\n\nPay on time."
    (passage,) = split(_document(text, headings=(Heading(0, 1, "Part A"), Heading(8, 2, "Rule 1"))), tokenizer)
    assert (passage.text, passage.section) == (text, "Part A › Rule 1")


def test_the_tokenizer_given_keeps_its_settings(tokenizer: Tokenizer) -> None:
    own = Tokenizer.from_str(tokenizer.to_str())
    own.enable_truncation(max_length=16)
    assert split(_document(SENTENCE * 40), own) == split(_document(SENTENCE * 40), tokenizer)
    assert own.truncation is not None and own.truncation["max_length"] == 16


def test_many_documents_split_as_each_alone(tokenizer: Tokenizer) -> None:
    documents = [_document(SENTENCE * number) for number in (0, 1, 30)]
    assert split_many(documents, tokenizer) == [split(document, tokenizer) for document in documents]


def test_running_headers_and_footers_are_in_no_passage(tokenizer: Tokenizer) -> None:
    text = "Handbook\n\nGive 5 mg.\n\n1\n\nHandbook\n\nCall the doctor.\n\n2"
    furniture = tuple(
        (text.index(word, start), text.index(word, start) + len(word))
        for word, start in (("Handbook", 0), ("1", 0), ("Handbook", 10), ("2", 0))
    )
    made = Document("d", "T", "/d.pdf", "0", "pdf", text, (0, text.index("Handbook", 10)), furniture=furniture)
    assert [(passage.text, passage.page) for passage in split(made, tokenizer)] == [
        ("Give 5 mg.", 1),
        ("Call the doctor.", 2),
    ]
