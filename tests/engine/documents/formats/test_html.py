"""HTML."""

from __future__ import annotations

from engine.documents.formats import html
from engine.records import Heading


def test_only_what_a_reader_sees_is_text() -> None:
    page = b"""<html><head><title> The
      page </title><style>p {}</style></head><body><nav><a href=x>Home</a></nav><p>Seen <b>text</b>.</p>
      <script>alert(1)</script><p hidden>no</p><p style="display: none">no</p><!-- no --><noscript>no</noscript>
      <div>more<br>lines</div></body></html>"""
    content = html.read(page)
    assert content.text == "Seen text.\n\nmore\nlines"
    assert content.title == "The page"


def test_headings_open_sections() -> None:
    content = html.read(b"<h1>One</h1><p>a</p><h2>Two <i>b</i></h2><p>c</p>")
    assert content.text == "One\n\na\n\nTwo b\n\nc"
    assert content.headings == (Heading(0, 1, "One"), Heading(8, 2, "Two b"))


def test_tables_become_rows_of_cells() -> None:
    content = html.read(
        b"<table><tr><th>Drug</th><th>Dose</th></tr><tr><td><p>A</p></td><td>5 mg</td></tr></table><p>end"
    )
    assert content.text == "Drug | Dose\nDrug: A | Dose: 5 mg\n\nend"


def test_a_table_inside_a_cell_loses_nothing() -> None:
    page = b"<table><tr><td>a</td><td>x<table><tr><td>i</td><td>j</td></tr></table>y</td><td>b</td></tr></table>"
    assert html.read(page).text.split() == ["a", "|", "x", "i", "|", "j", "y", "b"]


def test_preformatted_text_keeps_its_lines() -> None:
    assert html.read(b"<pre>a\n  b</pre>").text == "a\n  b"


def test_a_wrongly_declared_charset_is_not_believed() -> None:
    page = '<meta charset="utf-8"><p>' + "Die Übelkeit während der Behandlung ließ nach. " * 5
    assert "Übelkeit während" in html.read(page.encode("cp1252")).text


def test_a_rightly_declared_charset_is_believed() -> None:
    page = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251"><p>Врач'
    assert html.read(page.encode("cp1251")).text == "Врач"


def test_deep_nesting_does_not_end_the_reader() -> None:
    assert "deep" in html.read(b"<div>" * 20_000 + b"deep").text
