"""Citations: exact spans, near spans, and no span where nothing supports the sentence."""

from __future__ import annotations

import string
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.generation.citations import cite, sentence_bounds, snap
from engine.generation.facts import missing_facts
from engine.records import Passage

TEXT = "Adults take 500 mg of amoxicillin three times a day. Children under twelve take half of it. Do not exceed 3 g."


def passage(text: str = TEXT, *, start: int = 100, number: int = 0) -> Passage:
    return Passage(f"d:{number}", "d", "Dosage", text, 2, "", start, start + len(text))


def test_an_answer_that_stands_in_a_passage_is_cited_where_it_stands() -> None:
    (citation,) = cite("500 mg of Amoxicillin", [passage()]).citations
    assert citation.quote == "500 mg of amoxicillin"
    assert (citation.start, citation.end) == (112, 133)
    assert (citation.page, citation.document_id, citation.passage_id) == (2, "d", "d:0")


def test_a_reworded_sentence_is_cited_by_the_span_that_shares_its_words() -> None:
    (citation,) = cite(
        "Children younger than twelve take half of it.", [passage("Nothing here."), passage(number=1)]
    ).citations
    assert "under twelve take half of it" in citation.quote


def test_a_number_that_the_passage_does_not_have_is_not_supported() -> None:
    cited = cite("Adults take 50 mg of amoxicillin three times a day.", [passage()])
    assert cited.citations == () and cited.support == 0
    assert cited.sentences[0].missing == ("50 mg",)


def test_an_unrelated_answer_has_no_citation() -> None:
    assert cite("The contract ends in May.", [passage()]).citations == ()
    assert cite("", [passage()]).sentences == ()


def test_two_sentences_have_a_citation_each_and_a_repeated_one_only_one() -> None:
    both = cite("Adults take 500 mg of amoxicillin. Do not exceed 3 g.", [passage()])
    assert [sentence.citation for sentence in both.sentences] == [0, 1]
    twice = cite("Do not exceed 3 g. Do not exceed 3 g.", [passage()])
    assert len(twice.citations) == 1 and [sentence.citation for sentence in twice.sentences] == [0, 0]
    half = cite("Adults take 500 mg of amoxicillin. Dogs are never treated at all.", [passage()])
    assert [sentence.supported for sentence in half.sentences] == [True, False]
    assert half.support == 0.5


