"""What a file is, by its content."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from engine.documents.detection import detect, is_data
from engine.errors import DocumentError
from tests.engine.documents import example_files

HTML = b"<!DOCTYPE html><html><body><p>x</p></body></html>"


def _zip(**members: bytes) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/"), data)
    return written.getvalue()


def _detect(name: str, data: bytes) -> str:
    return detect(name, data)


@pytest.mark.parametrize(
    ("name", "data", "kind"),
    [
        ("a.txt", b"words", "txt"),
        ("a.md", b"# words", "md"),
        ("a.html", b"words", "html"),
        ("page.txt", HTML, "html"),
        ("page.txt", b"<!-- saved -->\n<!-- today -->\n" + HTML, "html"),
        ("comments.txt", b"<!-- one -->\n" * 300 + b"words", "txt"),
        ("README.md", b"<html>words</html>", "md"),
        ("page", b"\xef\xbb\xbf" + HTML, "html"),
        ("a.PDF", example_files.pdf("x"), "pdf"),
        ("wrong.txt", example_files.pdf("x"), "pdf"),
        ("a.docx", example_files.word(("Normal", "x")), "docx"),
        ("no-ending", example_files.word(("Normal", "x")), "docx"),
        ("BMW.txt", b"BMW made the car.", "txt"),
        ("a.xlsx", _zip(xl__workbook=b""), "xlsx"),
        ("a.pptx", _zip(ppt__slides=b""), "pptx"),
        ("a", _zip(mimetype=b"application/epub+zip"), "epub"),
        ("a.zip", _zip(mimetype=b"application/vnd.oasis.opendocument.text"), "odt"),
        ("a.doc", b"{\\rtf1 words}", "rtf"),
        ("a.eml", b"From: a@b\nTo: c@d\nSubject: e\n\nwords", "eml"),
        ("a.txt", b"Received: from x\n by y\nFrom: a@b\n\nwords", "eml"),
        ("quoted.txt", b"From: a@b\nTo: c@d\nSubject: e\n\nwords", "txt"),
    ],
)
def test_content_decides(name: str, data: bytes, kind: str) -> None:
    assert _detect(name, data) == kind


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.pdf", b"", "a.pdf is empty"),
        ("a.txt", b" \n\n", "a.txt is empty"),
        ("a.docx", HTML, "named as a Word document but holds an HTML page"),
        ("a.pdf", HTML, "named as a PDF but holds an HTML page"),
        ("a.docx", b"PK\x03\x04 and no more", "the Word document is cut off or broken"),
        ("a.ods", _zip(mimetype=b"application/vnd.oasis.opendocument.spreadsheet"), "an OpenDocument spreadsheet"),
        ("a.zip", _zip(photos__a=b""), "a ZIP archive"),
        ("a.mbox", b"From a@b Thu Jan 1\nTo: c@d\n\nwords", "a mailbox"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and no more", "is cut off or broken"),
        ("a.bin", bytes(range(256)), "not text"),
        ("a.xml", b"<?xml version='1.0'?><data/>", "an XML file"),
    ],
)
def test_what_cannot_be_read_is_named_and_has_a_way_out(name: str, data: bytes, reason: str) -> None:
    with pytest.raises(DocumentError) as caught:
        _detect(name, data)
    assert reason in caught.value.message
    assert caught.value.hint


def test_data_files_are_told_by_name_unless_they_are_not_text() -> None:
    assert is_data(Path("a.jsonl"), b"{}") == "json"
    assert is_data(Path("a.CSV"), b"a,b") == "table"
    assert is_data(Path("a.txt"), b"a,b") is None
    assert is_data(Path("a.json"), b"%PDF-1.4") is None
