"""Text in any encoding."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.documents.content import Content
from engine.documents.decoding import decode, is_text
from engine.documents.formats import delimited, html, markdown, txt

RUSSIAN = "Однажды, в студёную зимнюю пору, я из лесу вышел; был сильный мороз. " * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1251", "cp866", "koi8-r"])
def test_russian_is_read_in_every_encoding(encoding: str) -> None:
    assert decode(RUSSIAN.encode(encoding)) == RUSSIAN


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised(encoding: str) -> None:
    assert decode("The patient was given 5 mg.".encode(encoding)) == "The patient was given 5 mg."


def test_a_few_western_words_are_western() -> None:
    assert decode("## können – äöüß\n".encode("cp1252")) == "## können – äöüß\n"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1252", "The patient’s fiancé signed the “consent” form – 50 £ fee."),
        ("cp1252", "Über die Änderung der Größe wurde aufgeklärt – „keine Einwände“."),
        ("cp1252", "Le cœur du litige : tous les êtres humains, l’œdème et la manœuvre."),
        ("cp1252", "Niño de 5 años con fiebre. ¿Alergias? Se administró medicación."),
        ("cp1252", "A administração da medicação não causou reações após três dias."),
        ("cp1252", "La terapia è stata somministrata più volte, però con difficoltà."),
        ("cp1252", "Geïndiceerd één tablet per dag. Coördinatie met de huisarts."),
        ("cp1252", "Patienten fick läkemedel på måndag. Åtgärden är färdig."),
        ("cp1252", "Der Vertrag wurde von Renée unterschrieben."),
        ("cp1252", "Dear José,\nthank you for your letter."),
        ("cp1252", "Legen så på røntgenbildet og fant ingen endringer."),
        ("cp1252", "Lægen så på røntgenbilledet og fandt ingen ændringer."),
        ("cp1252", "Lääkitystä jatkettiin päivittäin. Hänelle määrättiin särkylääkettä."),
        ("cp1250", "Pacjent został przyjęty na oddział z powodu bólu w klatce piersiowej."),
        ("cp1250", "Léčba byla zahájena ihned. Můžete se obrátit na lékaře."),
        ("cp1250", "A beteget felvették. Gyógyszerét időben megkapta. Őszi ellenőrzés."),
        ("cp1250", "Pacientul a fost internat pentru durere toracică. Medicaţia a fost tolerată."),
        ("cp1250", "Čekanje na liječnika, šećer u krvi povišen, žalba."),
        ("iso8859-2", "Wszyscy ludzie rodzą się równi pod względem swej godności. Są obdarzeni."),
        ("cp1251", "Пациент поступил с болью в груди."),
        ("cp1251", "Лікування розпочато негайно, стан поліпшується."),
        ("cp1253", "Ο ασθενής εισήχθη με πόνο στο στήθος."),
        ("cp1254", "Hasta göğüs ağrısı şikayetiyle yatırıldı. İlaç tedavisi başlandı."),
        ("cp1257", "Ravi alustati kohe, ööpäev hiljem oli enesetunne hea. Õhtul mõõdeti rõhku."),
        ("cp1257", "Gydymas pradėtas iš karto, būklė gerėja. Žr. šį įrašą."),
        ("cp850", "Der Patient wurde über die Änderung der Dosis aufgeklärt. Größe geprüft."),
        ("cp850", "Le patient a été opéré à l'hôpital. Élève français âgé."),
        ("mac-roman", "Die Prüfung der Größe über Änderungen ergab: schön, möglich, größer."),
        ("shift-jis", "患者は胸痛で入院した。"),
        ("gb18030", "患者因胸痛入院。"),
        ("big5", "患者因胸痛入院。"),
        ("euc-kr", "환자는 흉통으로 입원했다."),
    ],
)
def test_a_sentence_is_read_in_the_page_its_language_is_written_in(encoding: str, text: str) -> None:
    notes: list[str] = []
    assert decode(text.encode(encoding), note=notes.append) == text
    assert decode(f"{text}\r\n".encode(encoding) * 20) == f"{text}\r\n" * 20
    assert [note.startswith("Its encoding is said nowhere") for note in notes] == [True]


def test_an_encoding_is_told_by_the_lines_that_need_it() -> None:
    text = "plain words\n" * 10_000 + "Größe über alles"
    assert decode(text.encode("cp1252")) == text


@pytest.mark.parametrize(
    ("data", "declared"),
    [("Größe".encode(), ""), ("Größe".encode("utf-16"), ""), ("Größe".encode("cp1252"), "cp1252"), (b"plain", "")],
)
def test_an_encoding_that_is_known_needs_no_note(data: bytes, declared: str) -> None:
    notes: list[str] = []
    decode(data, declared=declared, note=notes.append)
    assert notes == []


def test_a_declared_encoding_counts_only_where_utf8_does_not_fit() -> None:
    assert decode("Übung".encode(), declared="iso-8859-1") == "Übung"
    assert decode("Врач".encode("cp1251"), declared="windows-1251") == "Врач"
    assert decode(b"plain", declared="no-such-encoding") == "plain"
    assert decode("Übung".encode("cp1252"), declared="hex") == "Übung"


@pytest.mark.parametrize(
    ("line", "encoding"), [("Übergröße ist elf Milligramm.", "cp1252"), (RUSSIAN.strip(), "cp1251")]
)
def test_lines_of_another_encoding_among_utf8_are_read_in_theirs(line: str, encoding: str) -> None:
    notes: list[str] = []
    assert decode(b"\r\n".join([line.encode(), b"plain", line.encode(encoding)]), note=notes.append) == "\r\n".join(
        [line, "plain", line]
    )
    assert [encoding in note for note in notes] == [True]
    assert decode("\n".join([line, line]).encode(encoding), note=notes.append) == f"{line}\n{line}"
    assert decode("\n".join([line, line]).encode(), note=notes.append) == f"{line}\n{line}"
    assert ["not UTF-8 as the others are" in note for note in notes] == [True, False]


def test_lines_that_are_not_utf8_are_read_in_the_declared_encoding() -> None:
    lines = ["Übergröße", "№ 5 Ђ"]
    data = lines[0].encode() + b"\n" + lines[1].encode("cp1251")
    assert decode(data, declared="windows-1251") == "\n".join(lines)


@pytest.mark.parametrize("read", [txt.read, markdown.read, html.read, lambda data: delimited.read(data, print)])
def test_a_document_says_that_some_of_its_lines_are_in_another_encoding(read: Callable[[bytes], Content]) -> None:
    (note,) = read("Größe,ist\nzehn,zwölf\n".encode() + "groß,elf\n".encode("cp1252")).notes
    assert "not UTF-8 as the others are" in note


def test_binary_is_not_text() -> None:
    assert not is_text(bytes(range(256)))
    assert is_text("naïve".encode("utf-16"))
    assert not is_text(b"words\x00\xff\xfe and more words, as some program's own files have them")
    assert not is_text(b"name\x00\x00\x00\x04value\x00\x00\x00\x02")
    assert is_text(b"")


def test_a_stray_nul_in_utf8_is_left_out() -> None:
    data = "A\x00 Größe".encode()
    assert is_text(data)
    assert is_text(data[:6])  # which cuts a letter
    assert decode(data) == "A Größe"
    assert html.read(b"<p>one\x00</p><p>two</p>").text == "one\n\ntwo"
