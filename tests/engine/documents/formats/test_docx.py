"""Word documents."""

from __future__ import annotations

import io
import zipfile

import pytest

from engine.documents import archives
from engine.documents.formats import docx
from engine.errors import DocumentError
from engine.records import Heading
from tests.engine.documents import example_files


def test_headings_lists_and_tables_come_in_order() -> None:
    data = example_files.word(
        ("Title", "Guideline"),
        ("Heading 1", "Dosage"),
        ("Normal", "Take one."),
        ("List Bullet", "with water"),
        ("List Bullet", "after meals"),
        [["Age", "Dose"], ["5", "1 mg"]],
        ("Heading 2", "Children"),
    )
    content = docx.read(data)
    assert content.text == (
        "Guideline\n\nDosage\n\nTake one.\n\n• with water\n• after meals\n\nAge | Dose\nAge: 5 | Dose: 1 mg\n\nChildren"
    )
    assert [(heading.level, heading.title) for heading in content.headings] == [
        (1, "Guideline"),
        (1, "Dosage"),
        (2, "Children"),
    ]
    assert content.headings[1] == Heading(11, 1, "Dosage")
    assert content.title == "Guideline"


def test_tracked_changes_read_as_accepted() -> None:
    change = (
        '<w:ins w:id="1"><w:r><w:t>new</w:t></w:r></w:ins><w:del w:id="2"><w:r><w:delText>old</w:delText></w:r></w:del>'
    )
    data = _with_body(example_files.word(("Normal", "MARK")), "<w:t>MARK</w:t></w:r>", f"<w:t>is </w:t></w:r>{change}")
    assert docx.read(data).text == "is new"


def _body(xml: str) -> bytes:
    """A Word document whose body is `xml`."""
    return _with_body(example_files.word(("Normal", "")), "<w:body>", f"<w:body>{xml}")


def _run(text: str, look: str = "") -> str:
    return f"<w:r><w:rPr>{look}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


def test_deleted_rows_are_gone() -> None:
    rows = "".join(
        f"<w:tr>{properties}<w:tc><w:p>{_run(text)}</w:p></w:tc></w:tr>"
        for properties, text in (("<w:trPr><w:del w:id='1'/></w:trPr>", "old"), ("", "new"))
    )
    assert docx.read(_body(f"<w:tbl>{rows}</w:tbl>")).text == "new"


def test_a_cell_over_several_rows_is_said_in_each() -> None:
    restart, goes_on = "<w:vMerge w:val='restart'/>", "<w:vMerge/>"
    rows = [
        [("Drug", ""), ("Day", ""), ("Dose", "")],
        [("A", restart), ("1", ""), ("5 mg", "")],
        [("", goes_on), ("2", ""), ("7 mg", "")],
        [("", "<w:vMerge w:val='continue'/>"), ("", goes_on), ("", "")],
        [("", goes_on), ("3", ""), ("9 mg", "")],
        [("long " * 20, restart), ("4", ""), ("8 mg", "")],
        [("", goes_on), ("5", ""), ("9 mg", "")],
    ]
    table = "".join(
        "".join(
            [
                "<w:tr>",
                *(f"<w:tc><w:tcPr>{look}</w:tcPr><w:p>{_run(text)}</w:p></w:tc>" for text, look in row),
                "</w:tr>",
            ]
        )
        for row in rows
    )
    assert docx.read(_body(f"<w:tbl>{table}</w:tbl>")).text.split("\n")[1:] == [
        "Drug: A | Day: 1 | Dose: 5 mg",
        "Drug: A | Day: 2 | Dose: 7 mg",
        "Drug: A | Day: 3 | Dose: 9 mg",
        f"Drug: {('long ' * 20).strip()} | Day: 4 | Dose: 8 mg",
        "Day: 5 | Dose: 9 mg",
    ]


def test_paragraphs_whose_mark_between_them_is_deleted_are_one() -> None:
    first = f"<w:p><w:pPr><w:rPr><w:del w:id='1'/></w:rPr></w:pPr>{_run('no ')}</w:p>"
    second = f"<w:p>{_run('notice')}</w:p>"
    table = f"<w:tbl><w:tr><w:tc>{first}{second}</w:tc></w:tr></w:tbl>"
    assert docx.read(_body(first + second)).text == "no notice"
    assert docx.read(_body(first + table)).text == "no\n\nno notice"


def test_hidden_text_is_not_read() -> None:
    runs = _run("a") + _run("hidden", "<w:vanish/>") + _run("b", "<w:vanish w:val='0'/>")
    assert docx.read(_body(f"<w:p>{runs}</w:p>")).text == "ab"


def test_signs_of_symbol_fonts_are_the_characters_they_mean() -> None:
    signs = (
        ("Symbol", "F06D"),
        ("Symbol", "B3"),
        ("Wingdings", "F0FE"),
        ("Segoe UI Symbol", "2713"),
        ("Webdings", "F021"),
    )
    runs = "".join(f"<w:r><w:sym w:font='{font}' w:char='{code}'/></w:r>" for font, code in signs)
    content = docx.read(_body(f"<w:p>{runs}</w:p>"))
    assert content.text == "µ≥☑✓\ufffd"
    assert content.notes == ("Signs of Webdings stand for no character and read as \ufffd.",)


def test_raised_figures_stay_raised() -> None:
    superscript = "<w:vertAlign w:val='superscript'/>"
    runs = _run("10") + _run("-", superscript) + _run("9", superscript) + _run(" 1") + _run("st", superscript)
    assert docx.read(_body(f"<w:p>{runs}</w:p>")).text == "10⁻⁹ 1st"


def test_text_behind_an_entity_is_refused_rather_than_lost() -> None:
    data = _with_body(example_files.word(("Normal", "MARK")), "MARK", "A &x; B")
    data = _with_body(data, "<w:document", "<!DOCTYPE d [<!ENTITY x SYSTEM 'file:///etc/hostname'>]><w:document")
    with pytest.raises(DocumentError, match="entities"):
        docx.read(data)


def test_text_in_content_controls_is_read() -> None:
    control = "<w:sdt><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    data = _with_body(example_files.word(("Normal", "plain")), "<w:body>", f"<w:body>{control}")
    assert docx.read(data).text == "controlled\n\nplain"


def test_a_cut_off_file_is_refused_as_damaged() -> None:
    with pytest.raises(DocumentError, match="damaged"):
        docx.read(example_files.word(("Normal", "x"))[:2000])


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "UNPACKED_BYTES_MAX", 1 << 20)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(2 << 20))
    with pytest.raises(DocumentError, match="unpacks to 2 MiB"):
        docx.read(written.getvalue())


def _with_body(data: bytes, old: str, new: str) -> bytes:
    """Change the XML of a document's body."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "word/document.xml":
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode(), 1)
            target.writestr(name, content)
    return written.getvalue()
