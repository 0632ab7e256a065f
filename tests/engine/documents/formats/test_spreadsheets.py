"""Excel workbooks and delimited tables."""

from __future__ import annotations

import datetime
import io
import zipfile

import openpyxl
import pytest

from engine.documents.content import Content
from engine.documents.formats import delimited, xlsx
from engine.documents.splitter import split
from engine.errors import DocumentError
from engine.models.library import ModelLibrary
from engine.records import Document


def _report(done: int, total: int) -> None:
    pass


def _workbook(**sheets: list[list[object]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for title, rows in sheets.items():
        sheet = workbook.create_sheet(title)
        for row in rows:
            sheet.append(row)
    written = io.BytesIO()
    workbook.save(written)
    return written.getvalue()


def _sections(content: Content) -> list[tuple[int, str]]:
    return [(heading.level, heading.title) for heading in content.headings]


def test_a_sheet_is_a_page_and_a_row_a_line_named_by_its_header() -> None:
    data = _workbook(
        Prices=[["Drug", "Price"], ["aspirin", 1.5], [None, None], ["insulin", 20]],
        Notes=[["Only text here"]],
        Empty=[],
    )
    content = xlsx.read(data, _report)
    assert content.text == "Drug | Price\nDrug: aspirin | Price: 1.5\nDrug: insulin | Price: 20\n\nOnly text here"
    assert content.page_starts == (0, content.text.index("Only"), len(content.text))
    assert _sections(content) == [(1, "Prices"), (2, "rows 1–4"), (1, "Notes"), (2, "row 1")]


def test_cells_are_shown_as_a_person_reads_them() -> None:
    row = [True, datetime.datetime(2024, 5, 1), datetime.datetime(2024, 5, 1, 12, 30), 0.1 + 0.2, 1e6, datetime.time(9)]
    text = xlsx.read(_workbook(A=[row]), _report).text
    assert text == "TRUE | 2024-05-01 | 2024-05-01 12:30:00 | 0.3 | 1000000 | 09:00:00"


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (0.07, "0%", "7%"),
        (0.07, '0.0%;-0.0%;"none"', "7%"),
        (5, '0"%"', "5"),
        (5, "0\\%", "5"),
        (5, '0;0%;"%"', "5"),
    ],
)
def test_a_share_is_shown_as_a_percentage(value: float, number_format: str, text: str) -> None:
    assert xlsx.read(_formatted(value, number_format), _report).text == f"{text} | of them"


def test_a_workbook_without_its_styles_is_read() -> None:
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(_formatted(5, "0.00"))) as source,
        zipfile.ZipFile(written, "w") as target,
    ):
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b' s="1"', b' s="99"'))
    assert xlsx.read(written.getvalue(), _report).text == "5 | of them"


def _formatted(value: float, number_format: str) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.append([value, "of them"])
    workbook.active["A1"].number_format = number_format
    written = io.BytesIO()
    workbook.save(written)
    return written.getvalue()


def test_a_passage_says_which_sheet_and_rows_it_is_from(library: ModelLibrary) -> None:
    rows = [["Test", "Value"], *([f"test {number}", number] for number in range(300))]
    content = xlsx.read(_workbook(Ward=rows), _report)
    document = Document("d", "t", "p", "0", "xlsx", content.text, content.page_starts, content.headings)
    passages = split(document, library.tokenizer("all-MiniLM-L6-v2"))
    found = next(passage for passage in passages if "Test: test 250 | Value: 250" in passage.text)
    assert found.page == 1
    sheet, _, rows_named = found.section.partition(" › ")
    first, last = (int(number) for number in rows_named.removeprefix("rows ").split("–"))
    assert sheet == "Ward"
    assert first <= 252 <= last  # the header is row 1


def test_a_workbook_that_is_none_is_a_sentence() -> None:
    with pytest.raises(DocumentError, match="damaged"):
        xlsx.read(b"PK\x03\x04", _report)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    lines = ["Name,Place,Note", 'Meier,Bonn,"a, b; c"', "Smith,York,x"]
    data = "\r\n".join(lines).replace(",", delimiter).replace(f"a{delimiter} b", "a, b").encode("cp1252")
    content = delimited.read(data, _report)
    assert content.text.split("\n")[1] == "Name: Meier | Place: Bonn | Note: a, b; c"
    assert content.kind == "csv"


def test_a_table_of_one_column_is_text() -> None:
    assert delimited.read(b"first\nsecond\n", _report).text == "first\nsecond"


@pytest.mark.parametrize("said", ["\ufeffsep=;\r\n", '"sep=;"\n', "SEP=;\r"])
def test_a_first_line_that_says_the_delimiter_is_no_row(said: str) -> None:
    content = delimited.read(f"{said}Name;Place, land\r\nMeier;Bonn\r\nSmith;York".encode(), _report)
    assert content.text == "Name | Place, land\nName: Meier | Place, land: Bonn\nName: Smith | Place, land: York"
