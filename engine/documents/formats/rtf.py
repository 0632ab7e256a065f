"""Rich text (RTF): paragraphs, table rows and footnotes, with changes as accepted and without hidden text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from striprtf.striprtf import destinations, font_table_group, remove_pict_groups, rtf_to_text, specialchars

from engine.documents.content import Content, ContentBuilder, one_line
from engine.documents.symbols import character, is_symbol_font, raised
from engine.documents.tables import table_lines
from engine.errors import DocumentError

_TITLE = re.compile(r"\{\\info\b.{0,2000}?\{\\title ([^{}]*)\}", re.DOTALL)
_PICTURES = re.compile(rb"(?:[0-9a-fA-F]{64,}[\r\n]*){4,}")  # hex dumps: most of a file's bytes, and no text
_ROW = re.compile(r"[^\n]*\|[ \t]*")
_TOKEN = re.compile(r"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'[0-9a-fA-F]{2}|\\.|[{}]|[^\\{}]+|\\", re.DOTALL)
_FONT = re.compile(  # an entry of the font table
    r"\\f(\d{1,5})(?:\\[a-z]+-?\d* ?|\{\\\*[^{}]{0,200}\}){1,20}+[ \r\n]*([A-Za-z]+)(?:\{\\\*\\falt[^{}]*\})?;"
)
_TABLE_MARKS = {"cell", "nestcell", "row"}
_BLOCK_ENDS = {"par", "sect", "page", "row"}
_LINE_ENDS = {*_BLOCK_ENDS, "line"}
_SYNTAX = re.compile(r"[{}\\]")
_NOTE = "\v"  # opens a footnote's line, as it opens no line of a text


def read(data: bytes) -> Content:
    """Return the text of an RTF document."""
    source = _PICTURES.sub(b"", data).decode("cp1252", errors="replace")
    if not source.rstrip("\x00\r\n\t ").endswith("}"):
        raise DocumentError(
            "{name} is damaged: the rich text stops half-way.",
            hint="Get the file again from where it came from, then import it again.",
        )
    symbols = {number: name for number, name in _FONT.findall(font_table_group(source)) if is_symbol_font(name)}
    text = rtf_to_text(_Accepting(symbols).rewrite(remove_pict_groups(source)), errors="replace")
    builder = ContentBuilder()
    table: list[list[str]] = []
    for line in text.split("\n"):
        if _ROW.fullmatch(line) and line.count("|") > 1:
            table.append(line.strip().removesuffix("|").split("|"))
            continue
        _add_table(builder, table)
        table = []
        if line.startswith(_NOTE):
            builder.add(one_line(line), separator="\n")
        else:
            builder.add(line)
    _add_table(builder, table)
    title = _TITLE.search(source)
    return builder.build(kind="rtf", title=one_line(rtf_to_text("{\\rtf1 " + title.group(1) + "}")) if title else "")


@dataclass(frozen=True, slots=True)
class _Look:
    """How the characters of a group look, as far as it changes what they say."""

    deleted: bool = False
    hidden: bool = False
    raised: bool = False
    symbols: str = ""  # the font, where its codes are signs


@dataclass(slots=True)
class _Group:
    """An open group."""

    look: _Look
    written: list[str]  # where its tokens go
    start: int  # its place in there
    aside: bool  # not part of the text, as the library sees it
    in_note: bool
    is_note: bool = False


class _Accepting:
    """Rewrites rich text for the library, which reads what is deleted and hidden, drops footnotes, and takes the codes
    of symbol fonts for characters; `symbols` names those fonts by their number.
    """

    def __init__(self, symbols: dict[str, str]) -> None:
        self._symbols = symbols
        self._groups = [_Group(_Look(), [], 0, aside=False, in_note=False)]
        self._notes: list[str] = []  # that wait for the end of their paragraph
        self._count = 0

    def rewrite(self, source: str) -> str:
        """Return `source` without what is deleted or hidden, its figures raised, its footnotes below their line."""
        for match in _TOKEN.finditer(source):
            self._take(match.group(), match.group(1) or "", match.group(2) or "")
        while len(self._groups) > 1:
            self._close()
        return "".join(self._groups[0].written)

    def _take(self, token: str, word: str, number: str) -> None:
        group = self._groups[-1]
        if token == "{":
            self._groups.append(replace(group, start=len(group.written), is_note=False))
            group.written.append(token)
        elif token == "}":
            if len(self._groups) > 1:
                self._close()
        elif word:
            self._take_word(group, token, word, number)
        elif token == r"\*":
            group.aside = True
            group.written.append(token)
        elif not (group.look.deleted or group.look.hidden):
            group.written.append(_shown(token, group.look))

    def _take_word(self, group: _Group, token: str, word: str, number: str) -> None:
        left_out = group.look.deleted or group.look.hidden
        if word == "footnote" and len(self._groups) > 1 and not (left_out or group.in_note or self._groups[-2].aside):
            del group.written[group.start :]
            self._groups[-1] = _Group(_Look(), [], 0, aside=False, in_note=True, is_note=True)
            self._count += 1
            return
        group.aside = group.aside or word in destinations
        if word == "f":
            group.look = replace(group.look, symbols=self._symbols.get(number, ""))
        group.look = _look(group.look, word, on=number != "0")
        if left_out and (word == "u" or (word in specialchars and word not in _TABLE_MARKS)):
            return
        if group.in_note and word in _LINE_ENDS:
            group.written.append("{ }")  # a note is one line
            return
        if word == "u" and group.look.symbols and number:
            token = rf"\u{ord(character(group.look.symbols, int(number) % 0x10000))} "
        group.written.append(token)
        if word in _BLOCK_ENDS and not group.aside:
            self._write_notes(group)

    def _close(self) -> None:
        group = self._groups.pop()
        if group.is_note:
            self._groups[-1].written.append(f"{{[{self._count}]}}")
            self._notes.append(rf"{{\'0b[{self._count}] {''.join(group.written)}}}\par ")
            return
        if len(self._groups) == 1 and self._notes:
            group.written.append(r"\par ")
            self._write_notes(group)
        group.written.append("}")

    def _write_notes(self, group: _Group) -> None:
        group.written += self._notes
        self._notes.clear()


def _shown(token: str, look: _Look) -> str:
    """Return text, or one character by its code, as what it means."""
    if look.symbols:
        codes = [int(token[2:], 16)] if token.startswith(r"\'") else map(ord, token)
        if not token.startswith("\\") or token[1] == "'":
            shown = "".join(character(look.symbols, code) if code >= ord(" ") else chr(code) for code in codes)
            return _SYNTAX.sub(r"\\\g<0>", shown)
    return raised(token) if look.raised and not token.startswith("\\") else token


def _look(look: _Look, word: str, *, on: bool) -> _Look:
    match word:
        case "deleted":
            return replace(look, deleted=on)
        case "v":
            return replace(look, hidden=on)
        case "super":
            return replace(look, raised=on)
        case "sub" | "nosupersub":
            return replace(look, raised=False)
        case "plain":
            return _Look()
        case _:
            return look


def _add_table(builder: ContentBuilder, table: list[list[str]]) -> None:
    for place, (_, line) in enumerate(table_lines(table)):
        builder.add(line, separator="\n" if place else "\n\n")
