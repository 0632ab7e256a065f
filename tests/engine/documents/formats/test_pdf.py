"""PDF."""

from __future__ import annotations

import ctypes
import io

import pypdfium2 as pdfium
import pypdfium2.raw as raw
import pytest
from PIL import Image

from engine.documents.formats.pdf import reader as pdf
from engine.documents.formats.pdf.lines import Boxes, page_characters
from engine.documents.reading import Reading
from engine.errors import DocumentError, PasswordError
from tests.engine.documents import example_files


def test_pages_are_kept_with_where_they_start() -> None:
    content = pdf.read(example_files.pdf("First page", "Second page", title="Guide"), Reading())
    assert content.title == "Guide"
    assert [content.text[start:].split("\n")[0] for start in content.page_starts] == ["First page", "Second page"]


def test_a_page_without_text_keeps_its_number() -> None:
    content = pdf.read(example_files.pdf("First page", "", "Third page"), Reading())
    assert len(content.page_starts) == 3
    assert content.text[content.page_starts[2] :] == "Third page"


def test_bookmarks_become_sections_where_their_words_stand() -> None:
    data = example_files.pdf(
        "Preface\nIntroduction\nwords", "Methods\nmore", bookmarks=[("Introduction", 0), ("Methods", 1)]
    )
    content = pdf.read(data, Reading())
    assert [(content.text[heading.start :].split("\n")[0], heading.title) for heading in content.headings] == [
        ("Introduction", "Introduction"),
        ("Methods", "Methods"),
    ]


def test_a_title_that_a_program_made_up_is_none() -> None:
    assert pdf.read(example_files.pdf("Text of it", title="Microsoft Word - draft.doc"), Reading()).title == ""


def test_empty_pages_are_refused_as_such() -> None:
    with pytest.raises(DocumentError, match="contains no text") as caught:
        pdf.read(example_files.pdf("", ""), Reading())
    assert "empty" in caught.value.hint


def test_a_damaged_file_is_refused_as_one() -> None:
    with pytest.raises(DocumentError, match="damaged"):
        pdf.read(b"%PDF-1.4\n%%EOF", Reading())


