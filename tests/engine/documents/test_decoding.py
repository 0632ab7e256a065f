"""Text in any encoding."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.documents.content import Content
from engine.documents.decoding import decode, is_text
from engine.documents.formats import delimited, html, markdown, txt

RUSSIAN = "Однажды, в студёную зимнюю пору, я из лесу вышел; был сильный мороз. " * 3


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1251", "cp866", "koi8-r"])
def test_russian_is_read_in_every_encoding(encoding: str) -> None:
    assert decode(RUSSIAN.encode(encoding)) == RUSSIAN


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_recognised(encoding: str) -> None:
    assert decode("The patient was given 5 mg.".encode(encoding)) == "The patient was given 5 mg."


def test_a_few_western_words_are_western() -> None:
    assert decode("## können – äöüß\n".encode("cp1252")) == "## können – äöüß\n"


def test_a_declared_encoding_counts_only_where_utf8_does_not_fit() -> None:
    assert decode("Übung".encode(), declared="iso-8859-1") == "Übung"
    assert decode("Врач".encode("cp1251"), declared="windows-1251") == "Врач"
    assert decode(b"plain", declared="no-such-encoding") == "plain"
    assert decode("Übung".encode("cp1252"), declared="hex") == "Übung"


@pytest.mark.parametrize(
    ("line", "encoding"), [("Übergröße ist elf Milligramm.", "cp1252"), (RUSSIAN.strip(), "cp1251")]
)
def test_lines_of_another_encoding_among_utf8_are_read_in_theirs(line: str, encoding: str) -> None:
    notes: list[str] = []
    assert decode(b"\r\n".join([line.encode(), b"plain", line.encode(encoding)]), note=notes.append) == "\r\n".join(
        [line, "plain", line]
    )
    assert [encoding in note for note in notes] == [True]
    assert decode("\n".join([line, line]).encode(encoding), note=notes.append) == f"{line}\n{line}"
    assert decode("\n".join([line, line]).encode(), note=notes.append) == f"{line}\n{line}"
    assert len(notes) == 1


def test_lines_that_are_not_utf8_are_read_in_the_declared_encoding() -> None:
    lines = ["Übergröße", "№ 5 Ђ"]
    data = lines[0].encode() + b"\n" + lines[1].encode("cp1251")
    assert decode(data, declared="windows-1251") == "\n".join(lines)


@pytest.mark.parametrize("read", [txt.read, markdown.read, html.read, lambda data: delimited.read(data, print)])
def test_a_document_says_that_some_of_its_lines_are_in_another_encoding(read: Callable[[bytes], Content]) -> None:
    (note,) = read("Größe,ist\nzehn,zwölf\n".encode() + "groß,elf\n".encode("cp1252")).notes
    assert "not UTF-8 as the others are" in note


def test_binary_is_not_text() -> None:
    assert not is_text(bytes(range(256)))
    assert is_text("naïve".encode("utf-16"))
    assert is_text(b"")