@pytest.mark.parametrize(
    ("said", "written", "missing"),
    [
        ("Take 5 mg daily with food.", "Take 5 g daily with food.", "5 mg"),
        ("The drug is approved for adults.", "The drug is not approved for adults.", "not"),
        ("The drug is not approved for adults.", "The drug is approved for adults.", "not"),
        ("It was signed in May by both sides.", "It was signed in June by both sides.", "May"),
        ("The buyer Miller pays the whole price.", "The buyer Jones pays the whole price.", "Miller"),
        ("Doses above 1,000 units are used here.", "Doses above 100 units are used here.", "1000 units"),
        ("approved for use in adults", "It is not approved for use in adults", "not"),
        ("Pfizer developed the vaccine in 2020.", "Moderna developed the vaccine in 2020.", "Pfizer"),
        ("Berlin is the place of jurisdiction.", "Munich is the place of jurisdiction.", "Berlin"),
        ("Smith signed it in May.", "In May Smith was ill. Jones signed it in May.", "Smith"),
        ("paracetamol can be given to children", "ibuprofen can be given to children", "paracetamol"),
        ("The agreed place of jurisdiction is munich.", "The agreed place of jurisdiction is berlin.", "munich"),
        ("Das Medikament ist zugelassen.", "Das Medikament ist nicht zugelassen.", "nicht"),
        ("Der Mieter hat einen Anspruch.", "Der Mieter hat keinen Anspruch.", "keinen"),
        ("Die Haftung ist ausgeschlossen.", "Die Haftung ist keinesfalls ausgeschlossen.", "keinesfalls"),
        ("Der Vermieter haftet.", "Der Vermieter haftet nicht.", "nicht"),
        ("Le médicament est approuvé.", "Le médicament n'est pas approuvé.", "n'"),
        ("El medicamento está aprobado.", "El medicamento nunca está aprobado.", "nunca"),
        ("Il farmaco è approvato.", "Il farmaco non è approvato.", "non"),
        ("approved for use in adults", "It has not yet been approved for use in adults.", "not"),
        ("The drug is effective.", "There is no evidence that the drug is effective.", "no"),
        ("Das Mittel wirkt.", "Es gibt keine Belege dafür, dass das Mittel wirkt.", "keine"),
        ("The agreement is lawful and binding.", "The agreement is unlawful and binding.", "unlawful"),
        ("The agreement is binding.", "The agreement is non-binding.", "nonbinding"),
        ("Aspirin is contraindicated in children.", "Aspirin is indicated in children.", "contraindicated"),
        ("Diese Klauseln sind unwirksam und nichtig.", "Diese Klauseln sind wirksam und nichtig.", "unwirksam"),
        ("It was stored at -5 degrees.", "It was stored at 5 degrees.", "-5"),
        ("It was stored at 5 degrees.", "It was stored at −5 degrees.", "5"),
        ("The limit is ≥ 5 mg a day.", "The limit is < 5 mg a day.", "≥5"),
        ("The price was $5 million in all.", "The price was €5 million in all.", "$5"),
        ("It lasts two years after termination.", "It lasts five years after termination.", "2 years"),
        ("It lasts one year after its end.", "It lasts ten years after its end.", "1 year"),
        ("It lasts twenty-four months in all.", "It lasts twenty-six months in all.", "24 months"),
        ("Die Frist beträgt zwei Wochen.", "Die Frist beträgt drei Wochen.", "zwei"),
        ("Le délai est de quinze jours.", "Le délai est de trente jours.", "quinze"),
        ("The dose is 5 mg twice daily.", "The dose is 5 mg once daily.", "twice"),
        ("The dose is 10 mg/day for adults.", "The dose is 10 mg/week for adults.", "10 mg/day"),
        ("The dose is 10 mg per day.", "The dose is 10 mg per week.", "10 mg/day"),
        ("Section 4(b) governs this matter.", "Section 4(c) governs this matter.", "4(b)"),
        ("Clause 2 (a)(ii) applies here.", "Clause 2 (a)(iii) applies here.", "2(a)(ii)"),
        ("The count was 105 in all.", "The count was 10⁵ in all.", "105"),
        ("El medicamento está aprobado.", normalize("NFD", "El medicamento jamás está aprobado."), "jamás"),
        ("有效期为三年。", "有效期为两年。", "有效期为三年"),
        ("北京是管辖法院所在地。", "上海是管辖法院所在地。", "北京是管辖法院所在地"),
        ("自5日至6日有效", "自6日至5日有效", "自5日至6日有效"),
        ("药品批准用于成人", "药品未批准用于成人", "药品批准用于成人"),
        ("批准用于成人", "药品未获批准用于成人", "未获"),
        ("支付租金", "承租人不需要支付租金", "不需要"),
        ("赔偿", "出租人没有义务赔偿", "没有义务"),
        ("二年", "期限不是二年", "不是"),
        ("ชำระเงิน", "ไม่ต้องชำระเงิน", "ไม่ต้อง"),
        ("成人に承認", "この薬は成人に承認されていない。", "されていない"),
        ("อนุมัติ", "ยานี้ไม่ได้อนุมัติ", "ไม่ได้"),
        ("수도는 부산이다", "수도는 서울이다", "부산이다"),
        ("승인", "이 약은 미승인 상태이다.", "미"),
        ("승인", "이 약은 승인되지 않았다.", "되지 않"),
    ],
)
def test_a_span_that_differs_in_a_fact_bears_nothing_out(said: str, written: str, missing: str) -> None:
    cited = cite(said, [passage(written)])
    assert cited.citations == ()
    assert cited.sentences[0].missing == (missing,)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("Patients should rest for a week.", "After surgery all patients should rest for a week."),
        ("Tenants must pay in advance.", "Each tenant must pay in advance."),
        ("This dose is given to adults.", "The dose is given to adults."),
        ("Diese Dosis gilt für Erwachsene.", "Die Dosis gilt für Erwachsene."),
        ("3 g", "Do not exceed 3 g."),
        ("ibuprofen", "Children must not take ibuprofen."),
        ("5 days", "It lasts no longer than 5 days."),
        ("5 mg pro Tag", "Es dürfen nicht mehr als 5 mg pro Tag sein."),
        ("The drug works.", "There is no doubt that the drug works."),
        ("approved for adults", "It is not expensive, approved for adults and safe."),
        ("Regulation 575/2013 applies.", "Regulation No 575/2013 applies."),
        ("It is given after norepinephrine.", "It is given after norepinephrine (NE)."),
        ("15-45 %", "The rate is 15–45 %."),
        ("between 15 -45 units", "between 15-45 units"),
        ("IL-6 rose in 2020-2021.", "IL-6 rose in 2020–2021."),
        ("≥ 5 mg", "A dose of >= 5 mg is high."),
        ("$5 million", "It cost 5 million dollars."),
        ("€5", "It cost 5 € then."),
        ("CO2", "The CO₂ level"),
        ("It lasts 2 years after the end.", "It lasts two years after the end."),
        ("It lasts twenty-four months.", "It lasts 24 months."),
        ("Die Frist beträgt dreißig Tage.", "Die Frist beträgt 30 Tage."),
        ("10 mg/day", "A dose of 10 mg per day is usual."),
        ("The dose is 10 mg a day.", "The dose is 10 mg a day."),
        ("It is lawful, or was unlawful then.", "It is lawful, or was unlawful then."),
        ("two (2) years", "for two (2) years from then"),
        ("Section 4 (b) governs this.", "Section 4(b) governs this."),
        ("5%", "割合は５％である"),
        ("1,000毫克", "不得超过1000毫克"),
        ("成人に承認", "成人に承認しなければならない。"),
    ],
)
def test_what_only_looks_like_a_difference_is_none(said: str, written: str) -> None:
    assert cite(said, [passage(written)]).sentences[0].supported


