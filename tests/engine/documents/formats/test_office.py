"""OpenDocument, PowerPoint, RTF, EPUB, and what Word keeps beside the body."""

from __future__ import annotations

import io
import zipfile
from xml.sax.saxutils import escape

import docx as python_docx
import pptx as python_pptx
import pytest

from engine.documents import content as documents_content
from engine.documents.archives import opened
from engine.documents.content import Content
from engine.documents.formats import docx, epub, odt, pptx, rtf
from engine.errors import DocumentError

_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def _report(done: int, total: int) -> None:
    pass


def _zip(**members: str | bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml").replace("_html", ".html"), data)
    return written.getvalue()


def _odt(body: str) -> Content:
    return odt.read(
        _zip(
            content_xml=f"<office:document-content {_SPACES}><office:body><office:text>{body}</office:text>"
            "</office:body></office:document-content>"
        )
    )


def test_an_open_document_text_reads_in_order() -> None:
    content = _odt(
        "<text:tracked-changes><text:p>deleted</text:p></text:tracked-changes>"
        '<text:h text:outline-level="1">Terms</text:h>'
        "<text:p>One<text:s text:c='2'/>two<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>A footnote.</text:p></text:note-body></text:note>.</text:p>"
        "<text:list><text:list-item><text:p>first</text:p></text:list-item>"
        "<text:list-item><text:p>second</text:p></text:list-item></text:list>"
        "<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>Drug</text:p>"
        "</table:table-cell><table:table-cell><text:p>Dose</text:p></table:table-cell></table:table-row>"
        "</table:table-header-rows><table:table-row><table:table-cell><text:p>aspirin</text:p></table:table-cell>"
        "<table:table-cell><text:p>low</text:p></table:table-cell></table:table-row></table:table>"
    )
    assert content.text == (
        "Terms\n\nOne  two[1].\n[1] A footnote.\n\n• first\n• second\n\nDrug | Dose\nDrug: aspirin | Dose: low"
    )
    assert [(heading.level, heading.title) for heading in content.headings] == [(1, "Terms")]


def test_repeated_cells_keep_to_a_table_and_spaces_to_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = "<table:table-cell table:number-columns-repeated='1000'><text:p>x</text:p></table:table-cell>"
    row = f"<table:table-row>{cell * 3}</table:table-row>"
    spaces = "<text:s text:c='1000'/>" * 11
    assert _odt(f"<table:table>{row}</table:table>").text.count("x") == 1002
    monkeypatch.setattr(documents_content, "TEXT_CHARACTERS_MAX", 10_000)
    for body in (f"<table:table>{row * 4}</table:table>", f"<text:p>{spaces}</text:p>"):
        with pytest.raises(DocumentError, match="more text"):
            _odt(body)


def test_empty_cells_that_a_row_ends_with_are_no_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents_content, "TEXT_CHARACTERS_MAX", 1000)
    empty = "<table:table-cell table:number-columns-repeated='1000'/>"
    row = f"<table:table-row><table:table-cell><text:p>x</text:p></table:table-cell>{empty}</table:table-row>"
    assert _odt(f"<table:table>{row * 2}</table:table>").text == "x\nx"


def test_a_protected_open_document_is_a_sentence() -> None:
    data = _zip(content_xml=b"\x00noise", **{"META-INF__manifest_xml": "<manifest:encryption-data/>"})
    with pytest.raises(DocumentError, match="password"):
        odt.read(data)


def test_entities_are_never_resolved() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    data = _zip(
        content_xml=f"{bomb}<office:document-content {_SPACES}><office:body><office:text><text:p>[&b;]</text:p>"
        "</office:text></office:body></office:document-content>"
    )
    with pytest.raises(DocumentError, match="entities"):
        odt.read(data)


