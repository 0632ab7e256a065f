"""Questions linked to passages."""

from __future__ import annotations

from collections.abc import Sequence

from engine.questions.evidence import EvidenceLinker
from engine.questions.raw import RawQuestion
from engine.records import Passage

FILLER = "Nothing of note is said in this sentence about matter number {}. "


def _linker(texts: dict[str, str], *, passage_characters: int = 120, **names: str) -> EvidenceLinker:
    """A linker over documents cut into passages of equal length."""

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

    return EvidenceLinker(texts=texts, passages_of=passages_of, names={**{name: name for name in texts}, **names})


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


def test_what_is_nowhere_has_no_evidence() -> None:
    linker = _linker({"d": _filler(1)})
    assert (
        linker.link(RawQuestion("q", ("a",), context="Words of another matter altogether, not in any document here."))
        is None
    )
    assert linker.link(RawQuestion("q", ("a",))) is None
    assert linker.link(RawQuestion("q", context=_filler(1), unanswerable=True)) is None