@pytest.mark.parametrize(
    ("said", "written", "quoted"),
    [
        ("不得超过4000毫克", "药品说明书\n\n每日剂量不得超过4000毫克。儿童禁用。", "不得超过4000毫克"),
        ("三年", "本品应在阴凉干燥处保存,有效期为三年。", "三年"),
        ("阴凉干燥处保存", "本品应在阴凉干\n燥处保存。", "阴凉干\n燥处保存"),
        ("东京有1400万人", "据统计,东京有１４００万人。", "东京有１４００万人"),
        ("東京都は日本の首都", "東京都は日本の首都である。人口は1400万人。", "東京都は日本の首都"),
        ("กรุงเทพ", "เมืองหลวงคือกรุงเทพมหานคร", "กรุงเทพ"),
        ("서울", "대한민국의 수도는 서울이다.", "서울"),
        (normalize("NFD", "서울"), "대한민국의 수도는 서울이다.", "서울"),
        ("서울", normalize("NFD", "수도는 서울이다."), normalize("NFD", "서울")),
    ],
)
def test_scripts_without_spaces_and_words_with_particles_are_cited_where_they_stand(
    said: str, written: str, quoted: str
) -> None:
    assert snap(said, [passage(written)]) == quoted


@pytest.mark.parametrize("text", ["Müllerweg 5", "Café", "résumé à jour", "शिकायत", "مُدَّة"])
def test_it_makes_no_difference_how_accents_are_encoded(text: str) -> None:
    composed, decomposed = normalize("NFC", f"die {text} – 1"), normalize("NFD", f"die {text} – 1")
    assert snap(normalize("NFD", text), [passage(composed)]) == normalize("NFC", text)
    assert snap(normalize("NFC", text), [passage(decomposed)]) == normalize("NFD", text)