def test_a_slide_is_a_page_with_its_notes() -> None:
    presentation = python_pptx.Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = "Dosage"
    slide.placeholders[1].text_frame.text = "Twice a day"
    slide.notes_slide.notes_text_frame.text = "Ask the pharmacist."
    second = presentation.slides.add_slide(presentation.slide_layouts[6])
    table = second.shapes.add_table(2, 2, 0, 0, 100, 100).table
    for place, text in enumerate(("Drug", "Dose", "aspirin", "low")):
        table.cell(place // 2, place % 2).text = text
    written = io.BytesIO()
    presentation.save(written)
    content = pptx.read(written.getvalue(), _report)
    assert content.text == (
        "Dosage\n\nTwice a day\n\nNotes: Ask the pharmacist.\n\nDrug | Dose\nDrug: aspirin | Dose: low"
    )
    assert content.page_starts == (0, content.text.index("Drug"))
    assert [heading.title for heading in content.headings] == ["Dosage", "Slide 2"]


def test_rich_text_is_read_with_its_encoding_and_tables() -> None:
    data = (
        b"{\\rtf1\\ansi\\ansicpg1252{\\info{\\title Rules}}{\\fonttbl{\\f0 Arial;}}\\pard Gr\\'fc\\'dfe \\u8364?5\\par "
        b"\\trowd\\intbl Drug\\cell Dose\\cell Form\\cell\\row\\trowd\\intbl a\\cell 1\\cell x\\cell\\row"
        b"\\pard End\\par}"
    )
    content = rtf.read(data)
    assert content.title == "Rules"
    assert content.text == "Grüße €5\n\nDrug | Dose | Form\nDrug: a | Dose: 1 | Form: x\n\nEnd"


@pytest.mark.parametrize(
    ("font", "body", "text"),
    [
        (rb"{\f3\fnil\fcharset2 Symbol;}", rb"Give {\f3 m}g if CrCl {\f3 \'b3} 30", "Give µg if CrCl ≥ 30"),
        (
            rb"{\f3\fbidi \froman\fcharset2\fprq2{\*\panose 05050102010706020507}Symbol;}",
            rb"CrCl {\f3\u-3917?} 30, {\f3\u-3987\'6d}g\f0 m",
            "CrCl ≥ 30, µgm",
        ),
        (rb"{\f4\fnil\fcharset2 Wingdings;}", rb"{\f4\'fe} yes", "☑ yes"),
        (rb"{\f3\fnil Arial;}", rb"{\f3 m\'b3}", "m³"),
        (rb"{\f3\fnil Symbol;}", rb"{\f3\'7bm\'7d} kept", "{µ} kept"),
        (rb"{\f3\fnil Symbol;}", rb"{\f3\u945?\u8226\'95 \'95}", "α• •"),
        (rb"{\f3\fnil Symbol{\*\falt Arial};}", rb"{\f3 m}g {\f4\b Symbol; m}", "µg Symbol; m"),
    ],
)
def test_signs_of_symbol_fonts_in_rtf_read_as_what_they_mean(font: bytes, body: bytes, text: str) -> None:
    assert _rtf(rb"{\fonttbl{\f0 Times;}" + font + rb"}\f0 " + body) == text


@pytest.mark.timeout(20)
def test_rich_text_of_many_fonts_is_read_in_no_time() -> None:
    assert _rtf(rb"\f1" * 100_000 + b" x") == "x"


def _rtf(body: bytes) -> str:
    return rtf.read(b"{\\rtf1\\ansi " + body + b"}").text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"is {\deleted 30}{\revised 60} days\par", "is 60 days"),
        (rb"is \deleted\'33\u48?\par\deleted0 60\par", "is 60"),
        (rb"a {\v hidden}{\v \plain b}\par", "a b"),
        (rb"10{\super -}{\super 3}\par", "10\u207b\u00b3"),
        (rb"10{\super 9}/L, 1{\super st}, {\super\'32}\nosupersub 3\par", "10\u2079/L, 1st, 23"),
        (rb"{\deleted gone{\footnote of it}}kept\par", "kept"),
    ],
)
def test_rich_text_reads_as_accepted_and_seen(body: bytes, text: str) -> None:
    assert _rtf(body) == text


