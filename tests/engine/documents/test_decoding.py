"""Text in any encoding."""

from __future__ import annotations

import pytest

from engine.documents.decoding import decode, is_text

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


def test_binary_is_not_text() -> None:
    assert not is_text(bytes(range(256)))
    assert is_text("naïve".encode("utf-16"))
    assert is_text(b"")
