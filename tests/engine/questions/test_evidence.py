"""Questions linked to passages."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.questions.evidence import Evidence, EvidenceLinker
from engine.questions.folding import fold
from engine.questions.raw import RawQuestion
from engine.records import Passage

FILLER = "Nothing of note is said in this sentence about matter number {}. "


def _linker(texts: dict[str, str], *, passage_characters: int = 120, **names: str) -> EvidenceLinker:
    """A linker over documents cut into passages of equal length; `names` of one or several, with a space between."""

    def passages_of(document_id: str) -> Sequence[Passage]:
        text = texts[document_id]
        return [
            Passage(
                f"{document_id}:{start}",
                document_id,
                "",
                text[start : start + passage_characters],
                None,
                "",
                start,
                end,
            )
            for start in range(0, len(text), passage_characters)
            for end in [min(start + passage_characters, len(text))]
        ]

    def called(name: str) -> Sequence[str]:
        return [name] if name in texts else names.get(name, "").split()

    return EvidenceLinker(texts=texts, passages_of=passages_of, called=called)


def _filler(number: int, sentences: int = 6) -> str:
    return "".join(FILLER.format(number * 100 + sentence) for sentence in range(sentences))


def _texts(linker: EvidenceLinker, raw: RawQuestion) -> list[str]:
    evidence = linker.link(raw)
    assert evidence is not None
    return [passage.text for passage in linker.passages_of(evidence.document_id) if passage.id in evidence.passages]


def test_the_answer_within_the_context_is_the_evidence() -> None:
    document = _filler(1) + "The dose is 5 mg. " + _filler(2)
    linker = _linker({"other": _filler(3), "d": document})
    context = document[100:700]
    evidence = linker.link(RawQuestion("What is the dose?", ("5 mg",), context=context))
    assert evidence is not None and evidence.document_id == "d"
    assert all("5 mg" in text for text in _texts(linker, RawQuestion("What is the dose?", ("5 mg",), context=context)))


def test_a_context_is_found_in_other_white_space_and_among_many_documents() -> None:
    texts = {f"d{number}": _filler(number, 20) for number in range(300)}
    linker = _linker(texts)
    context = texts["d217"][200:600].replace(" ", "\n ")
    evidence = linker.link(RawQuestion("q", context=context))
    assert evidence is not None and evidence.document_id == "d217"


def test_a_short_context_is_found_too() -> None:
    linker = _linker({"a": _filler(1), "b": "Take it with water. " + _filler(2)})
    evidence = linker.link(RawQuestion("How?", ("with water",), context="Take it with  water."))
    assert evidence is not None and evidence.passages == ("b:0",)


def test_the_passage_with_most_of_the_answer_comes_first() -> None:
    document = "a" * 100 + " the long answer crosses the border " + "b" * 100
    evidence = _linker({"d": document}).link(
        RawQuestion("q", ("the long answer crosses the border",), context=document)
    )
    assert evidence is not None and evidence.passages == ("d:0", "d:120")


def test_of_several_occurrences_the_one_the_file_gives_counts() -> None:
    document = "Yes. " + _filler(1) + "Yes. " + _filler(2)
    start = document.rindex("Yes")
    evidence = _linker({"d": document}).link(RawQuestion("q", ("Yes",), answer_start=start, context=document))
    assert evidence is not None
    assert evidence.passages == (f"d:{start // 120 * 120}",)


def test_an_answer_start_counted_in_other_white_space_is_understood() -> None:
    document = "Yes. " + _filler(1) + "Yes. " + _filler(2)
    context = document.replace(" ", "   ")
    evidence = _linker({"d": document}).link(
        RawQuestion("q", ("Yes",), answer_start=context.rindex("Yes"), context=context)
    )
    assert evidence is not None
    assert evidence.passages == (f"d:{document.rindex('Yes') // 120 * 120}",)


def test_of_several_occurrences_the_one_near_the_questions_words_counts() -> None:
    document = "Aspirin: 5 mg a day. " + _filler(1, 20) + "Ibuprofen for children: 5 mg a day. " + _filler(2, 20)
    evidence = _linker({"d": document}).link(
        RawQuestion("How much ibuprofen may children take?", ("5 mg",), context=document)
    )
    assert evidence is not None
    assert evidence.passages[0] == f"d:{document.rindex('5 mg') // 120 * 120}"


def test_an_answer_is_not_found_inside_a_word() -> None:
    document = "In 2019 it began. " + _filler(9, 8).replace("number", "year") + "There were 2 of them."
    evidence = _linker({"d": document}).link(RawQuestion("How many?", ("2",), context=document))
    assert evidence is not None
    assert evidence.passages == (f"d:{document.rindex('2') // 120 * 120}",)


def test_an_answer_that_is_nowhere_leaves_the_context_as_evidence() -> None:
    document = _filler(1)
    evidence = _linker({"d": document}).link(
        RawQuestion("q", ("a conclusion of somebody's own",), context=document[120:240])
    )
    assert evidence is not None and evidence.passages == ("d:120",)


def test_an_answer_over_two_documents_has_evidence_in_both() -> None:
    first, second = _filler(1) + "The tenant may end the", "lease with one month of notice. " + _filler(2)
    linker = _linker({"c#1": first, "c#2": second})
    raw = RawQuestion(
        "q", ("The tenant may end the lease with one month of notice.",), context=first, documents=("c#1", "c#2")
    )
    evidence = linker.link(raw)
    assert evidence is not None
    assert evidence.document_id == "c#1"
    assert evidence.passages[0].startswith("c#1:") and "c#2:0" in evidence.passages
    assert "c#1:0" not in evidence.passages


def test_a_named_document_goes_before_another_with_the_same_text() -> None:
    text = _filler(1)
    evidence = _linker({"a": text, "b": text}).link(RawQuestion("q", context=text[:200], documents=("b",)))
    assert evidence is not None and evidence.document_id == "b"


def test_a_document_named_without_context_gives_the_passage_of_the_answer() -> None:
    document = _filler(1) + "The dose is 5 mg. " + _filler(2)
    linker = _linker({"d": document}, **{"guide.pdf": "d"})
    evidence = linker.link(RawQuestion("q", ("5 mg",), documents=("guide.pdf",)))
    assert evidence is not None and evidence.passages == (f"d:{document.index('5 mg') // 120 * 120}",)
    nothing = linker.link(RawQuestion("q", ("not there at all",), documents=("guide.pdf",)))
    assert nothing is not None and nothing.passages == ()


def test_of_documents_with_one_name_the_one_with_the_answer_or_the_context_is_meant() -> None:
    texts = {"2023": "The monthly rent is 900 euros. " + _filler(1), "2024": "The rent is 1100 euros. " + _filler(2)}
    linker = _linker(texts, **{"lease.txt": "2023 2024"})
    for year, rent in (("2023", "900 euros"), ("2024", "1100 euros")):
        for context in ("", texts[year][:60]):
            evidence = linker.link(RawQuestion("What is the rent?", (rent,), context=context, documents=("lease.txt",)))
            assert evidence is not None
            assert (evidence.document_id, evidence.passages, evidence.link) == (year, (f"{year}:0",), "exact")
    assert linker.link(RawQuestion("What is the rent?", ("1000 euros",), documents=("lease.txt",))) is None
    assert linker.link(RawQuestion("What of note?", ("Nothing of note",), documents=("lease.txt",))) is None


def test_of_namesakes_that_all_hold_the_answer_the_one_that_speaks_of_the_question_is_to_be_checked() -> None:
    texts = {"a": "Deposit: 900 euros. " + _filler(1), "b": "Monthly rent: 900 euros. " + _filler(2)}
    linker = _linker(texts | {"c": "Monthly rent of a garage: 900 euros."}, **{"lease.txt": "a b"})
    evidence = linker.link(RawQuestion("What is the monthly rent?", ("900 euros",), documents=("lease.txt",)))
    assert evidence is not None
    assert (evidence.document_id, evidence.passages, evidence.link) == ("b", ("b:0",), "answer")


@pytest.mark.parametrize("unanswerable", [False, True])
def test_of_records_numbered_alike_the_one_whose_id_is_named_is_meant_without_an_answer(unanswerable: bool) -> None:
    linker = _linker({"1": _filler(1)[:100], "c2/1": _filler(2)[:100]}, **{"1": "1 c2/1"})
    evidence = linker.link(RawQuestion("q", documents=("1",), unanswerable=unanswerable))
    assert evidence is not None and evidence.document_id == "1"


def test_the_context_of_one_of_many_namesakes_is_found_there() -> None:
    texts = {f"d{number}": _filler(number) for number in range(30)}
    linker = _linker(texts, **{"lease.txt": " ".join(texts)})
    evidence = linker.link(RawQuestion("q", context=texts["d17"][120:240], documents=("lease.txt",)))
    assert evidence is not None and (evidence.document_id, evidence.passages) == ("d17", ("d17:120",))


def test_a_namesake_of_a_further_document_is_evidence_only_where_the_answer_stands() -> None:
    texts = {"a": _filler(1), "b": "The rent is 900 euros. " + _filler(2), "c": _filler(3)}
    linker = _linker(texts, **{"lease.txt": "b c"})
    asked = RawQuestion("q", ("900 euros",), context=texts["a"][:200], documents=("a", "lease.txt"))
    evidence = linker.link(asked)
    assert evidence is not None and set(evidence.passages) == {"a:0", "a:120", "b:0"}


def test_what_is_nowhere_has_no_evidence() -> None:
    linker = _linker({"d": _filler(1)})
    assert (
        linker.link(RawQuestion("q", ("a",), context="Words of another matter altogether, not in any document here."))
        is None
    )
    assert linker.link(RawQuestion("q", ("a",))) is None
    assert linker.link(RawQuestion("q", context=_filler(1), unanswerable=True)) == Evidence("d", (), "")
    assert linker.link(RawQuestion("q", documents=("d",), unanswerable=True)) == Evidence("d", (), "")


def test_a_context_read_from_paper_is_linked_with_a_score() -> None:
    texts = {f"d{number}": _filler(number, 12) + f"The dose of drug{number} is {number} mg. " for number in range(40)}
    context = texts["d23"][100:500].replace("sentence", "sentcnce").replace("note", "n0te")
    linker = _linker(texts)
    evidence = linker.link(RawQuestion("q", context=context))
    assert evidence is not None
    assert (evidence.document_id, evidence.link) == ("d23", "fuzzy")
    assert 0.85 <= evidence.score < 1
    assert linker.link(RawQuestion("q", context="Words of another matter altogether. " * 5)) is None


@pytest.mark.parametrize(
    ("changed", "link"),
    [
        (lambda text: text, "exact"),
        (lambda text: text.replace(" ", "\n  "), "exact"),
        (lambda text: text.upper().replace("SENTENCE", "SEN-\nTENCE").replace(".", ""), "normalised"),
    ],
)
def test_how_a_context_was_found_is_told(changed: Callable[[str], str], link: str) -> None:
    texts = {f"d{number}": _filler(number, 12) for number in range(20)}
    evidence = _linker(texts).link(RawQuestion("q", context=changed(texts["d7"][66:400])))
    assert evidence is not None
    assert (evidence.document_id, evidence.link, evidence.score) == ("d7", link, 1.0)


def test_a_clause_that_stands_in_two_contracts_is_evidence_in_both() -> None:
    clause = "Either party may end this agreement with thirty days of written notice to the other party. "
    texts = {"a": clause + _filler(1), "b": clause + _filler(2), "c": clause.replace("thirty", "30") + _filler(3)}
    evidence = _linker(texts, passage_characters=len(clause)).link(
        RawQuestion("q", ("thirty days",), context=clause + texts["a"][len(clause) : 200])
    )
    assert evidence is not None
    assert evidence.passages == ("a:0", "b:0")  # c says it with another number


def test_a_clause_that_stands_twice_in_a_document_is_evidence_in_both_places() -> None:
    clause = "Either party may end this agreement with thirty days of written notice to the other party. "
    texts = {"d": _filler(1) + clause + _filler(2, 12) + clause + _filler(3), "e": _filler(4)}
    size = len(clause)
    places = {f"d:{texts['d'].find(clause, start) // size * size}" for start in (0, 800)}
    for documents in ((), ("d",), ("e", "d")):
        raw = RawQuestion("How?", ("thirty days",), context=clause, documents=documents)
        evidence = _linker(texts, passage_characters=size).link(raw)
        assert evidence is not None
        assert len(places) == 2 and places <= set(evidence.passages)
        assert evidence.link == "exact"


@pytest.mark.parametrize("gap", ["\n\n", " … ", " [...] ", " . . . "])
def test_a_context_of_several_pieces_is_found_where_they_stand_the_one_with_the_answer_first(gap: str) -> None:
    first, second = "The lessee keeps the garden in good order.", "The rent of 900 euros is due on the third."
    text = _filler(1) + first + " " + _filler(2) + second + " " + _filler(3)
    linker = _linker({"other": second + " " + _filler(4), "d": text}, passage_characters=60)
    evidence = linker.link(RawQuestion("When?", ("on the third",), context=first + gap + second))
    assert evidence is not None
    assert (evidence.document_id, evidence.link) == ("d", "exact")
    assert evidence.passages[0] == f"d:{text.index('on the third') // 60 * 60}"
    assert f"d:{text.index(first) // 60 * 60}" in evidence.passages
    assert linker.link(RawQuestion("q", context=first + gap + "Of the heating nothing is said anywhere.")) is None


def test_pieces_of_several_documents_are_evidence_in_each() -> None:
    pieces = {"a": "The lessee keeps the garden in good order.", "b": "The rent of 900 euros is due on the third."}
    linker = _linker({name: piece + " " + _filler(ord(name)) for name, piece in pieces.items()})
    evidence = linker.link(RawQuestion("q", ("on the third",), context="\n\n".join(pieces.values())))
    assert evidence is not None and (evidence.document_id, evidence.passages) == ("b", ("b:0", "a:0"))


def test_a_short_piece_must_stand_in_the_document_of_the_others() -> None:
    linker = _linker({"d": "Dose: 15 mg. Aspirin is given to adults. " + _filler(1), "e": "5 mg. " + _filler(2)})
    links = {}
    for dose in ("15 mg", "5 mg"):
        evidence = linker.link(RawQuestion("q", context=f"Aspirin is given to adults.\n\n{dose}"))
        links[dose] = evidence and evidence.link
    assert links["15 mg"] == "exact" and links["5 mg"] in (None, "fuzzy")


def test_numbers_that_differ_make_another_context() -> None:
    text = "Give 5.0 mg of the drug twice a day for 12 days to every adult on the ward. " + _filler(4)
    linker = _linker({"d": text})
    evidence = linker.link(RawQuestion("q", context=text[:76].replace("5.0", "50")))
    assert evidence is None or evidence.link == "fuzzy"


def test_an_answer_alone_is_linked_where_few_passages_hold_it() -> None:
    texts = {"a": _filler(1) + "Metformin is taken with the evening meal. " + _filler(2), "b": _filler(3)}
    linker = _linker(texts, passage_characters=500)
    evidence = linker.link(RawQuestion("When is metformin taken?", ("with the evening meal",)))
    assert evidence is not None and evidence.link == "answer" and evidence.score == 0.6667
    assert "evening meal" in "".join(_texts(linker, RawQuestion("When is metformin taken?", ("the evening meal",))))
    everywhere = RawQuestion("What is said in a sentence?", ("Nothing of note is said",))
    assert _linker(texts, passage_characters=66).link(everywhere) is None
    assert linker.link(RawQuestion("When is metformin taken?", ("yes",))) is None


@pytest.mark.parametrize(
    ("question", "link"),
    [
        ("What of alpha?", None),
        ("What of the tenants?", "answer"),  # inflected
        ("What is RSV?", "answer"),
        ("Is it on?", "answer"),  # no word tells: all count
        ("租金何时支付？", None),
        ("每月何时支付租金？", "answer"),  # no spaces between words
    ],
)
def test_an_answer_is_no_evidence_where_the_passage_does_not_speak_of_the_question(
    question: str, link: str | None
) -> None:
    texts = {"a": "The tenant pays on the first day of RSV. 每月第一天。" + _filler(1), "b": _filler(2)}
    linker = _linker(texts, passage_characters=500)
    passage = linker.passages_of("a")[0]
    linker.search = lambda phrase, about: [(passage, 1.0)]  # an index that counts small words, too
    evidence = linker.link(RawQuestion(question, ("first",)))
    assert (evidence and evidence.link) == link


def test_of_many_passages_with_the_answer_the_one_that_speaks_of_the_question_is_taken() -> None:
    texts = {str(number): _filler(number) + "It is taken with the evening meal." for number in range(8)}
    texts["m"] = "Metformin lowers blood sugar. It is taken with the evening meal."
    evidence = _linker(texts, passage_characters=500).link(
        RawQuestion("When is metformin taken for blood sugar?", ("with the evening meal",))
    )
    assert evidence is not None and evidence.passages == ("m:0",)


def test_an_answer_that_runs_into_the_next_passage_has_evidence_in_both() -> None:
    answer = "the lessee shall return the keys of the house and shall leave every room swept and free of furniture"
    text = "When the lease ends, " + answer + ". " + _filler(1)
    evidence = _linker({"d": text, "e": _filler(2)}, passage_characters=64).link(
        RawQuestion("What shall the lessee leave?", (answer,))
    )
    assert evidence is not None and evidence.passages == ("d:0", "d:64")


@pytest.mark.parametrize(
    "text",
    [
        "Für Überführungen prüfen Ärzte zusätzlich Gefäßöffnungen.",
        "Bệnh nhân phải được kiểm tra.",
        "Настоящий договор займа",
        "आरोपी ने ज़मीन का क़ानून पढ़ा",
        "ผู้ป่วยต้องได้รับการตรวจที่น้ำ",
        "آمَنَ مُحَمَّدٌ بِالعَقْدِ فوراً",
        "שָׁלוֹם עֲלֵיכֶם",
        "がんの治療ガイドライン",
        "환자는 검사를 받는다",
        "Ọ̀rọ̀ náà ṣẹ̀",
    ],
)
def test_decomposed_text_is_folded_as_composed_text_is_and_leads_back_to_itself(text: str) -> None:
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    one, other = fold(composed), fold(decomposed)
    assert one.text == other.text
    assert one.words.tolist() == other.words.tolist()
    for first in range(len(other.tokens)):
        for last in range(first, len(other.tokens)):
            end = other.tokens[last + 1] if last + 1 < len(other.tokens) else len(other.text)
            assert other.span(int(other.tokens[first]), int(end)) == (other.starts[first], other.ends[last])


def test_vowel_signs_tell_words_apart_and_points_that_may_be_left_out_do_not() -> None:
    assert fold("की").text != fold("का").text
    assert fold("مُحَمَّدٌ فوراً").text == fold("محمد فورا").text
    assert fold("שָׁלוֹם").text == fold("שלום").text
    assert fold("a \u06e5\u064e b").text[0] == "a"  # a letter among the marks that may be left out


def test_a_decomposed_context_is_found_in_a_composed_document() -> None:
    sentence = "Für Überführungen müssen Prüfärzte zusätzlich überprüfte Gefäßöffnungen öffnen. "
    texts = {"a": _filler(1) + sentence + _filler(2), "b": _filler(3)}
    for form, other in (("NFC", "NFD"), ("NFD", "NFC")):
        documents = {name: unicodedata.normalize(form, text) for name, text in texts.items()}
        raw = RawQuestion("Wer?", context=unicodedata.normalize(other, sentence))
        evidence = _linker(documents).link(raw)
        assert evidence is not None and (evidence.document_id, evidence.link) == ("a", "normalised")


@given(
    st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=200),
    st.integers(0, 200),
    st.integers(0, 200),
)
def test_a_span_of_the_folded_text_leads_back_to_the_original(text: str, start: int, end: int) -> None:
    made = fold(text)
    start, end = sorted((min(start, len(made.text)), min(end, len(made.text))))
    if start < end:
        first, last = made.span(start, end)
        assert 0 <= first <= last <= len(text)
    whole = fold(made.text.replace("|", " "))
    if text.isascii():
        assert whole.text == made.text
