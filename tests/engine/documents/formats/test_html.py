"""HTML."""

from __future__ import annotations

import pytest

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


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        (
            "<tr><th rowspan=2>Drug<th colspan=2>Dose<tr><th>mg<th>mL<tr><td>A<td>5<td>2",
            "Drug | Dose\nDrug | mg | mL\nDrug: A | Dose mg: 5 | Dose mL: 2",
        ),
        (
            "<tr><th>Drug<th>Adult<th>Child<tr><td rowspan=2>A<td>5<td>2<tr><td>6<td>3<tr><td>B<td>7<td>4",
            "Drug | Adult | Child\nDrug: A | Adult: 5 | Child: 2\nDrug: A | Adult: 6 | Child: 3\n"
            "Drug: B | Adult: 7 | Child: 4",
        ),
        ("<tr><th>x<th>2019<th>2020<tr><td>y<td colspan=2>same", "x | 2019 | 2020\nx: y | same"),
        ("<tr><th>x<th colspan=2>2019<tr><td>y<td colspan=2>same", "x | 2019\nx: y | 2019: same"),
        (
            "<tr><th>Drug<th>Dose<th>Form<tr><td colspan=3>Antibiotics<tr><td>A<td>5<td>x",
            "Drug | Dose | Form\nAntibiotics\nDrug: A | Dose: 5 | Form: x",
        ),
        ("<tr><td rowspan=9>a<td>b<tr></tr><tr></tr><tr><td>c", "a | b\na | c"),
        (f"<tr><td rowspan=3>{'a' * 81}<td>b<tr><td>c<tr><td>d", f"{'a' * 81} | b\nc\nd"),
        (
            f"<tr><th>a<th>b<tr><th>a<th>{'c' * 79}<tr><td>1<td>2",
            f"a | b\na | {'c' * 79}\na: 1 | {'c' * 79}: 2",
        ),
        ("<tr><th>a<th>b<tr><td colspan=0>1<td rowspan=2>2<tr><td>3", "a | b\na: 1 | b: 2\na: 3 | b: 2"),
        (
            "<tr><th>a<th>b<th>c<tr><td>1<td>2<td rowspan=3>3<tr><td>4<tr><td>5<td>6",
            "a | b | c\na: 1 | b: 2 | c: 3\na: 4 | c: 3\na: 5 | b: 6 | c: 3",
        ),
        ("<tr><th colspan=2>Duck<tr><td>Kingdom<td>Animalia", "Duck\nKingdom | Animalia"),
        ("<tr><td><h3>Dose</h3>5 mg<td>x", "Dose 5 mg | x"),
    ],
)
def test_cells_stand_in_their_columns(rows: str, text: str) -> None:
    assert html.read(f"<table>{rows}</table>".encode()).text == text


def test_numbered_lists_keep_their_numbers() -> None:
    page = (
        b"<ol start=3><li>Rent<li><p>Deposit</p><ol type=a><li>sum<li>return</ol><li value=9><h3>Notice</h3></ol>"
        b"<ul><li>none</ul><ol style='list-style: none'><li>(1) own</ol>"
    )
    assert html.read(page).text.split("\n\n") == [
        "3. Rent", "4. Deposit", "a. sum", "b. return", "9. Notice", "none", "(1) own",
    ]  # fmt: skip


@pytest.mark.parametrize("counted", ["reversed", "start=-3", "start=1000000"])
def test_a_list_that_counts_in_another_way_gets_no_false_numbers(counted: str) -> None:
    assert html.read(f"<ol {counted}><li>Rent<li>Deposit</ol>".encode()).text == "Rent\n\nDeposit"


def test_figures_stay_raised_and_struck_words_are_gone() -> None:
    page = (
        b"<p>50 x 10<sup>9</sup>/L on the 1<sup>st</sup><sup>[<a>2</a>]</sup> of "
        b"<del>30</del><strike>50</strike> 60 days <s> in all"
    )
    assert html.read(page).text == "50 x 10\u2079/L on the 1st[2] of 60 days in all"


def test_what_is_hidden_in_a_heading_is_not_read() -> None:
    content = html.read(b"<h2><div>Head</div> <i style='display:none'>no</i> H<sub>2</sub>O</h2>")
    assert content.headings == (Heading(0, 2, "Head H2O"),)


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