def test_a_file_cut_off_half_way_is_text_or_refused() -> None:
    data = example_files.pdf("Text of it")
    try:
        assert "Text of it" in pdf.read(data[: len(data) * 2 // 3], Reading()).text
    except DocumentError as error:
        assert error.hint


def test_columns_are_read_one_after_the_other() -> None:
    rows = [
        (x, 100 + 14 * number, 10, f"{side}{number} some words of a column of prose")
        for number in range(8)
        for side, x in (("L", 50), ("R", 320))
    ]
    text = pdf.read(example_files.placed_pdf(rows), Reading()).text
    assert [word for word in text.split() if word[0] in "LR"] == [f"{side}{n}" for side in "LR" for n in range(8)]


def test_a_turned_page_is_read_as_it_is_shown() -> None:
    rows = [(50, 100 + 14 * n, 10, f"Line {n}") for n in range(4)]
    for rotation in (0, 90, 180, 270):
        text = pdf.read(example_files.placed_pdf(rows, rotation=rotation), Reading()).text
        assert sorted(text.split("\n")) == [f"Line {n}" for n in range(4)]


def test_running_headers_and_footers_are_told_and_stand_at_the_page_edges() -> None:
    pages = [
        [
            (50, 400, 10, f"Body of page {number} says something of its own."),
            (50, 40, 9, "Handbook of the department"),
            (290, 800, 9, str(number)),
        ]
        for number in range(1, 5)
    ]
    content = pdf.read(example_files.placed_pdf(*pages), Reading())
    told = [content.text[start:end] for start, end in content.furniture]
    assert told == [part for number in range(1, 5) for part in ("Handbook of the department", str(number))]
    assert content.text.startswith("Handbook of the department\n\nBody of page 1")


def test_larger_lines_are_headings_where_there_are_no_bookmarks() -> None:
    page = [
        (50, 60, 20, "Chapter one"),
        *((50, 100 + 14 * n, 10, f"Sentence {n} of the first chapter stands here.") for n in range(6)),
        (50, 240, 14, "A part of it"),
        *((50, 280 + 14 * n, 10, f"Sentence {n} of the part stands here as well.") for n in range(6)),
    ]
    content = pdf.read(example_files.placed_pdf(page), Reading())
    assert [(heading.title, heading.level) for heading in content.headings] == [("Chapter one", 1), ("A part of it", 2)]
    assert content.text[content.headings[1].start :].startswith("A part of it")


def test_a_password_opens_and_leaves_a_copy_without_it() -> None:
    data = example_files.encrypted_pdf("Secret words", password="open sesame")
    reading = Reading(passwords=("wrong", "open sesame"))
    assert pdf.read(data, reading).text == "Secret words"
    assert reading.opened is not None
    assert pdf.read(reading.opened, Reading()).text == "Secret words"


@pytest.mark.parametrize(("passwords", "says"), [((), "is protected with a password"), (("no",), "is wrong")])
def test_without_the_password_it_is_asked_for(passwords: tuple[str, ...], says: str) -> None:
    data = example_files.encrypted_pdf("Secret words", password="open sesame")
    with pytest.raises(PasswordError, match=says):
        pdf.read(data, Reading(passwords))


def test_a_scanned_page_is_recognised_between_pages_that_have_text() -> None:
    told: list[tuple[int, int, bool]] = []
    reading = Reading(listen=lambda *done: told.append(done))
    data = example_files.scanned_pdf(example_files.scan("Give five milligrams twice a day", "and call the doctor"))
    content = pdf.read(data, reading)
    assert content.text.split() == ["Give", "five", "milligrams", "twice", "a", "day", "and", "call", "the", "doctor"]
    assert content.confidence is not None and content.confidence > 0.9
    assert "Recognised from a scan" in content.notes[0]
    assert told == [(1, 1, True)]
    (page,) = content.scanned
    words = {content.text[start:end]: (left, top) for start, end, left, top, _, _ in page.words}
    assert list(words) == content.text.split()
    assert words["five"][0] > words["Give"][0] and words["call"][1] > words["Give"][1]


def test_the_few_words_beside_a_picture_without_words_are_kept() -> None:
    data = example_files.scanned_pdf(Image.new("RGB", (600, 400), "lightgrey"))
    document = pdfium.PdfDocument(data)
    page = document[0]
    font = raw.FPDFText_LoadStandardFont(document, b"Helvetica")
    words = raw.FPDFPageObj_CreateTextObj(document, font, 1.0)
    raw.FPDFText_SetText(words, (ctypes.c_ushort * 6)(*map(ord, "Box 7\0")))
    raw.FPDFPageObj_Transform(words, 0.5, 0, 0, 0.5, 20, 20)  # far too small to be recognised
    raw.FPDFPage_InsertObject(page, words)
    raw.FPDFPage_GenerateContent(page)
    written = io.BytesIO()
    document.save(written)
    assert pdf.read(written.getvalue(), Reading()).text == "Box 7"


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_boxes_of_many_characters_are_those_of_each(rotation: int) -> None:
    rows = [
        (50, 40 + 14 * n, 10, f"Line {n} of a page with more characters than are asked for at once") for n in range(12)
    ]
    document = pdfium.PdfDocument(example_files.placed_pdf(rows, rotation=rotation))
    page = document[0]
    text_page = page.get_textpage()
    boxes = Boxes.of(page, text_page)
    indexes = range(len(page_characters(text_page)))
    assert len(indexes) > 512
    together = boxes.of_characters(indexes)
    assert list(zip(*(edge.tolist() for edge in together), strict=True)) == [boxes.of_character(n) for n in indexes]
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    raw.FPDFText_GetCharBox(text_page, 600, left, right, bottom, top)
    assert boxes.of_character(600) == boxes.shown(left.value, top.value, right.value, bottom.value)
    assert boxes.sizes(indexes) == [boxes.size(n) for n in indexes]
    assert boxes.size(600) == 10.0
    text_page.close()
    document.close()
