"""Word documents."""

from __future__ import annotations

import io
import zipfile

import pytest

from engine.documents import archives
from engine.documents.formats import docx
from engine.errors import DocumentError
from engine.records import Heading
from tests.engine.documents import example_files


def test_headings_lists_and_tables_come_in_order() -> None:
    data = example_files.word(
        ("Title", "Guideline"),
        ("Heading 1", "Dosage"),
        ("Normal", "Take one."),
        ("List Bullet", "with water"),
        ("List Bullet", "after meals"),
        [["Age", "Dose"], ["5", "1 mg"]],
        ("Heading 2", "Children"),
    )
    content = docx.read(data)
    assert content.text == (
        "Guideline\n\nDosage\n\nTake one.\n\n• with water\n• after meals\n\nAge | Dose\nAge: 5 | Dose: 1 mg\n\nChildren"
    )
    assert [(heading.level, heading.title) for heading in content.headings] == [
        (1, "Guideline"),
        (1, "Dosage"),
        (2, "Children"),
    ]
    assert content.headings[1] == Heading(11, 1, "Dosage")
    assert content.title == "Guideline"


def test_tracked_changes_read_as_accepted() -> None:
    change = (
        '<w:ins w:id="1"><w:r><w:t>new</w:t></w:r></w:ins><w:del w:id="2"><w:r><w:delText>old</w:delText></w:r></w:del>'
    )
    data = _with_body(example_files.word(("Normal", "MARK")), "<w:t>MARK</w:t></w:r>", f"<w:t>is </w:t></w:r>{change}")
    assert docx.read(data).text == "is new"


def test_text_in_content_controls_is_read() -> None:
    control = "<w:sdt><w:sdtContent><w:p><w:r><w:t>controlled</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    data = _with_body(example_files.word(("Normal", "plain")), "<w:body>", f"<w:body>{control}")
    assert docx.read(data).text == "controlled\n\nplain"


def test_a_cut_off_file_is_refused_as_damaged() -> None:
    with pytest.raises(DocumentError, match="damaged"):
        docx.read(example_files.word(("Normal", "x"))[:2000])


def test_a_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "UNPACKED_BYTES_MAX", 1 << 20)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(2 << 20))
    with pytest.raises(DocumentError, match="unpacks to 2 MiB"):
        docx.read(written.getvalue())


def _with_body(data: bytes, old: str, new: str) -> bytes:
    """Change the XML of a document's body."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(written, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "word/document.xml":
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode(), 1)
            target.writestr(name, content)
    return written.getvalue()