def test_footnotes_of_rich_text_stand_below_their_paragraph() -> None:
    body = (
        rb"Rent{\super\chftn{\*\footnote\pard\plain{\super\chftn} monthly\par in\line {\b advance}}} is due.\par "
        rb"Next{\footnote second}{\header page\par}.\par Last{\footnote third}"
    )
    assert _rtf(body) == ("Rent[1] is due.\n[1] monthly in advance\n\nNext[2].\n[2] second\n\nLast[3]\n[3] third")


def test_rich_text_that_stops_half_way_is_a_sentence() -> None:
    with pytest.raises(DocumentError, match="half-way"):
        rtf.read(b"{\\rtf1 words")


def test_a_book_is_read_in_the_order_of_its_spine() -> None:
    opf = (
        '<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>Alps</dc:title></metadata><manifest>"
        '<item id="b" href="two.html" media-type="application/xhtml+xml"/>'
        '<item id="a" href="one.html" media-type="application/xhtml+xml"/>'
        '<item id="c" href="gone.html" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/><itemref idref="a"/><itemref idref="c"/></spine></package>'
    )
    data = _zip(
        **{
            "META-INF__container_xml": '<container><rootfile full-path="O/book.opf"/></container>',
            "O__book.opf": opf,
            "O__one_html": "<h1>First</h1><p>Snow.</p>",
            "O__two_html": "<h1>Second</h1><p>Ice.</p>",
        }
    )
    content = epub.read(data, _report)
    assert (content.title, content.text) == ("Alps", "First\n\nSnow.\n\nSecond\n\nIce.")
    assert content.notes == ("1 of its 3 chapters are not in the file.",)


def test_word_numbers_its_clauses_and_notes() -> None:
    document = python_docx.Document()
    for text in ("Rent", "Notice"):
        document.add_paragraph(text, style="List Number")
    document.add_paragraph("Pets", style="List Bullet")
    written = io.BytesIO()
    document.save(written)
    assert docx.read(written.getvalue()).text == "1. Rent\n2. Notice\n• Pets"


def test_a_word_footnote_stands_below_its_paragraph() -> None:
    document = python_docx.Document()
    document.add_paragraph("Rent is due.")
    written = io.BytesIO()
    document.save(written)
    source = zipfile.ZipFile(io.BytesIO(written.getvalue()))
    parts = {name: source.read(name) for name in source.namelist()}
    parts["word/document.xml"] = parts["word/document.xml"].replace(
        b"Rent is due.</w:t></w:r>",
        b'Rent is due.</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r>'
        b'<w:del w:id="9"><w:r><w:footnoteReference w:id="3"/></w:r></w:del>',
    )
    parts["word/footnotes.xml"] = (
        f'<w:footnotes xmlns:w="{_WORD}"><w:footnote w:id="2"><w:p><w:r><w:t>{escape("On the 3rd.")}</w:t></w:r></w:p>'
        '</w:footnote><w:footnote w:id="3"><w:p><w:r><w:t>Of what is deleted.</w:t></w:r></w:p></w:footnote>'
        "</w:footnotes>"
    ).encode()
    parts["word/_rels/document.xml.rels"] = parts["word/_rels/document.xml.rels"].replace(
        b"</Relationships>",
        b'<Relationship Id="rId99" Target="footnotes.xml" Type='
        b'"http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"/></Relationships>',
    )
    parts["[Content_Types].xml"] = parts["[Content_Types].xml"].replace(
        b"</Types>",
        b'<Override PartName="/word/footnotes.xml" ContentType='
        b'"application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"/></Types>',
    )
    parts["word/embeddings/plan.xlsx"] = b"x"
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    content = docx.read(written.getvalue())
    assert content.text == "Rent is due.[2]\n[2] On the 3rd."
    assert content.notes == ("Files inside were not opened: plan.xlsx.",)


def test_what_unpacks_beyond_measure_is_refused_unread() -> None:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * (300 << 20))
    with pytest.raises(DocumentError, match="unpacks to 300 MiB"):
        opened(written.getvalue())
