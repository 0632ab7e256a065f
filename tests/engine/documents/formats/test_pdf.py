"""PDF."""

from __future__ import annotations

import pytest

from engine.documents.formats import pdf
from engine.documents.reading import Reading
from engine.errors import DocumentError
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


def test_a_scan_is_refused_as_one() -> None:
    with pytest.raises(DocumentError, match="contains no text") as caught:
        pdf.read(example_files.pdf("", ""), Reading())
    assert "scan" in caught.value.hint


def test_a_damaged_file_is_refused_as_one() -> None:
    with pytest.raises(DocumentError, match="damaged"):
        pdf.read(b"%PDF-1.4\n%%EOF", Reading())


def test_a_file_cut_off_half_way_is_text_or_refused() -> None:
    data = example_files.pdf("Text of it")
    try:
        assert "Text of it" in pdf.read(data[: len(data) * 2 // 3], Reading()).text
    except DocumentError as error:
        assert error.hint
