"""Markdown."""

from __future__ import annotations

from engine.documents.formats import markdown
from engine.records import Heading


def test_headings_become_sections_and_the_first_one_the_title() -> None:
    content = markdown.read(b"# Dosage\n\nTake one.\n\n## Children\n\nTake **half** of [it](https://x.example).\n")
    assert content.text == "Dosage\n\nTake one.\n\nChildren\n\nTake half of it."
    assert content.headings == (Heading(0, 1, "Dosage"), Heading(19, 2, "Children"))
    assert content.title == "Dosage"


def test_tables_become_rows_and_code_stays() -> None:
    content = markdown.read(b"| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx = 1\n```\n")
    assert content.text == "a | b\na: 1 | b: 2\n\nx = 1"


def test_front_matter_and_raw_html_tags_are_not_text() -> None:
    content = markdown.read(b"---\nauthor: x\n---\nBefore\n\n<div>inside<script>bad()</script></div>\n\nafter\n")
    assert content.text == "Before\n\ninside\n\nafter"
