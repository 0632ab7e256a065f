"""HTML: the text a reader sees, without scripts, styles and navigation; headings as sections, tables as rows."""

from __future__ import annotations

import re

from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.element import PreformattedString

from engine.documents.content import Content, ContentBuilder, one_line
from engine.documents.decoding import decode
from engine.documents.tables import BAR

_DECLARED = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_INVISIBLE = {
    "script", "style", "noscript", "template", "nav", "svg", "math", "object", "iframe", "audio", "video", "canvas",
    "select", "button", "input", "textarea", "datalist", "dialog", "title", "meta", "link",
}  # fmt: skip
_BOILERPLATE_ROLES = {"navigation", "search", "banner", "contentinfo", "menu", "menubar", "toolbar"}
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_BLOCKS = {
    "address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main", "ol", "p",
    "section", "summary", "table", "tbody", "tfoot", "thead", "ul",
}  # fmt: skip
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CELLS = {"td", "th"}


def read(data: bytes) -> Content:
    """Return the visible text of an HTML file; its title is the page's own."""
    builder = ContentBuilder()
    title = add_to(builder, data)
    return builder.build(kind="html", title=title)


def add_to(builder: ContentBuilder, data: bytes) -> str:
    """Add the visible text of an HTML file to what is collected already; return the page's title."""
    declared = _DECLARED.search(data[:4096])
    soup = _parse(decode(data, declared=declared.group(1).decode("ascii") if declared else "", note=builder.note))
    walk = _Walk(builder)
    walk.visit(soup)
    walk.finish()
    title = soup.find("title")
    return title.get_text(" ") if title else ""


def visible_text(fragment: str) -> str:
    """Return the visible text of a piece of HTML."""
    builder = ContentBuilder()
    walk = _Walk(builder)
    walk.visit(_parse(fragment))
    walk.finish()
    return builder.build(kind="html", title="").text


def _parse(source: str) -> BeautifulSoup:
    # lxml refuses text that declares an encoding in an XML declaration: it is decoded already.
    return BeautifulSoup(_XML_DECLARATION.sub("", source), "lxml")


class _Walk:
    """Collects text while going through the tree, without recursion: hostile pages nest thousands deep."""

    def __init__(self, builder: ContentBuilder) -> None:
        self._builder = builder
        self._line: list[str] = []
        self._row: list[str] | None = None
        self._named_cells = 0  # of the row, those that are headers
        self._labels: list[str] = []  # of the table at hand, from a row of nothing but headers
        self._separator = "\n\n"
        self._preformatted = 0
        self._tables = 0

    def visit(self, root: Tag) -> None:
        """Take in everything visible under `root`."""
        stack: list[tuple[Tag | NavigableString, bool]] = [(root, False)]
        while stack:
            node, leaving = stack.pop()
            if isinstance(node, NavigableString):
                if not isinstance(node, PreformattedString):  # comments, declarations, processing instructions
                    self._take(str(node))
                continue
            if leaving:
                self._leave(node.name)
                continue
            if _is_hidden(node):
                continue
            if node.name in _HEADINGS and self._row is None:
                self._flush()
                self._builder.add_heading(_heading_text(node), level=_HEADINGS[node.name])
                continue
            self._enter(node.name)
            stack.append((node, True))
            stack.extend(
                (child, False) for child in reversed(node.contents) if isinstance(child, Tag | NavigableString)
            )

    def finish(self) -> None:
        """Add what is left."""
        self._flush()

    def _take(self, text: str) -> None:
        self._line.append(text if self._preformatted else re.sub(r"\s+", " ", text))

    def _enter(self, name: str) -> None:
        if name == "br":
            self._line.append("\n")
        elif name == "pre":
            self._flush()
            self._preformatted += 1
        elif name == "tr":
            self._break_row()
            self._row = []
        elif name in _CELLS:
            self._cell(keep_empty=False)
            self._named_cells += name == "th"
        elif name == "table":
            self._break_row()
            self._labels = []
            self._tables += 1
        elif name in _BLOCKS:
            self._flush()

    def _leave(self, name: str) -> None:
        if name == "pre":
            self._flush()
            self._preformatted -= 1
        elif name in _CELLS:
            self._cell(keep_empty=True)
        elif name == "tr":
            self._break_row()
        elif name in _BLOCKS:
            self._flush()
            if name == "table":
                self._labels = []
                self._tables -= 1
                self._separator = "\n\n"

    def _cell(self, *, keep_empty: bool) -> None:
        """End a table cell: its text joins the row. An empty one keeps its column."""
        text = one_line("".join(self._line))
        self._line.clear()
        if not text and not (keep_empty and self._row is not None):
            return
        if self._row is None:
            self._builder.add(text)
        else:
            self._row.append(text)

    def _break_row(self) -> None:
        """End a table row. A table inside a cell ends the outer row too: what follows reads as paragraphs."""
        if self._row is None:
            self._flush()
            return
        self._cell(keep_empty=False)
        row, self._row = self._row, None
        named, self._named_cells = self._named_cells, 0
        if named > 1 and named == len(row):
            self._labels = row
        elif len(row) == len(self._labels):
            row = [
                f"{label}: {cell}" if label and cell else cell for label, cell in zip(self._labels, row, strict=True)
            ]
        if any(row):
            self._builder.add(BAR.join(cell for cell in row if cell), separator=self._separator)
            self._separator = "\n"  # rows stand under one another

    def _flush(self) -> None:
        """End a block. Inside a row a block is only a gap between words."""
        if self._row is not None:
            self._line.append(" ")
            return
        text = "".join(self._line)
        self._line.clear()
        if not self._preformatted:
            text = re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"[^\S\n]+", " ", text)).strip()
        self._builder.add(text)
        if not self._tables:
            self._separator = "\n\n"


def _is_hidden(tag: Tag) -> bool:
    if tag.name in _INVISIBLE:
        return True
    if not tag.attrs:
        return False
    if "hidden" in tag.attrs or str(tag.get("role", "")).lower() in _BOILERPLATE_ROLES:
        return True
    return bool(_HIDDEN_STYLE.search(str(tag.get("style", ""))))


def _heading_text(tag: Tag) -> str:
    return " ".join(text for text in tag.stripped_strings)