def test_sentences_in_every_script_have_a_citation_each() -> None:
    cited = cite("有效期为三年。儿童禁用！", [passage("儿童禁用。本品有效期为三年。")])
    assert [citation.quote for citation in cited.citations] == ["有效期为三年", "儿童禁用"]


def test_numbers_are_compared_as_numbers() -> None:
    assert cite("Doses above 1000 units are used.", [passage("Doses above 1,000 units are used.")]).support == 1
    assert cite("5.0", [passage("It was 50 then.")]).support == 0


def test_a_span_without_the_difference_is_preferred_to_one_that_shares_more_words() -> None:
    (citation,) = cite(
        "Take 5 mg of the drug every day.",
        [passage("Take 5 g of the drug every day."), passage("They take 5 mg of this drug every day.", number=1)],
    ).citations
    assert citation.passage_id == "d:1"


def test_extraction_gives_the_words_as_they_stand_in_the_document() -> None:
    assert snap("children below twelve take half of it", [passage()]) == "Children under twelve take half of it"
    assert snap("Adults take 500 mg of amoxicillin. Do not exceed 3 g.", [passage()]) is not None
    assert snap("The contract ends in May.", [passage()]) is None


@pytest.mark.parametrize(
    ("said", "written", "quoted"),
    [
        ("Transmission (MTCT)", "By transmission (MTCT), mostly.", "transmission (MTCT)"),
        ("15-45 %.", "The rate is 15-45 %. It falls.", "15-45 %"),
        ("> 10 mmol/l", "An index of > 10 mmol/l (high).", "> 10 mmol/l"),
        ("(up to 98%).", "Rates rose (up to 98%). Time fell.", "(up to 98%)"),
        ("“at will”", "Ended “at will”; see below.", "“at will”"),
        ("the rate", "“the rate”", "the rate"),
        ("(the rate)", "the rate!", "the rate"),
    ],
)
def test_a_quote_keeps_the_signs_that_answer_and_document_share(said: str, written: str, quoted: str) -> None:
    (citation,) = cite(said, [passage(written)]).citations
    assert citation.quote == quoted
    assert written[citation.start - 100 : citation.end - 100] == quoted
    assert snap(said, [passage(written)]) == quoted


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "Dr. Miller agreed. It was 3.5 mg."
    assert [text[start:end] for start, end in sentence_bounds(text)] == ["Dr. Miller agreed.", "It was 3.5 mg."]
    (citation,) = cite("Vertretung ist Dr. Özgür", [passage("Die Vertretung ist Dr. Özgür.")]).citations
    assert citation.quote == "Vertretung ist Dr. Özgür"


def test_the_number_of_an_item_belongs_to_what_follows() -> None:
    text = " 1. Take one. 2. Take two. Yes "
    assert [text[start:end] for start, end in sentence_bounds(text)] == ["1. Take one.", "2. Take two.", "Yes"]


def test_what_a_sentence_opens_with_must_stand_in_the_spans_own_sentence_past_an_abbreviation() -> None:
    represented = "Miller, represented by Prof. Smith, signed the lease."
    assert cite("Miller signed the lease.", [passage(represented)]).support
    assert not cite("Miller signed the lease.", [passage("Miller was ill. Jones signed the lease.")]).support


@given(
    some.text(string.ascii_letters + string.digits + " .,()%é\u0301三年กำ。서ᄉ\u1165₂", min_size=0, max_size=120),
    some.integers(0, 60),
    some.integers(1, 40),
)
def test_a_quote_is_always_the_text_at_its_offsets(text: str, first: int, length: int) -> None:
    shown = passage(text)
    for citation in cite(text[first : first + length], [shown]).citations:
        assert text[citation.start - 100 : citation.end - 100] == citation.quote


@pytest.mark.timeout(20)
def test_rules_of_signs_are_read_in_no_time() -> None:
    said = missing_facts("It costs 5 dollars.", "<" * 100_000 + " 5 dollars", start=0, end=100_010)
    assert "5" not in said
