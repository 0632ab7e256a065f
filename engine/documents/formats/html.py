"""HTML: the text a reader sees, without scripts, styles and navigation; headings as sections, tables as rows."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.element import PreformattedString

from engine.documents.content import Content, ContentBuilder, one_line
from engine.documents.decoding import decode
from engine.documents.numbering import written
from engine.documents.symbols import raised
from engine.documents.tables import BAR, REPEATED_MAX

_DECLARED = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*\?>")
_INVISIBLE = {
    "script", "style", "noscript", "template", "nav", "svg", "math", "object", "iframe", "audio", "video", "canvas",
    "select", "button", "input", "textarea", "datalist", "dialog", "title", "meta", "link",
    "del", "strike",  # not "s": unclosed, as in other markup, it would take the text after it along
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
_NUMBERINGS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_WITHOUT_NUMBERS = re.compile(r"list-style(?:-type)?\s*:[^;]*\bnone\b", re.IGNORECASE)
_COLUMNS_MAX = 100  # that cells reach by their spans


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


@dataclass(slots=True)
class _List:
    """A list at hand."""

    form: str  # how it numbers its items; "" when it doesn't
    next: int = 1


@dataclass(frozen=True, slots=True)
class _Cell:
    """What stands in one column of a row."""

    text: str = ""
    named: bool = False  # the cell is a header
    spread: bool = False  # it began in a column before
    columns: int = 1  # that it stands in


class _Walk:
    """Collects text while going through the tree, without recursion: hostile pages nest thousands deep."""

    def __init__(self, builder: ContentBuilder) -> None:
        self._builder = builder
        self._line: list[str] = []
        self._row: list[_Cell] | None = None
        self._hanging: dict[int, tuple[int, _Cell]] = {}  # column → the cell that spans down it, for how many rows more
        self._labels: list[str] = []  # of the table at hand, from rows of nothing but headers
        self._names_rows = False  # the row before was one of them
        self._separator = "\n\n"
        self._preformatted = 0
        self._tables = 0
        self._raised: list[int] = []  # where in the line what is raised begins
        self._in_heading = False
        self._lists: list[_List] = []
        self._marker = ""  # of the list item at hand, until its first words

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
                self._leave(node)
                continue
            if _is_hidden(node):
                continue
            self._enter(node)
            stack.append((node, True))
            stack.extend(
                (child, False) for child in reversed(node.contents) if isinstance(child, Tag | NavigableString)
            )

    def finish(self) -> None:
        """Add what is left."""
        self._flush()

    def _take(self, text: str) -> None:
        self._line.append(text if self._preformatted else re.sub(r"\s+", " ", text))

    def _enter(self, node: Tag) -> None:
        name = node.name
        if name == "br":
            self._line.append("\n")
        elif name == "sup":
            self._raised.append(len(self._line))
        elif name == "pre":
            self._flush()
            self._preformatted += 1
        elif name == "tr":
            self._break_row()
            self._row = []
        elif name in _CELLS:
            self._cell(None)
        elif name == "table":
            self._break_row()
            self._open_table()
            self._tables += 1
        elif name in _HEADINGS:
            self._flush()
            self._in_heading = self._row is None
        elif name in _BLOCKS:
            self._flush()
            if name in ("ol", "ul"):
                self._lists.append(_list(node))
            elif name == "li":
                self._open_item(node)

    def _leave(self, node: Tag) -> None:
        name = node.name
        if name == "sup":
            start = self._raised.pop()
            self._line[start:] = [raised("".join(self._line[start:]))]
        elif name == "pre":
            self._flush()
            self._preformatted -= 1
        elif name in _CELLS:
            self._cell(node)
        elif name == "tr":
            self._break_row()
        elif name in _HEADINGS:
            self._close_heading(_HEADINGS[name])
        elif name in _BLOCKS:
            self._flush()
            if name == "table":
                self._open_table()
                self._tables -= 1
                self._separator = "\n\n"
            elif name in ("ol", "ul"):
                self._lists.pop()
            elif name == "li":
                self._marker = ""

    def _open_table(self) -> None:
        """Forget the columns of the table before; one inside another ends it."""
        self._labels = []
        self._names_rows = False
        self._hanging = {}

    def _open_item(self, node: Tag) -> None:
        listed = self._lists[-1] if self._lists else None
        if listed is None or not listed.form:
            return
        number = _integer(node, "value", default=listed.next)
        listed.next = number + 1
        marker = f"{written(number, listed.form)}. "
        if self._row is None:
            self._marker += marker
        else:
            self._line.append(marker)

    def _close_heading(self, level: int) -> None:
        if not self._in_heading:
            self._flush()
            return
        self._in_heading = False
        self._builder.add_heading(self._marked(one_line("".join(self._line))), level=level)
        self._line.clear()

    def _marked(self, text: str) -> str:
        """Return the text after the number of its list item, where it is the item's first."""
        if not text:
            return text
        marker, self._marker = self._marker, ""
        return marker + text

    def _cell(self, node: Tag | None) -> None:
        """End a table cell, or what stands between two: its text joins the row. An empty cell keeps its column."""
        text = one_line("".join(self._line))
        self._line.clear()
        if self._row is None:
            self._builder.add(self._marked(text))
        elif node is not None or text:
            self._fill()
            columns = max(1, min(_integer(node, "colspan", default=1), _COLUMNS_MAX - len(self._row)))
            rows = _integer(node, "rowspan", default=1)
            first = _Cell(text, named=node is not None and node.name == "th", columns=columns)
            for cell in (first, *[replace(first, spread=True)] * (columns - 1)):
                if rows > 1 and len(self._row) < _COLUMNS_MAX:
                    below = cell if len(text) <= REPEATED_MAX else replace(cell, text="")
                    self._hanging[len(self._row)] = (rows - 1, below)
                self._row.append(cell)

    def _fill(self) -> None:
        """Put the cells that hang down from rows above in their columns, as far as they come next."""
        while self._row is not None and len(self._row) in self._hanging:
            column = len(self._row)
            rows, cell = self._hanging.pop(column)
            self._row.append(cell)
            if rows > 1:
                self._hanging[column] = (rows - 1, cell)

    def _break_row(self) -> None:
        """End a table row. A table inside a cell ends the outer row too: what follows reads as paragraphs."""
        if self._row is None:
            self._flush()
            return
        self._cell(None)
        said = bool(self._row)  # more than what hangs down from rows above
        self._fill()
        while len(self._row) < max(self._hanging, default=0):
            self._row.append(_Cell())
            self._fill()
        row, self._row = self._row, None
        if not said:
            return
        line = [cell.text for cell in row if cell.text and not cell.spread]
        # One header over the whole width is a title, not the names of columns.
        if all(cell.named for cell in row) and sum(not cell.spread for cell in row) > 1:
            self._name_columns([cell.text for cell in row])
        else:
            self._names_rows = False
            if len(row) == len(self._labels):
                line = [
                    self._labelled(column, cell) for column, cell in enumerate(row) if cell.text and not cell.spread
                ]
        if line:
            self._builder.add(self._marked(BAR.join(line)), separator=self._separator)
            self._separator = "\n"  # rows stand under one another

    def _name_columns(self, names: list[str]) -> None:
        """Take a row of headers; below another it goes on with what that says: "Dose", then "mg", is "Dose mg"."""
        if self._names_rows and len(names) == len(self._labels):
            names = [_joined(above, name) for above, name in zip(self._labels, names, strict=True)]
        self._labels = names
        self._names_rows = True

    def _labelled(self, column: int, cell: _Cell) -> str:
        """Return the cell after its column's name; over several columns it has one only where they share it."""
        names = set(self._labels[column : column + cell.columns])
        label = names.pop() if len(names) == 1 else ""
        return f"{label}: {cell.text}" if label else cell.text

    def _flush(self) -> None:
        """End a block. Inside a row or a heading a block is only a gap between words."""
        if self._row is not None or self._in_heading:
            self._line.append(" ")
            return
        text = "".join(self._line)
        self._line.clear()
        if not self._preformatted:
            text = re.sub(r"[ \t]*\n[ \t]*", "\n", re.sub(r"[^\S\n]+", " ", text)).strip()
        self._builder.add(self._marked(text))
        if not self._tables:
            self._separator = "\n\n"


def _joined(above: str, name: str) -> str:
    """Return a column's name from two headers, one below the other; the lower where that would become a text."""
    if name in ("", above):
        return above
    joined = f"{above} {name}".strip()
    return joined if len(joined) <= REPEATED_MAX else name


def _is_hidden(tag: Tag) -> bool:
    if tag.name in _INVISIBLE:
        return True
    if not tag.attrs:
        return False
    if "hidden" in tag.attrs or str(tag.get("role", "")).lower() in _BOILERPLATE_ROLES:
        return True
    return bool(_HIDDEN_STYLE.search(str(tag.get("style", ""))))


def _list(tag: Tag) -> _List:
    """Return how a list numbers its items; one that counts in another way than up from a number has none here."""
    start = _integer(tag, "start", default=-1) if "start" in tag.attrs else 1
    unnumbered = "reversed" in tag.attrs or start < 0 or _WITHOUT_NUMBERS.search(str(tag.get("style", "")))
    if tag.name != "ol" or unnumbered:
        return _List("")
    return _List(_NUMBERINGS.get(str(tag.get("type", "")), "decimal"), start)


def _integer(tag: Tag | None, attribute: str, *, default: int) -> int:
    value = str(tag.get(attribute, "")).strip() if tag is not None else ""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else default
