"""Markdown: the text a reader sees, with its headings as sections."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from engine.documents.content import Content, ContentBuilder
from engine.documents.decoding import decode
from engine.documents.formats import html
from engine.documents.tables import table_lines

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)
_VISIBLE = {"text", "code_inline", "text_special"}
_DEPTH_MAX = 100  # of quotes and lists within one another
_BREAKS = {"softbreak", "hardbreak"}


def read(data: bytes) -> Content:
    """Return the visible text of a Markdown file; its title is the first heading of the first level."""
    builder = ContentBuilder()
    source = _FRONT_MATTER.sub("", decode(data, note=builder.note).replace("\r\n", "\n"), count=1)
    parser = MarkdownIt("commonmark", {"maxNesting": _DEPTH_MAX}).enable("table")
    title = ""
    heading_level = 0
    rows: list[list[str]] | None = None
    for token in parser.parse(source):
        match token.type:
            case "heading_open":
                heading_level = int(token.tag[1:])
            case "heading_close":
                heading_level = 0
            case "table_open":
                rows = []
            case "tr_open" if rows is not None:
                rows.append([])
            case "table_close":
                for place, (_, line) in enumerate(table_lines(rows or [], header=True)):
                    builder.add(line, separator="\n" if place else "\n\n")
                rows = None
            case "inline":
                text = _visible(token.children or [])
                if rows is not None:
                    rows[-1].append(text)
                elif heading_level:
                    title = title or (text if heading_level == 1 else "")
                    builder.add_heading(text, level=heading_level)
                else:
                    builder.add(text)
            case "fence" | "code_block":
                builder.add(token.content)
            case "html_block":
                builder.add(html.visible_text(token.content))
            case _:
                pass
    content = builder.build(kind="md", title=title)
    if not content.text and source.strip():  # nested deeper than anyone reads: the parser leaves it out
        builder.add(source)
        return builder.build(kind="md", title="")
    return content


def _visible(tokens: Sequence[Token]) -> str:
    parts: list[str] = []
    for token in tokens:
        if token.type in _VISIBLE:
            parts.append(token.content)
        elif token.type in _BREAKS:
            parts.append("\n")
        elif token.type == "image":
            parts.append(_visible(token.children or []))  # the description stands in for the picture
    return "".join(parts)
