"""Pages drawn for a citation, through the worker's job and the parser child."""

from __future__ import annotations

import io
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from PIL import Image

from engine.device import Device
from engine.documents.job import ReadPage
from engine.errors import DocumentError
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import ModelLibrary
from engine.session import Session
from engine.workspace.workspace import Workspace
from tests.engine.documents import example_files


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    workspace = Workspace.create(tmp_path / "w", name="w", passphrase="secret")
    session = Session(workspace=workspace, library=ModelLibrary.default(), device=Device("cpu", "", 1, 0))
    yield session
    session.close()


def _imported(session: Session, path: Path, *passwords: str) -> str:
    report = ImportFiles((str(path),), passwords=passwords).run(session, Monitor())
    assert report.skipped == ()
    return session.workspace.documents.list()[-1].id


def _ink(picture: bytes, box: tuple[float, ...], width: float) -> float:
    """The share of dark pixels under a box."""
    image = Image.open(io.BytesIO(picture)).convert("L")
    scale = image.width / width
    part = image.crop(tuple(round(edge * scale) for edge in box))
    return sum(part.histogram()[:128]) / max(part.width * part.height, 1)


def test_a_quote_is_boxed_on_its_page(session: Session, tmp_path: Path) -> None:
    pages = [
        [
            (50, 40, 9, "Handbook of the department"),
            (50, 300, 12, f"Page {number} says:"),
            (50, 320, 12, "give five milligrams twice a day"),
            (50, 340, 12, "and call the doctor."),
        ]
        for number in range(1, 5)
    ]
    path = tmp_path / "handbook.pdf"
    path.write_bytes(example_files.placed_pdf(*pages))
    document = session.workspace.documents.get(_imported(session, path))
    start = document.text.index("five milligrams", document.page_starts[2])
    end = document.text.index("call the") + len("call the") - document.page_starts[0] + document.page_starts[2]
    page = ReadPage(document.id, 3, start, end).run(session, Monitor())
    assert (page.width, page.height) == (595, 842)
    first, second = page.boxes
    assert first[1] < 320 < first[3] + 3 and second[1] < 340 < second[3] + 3
    assert first[0] > 60 and second[0] == pytest.approx(50, abs=2)
    assert all(_ink(page.picture, box, page.width) > 0.1 for box in page.boxes)
    assert ReadPage(document.id, 3).run(session, Monitor()).boxes == ()


def test_a_turned_page_is_boxed_as_it_is_shown(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "turned.pdf"
    path.write_bytes(example_files.placed_pdf([(50, 300, 12, "give five milligrams")], rotation=90))
    document = session.workspace.documents.get(_imported(session, path))
    start = document.text.index("five")
    page = ReadPage(document.id, 1, start, start + 4).run(session, Monitor())
    (box,) = page.boxes
    assert (page.width, page.height) == (842, 595)
    assert box[3] - box[1] > box[2] - box[0]  # the word stands upright on the turned page
    assert _ink(page.picture, box, page.width) > 0.1


def test_the_words_of_a_scan_are_boxed(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(example_files.scanned_pdf(example_files.scan("Give five milligrams", "and call the doctor")))
    document = session.workspace.documents.get(_imported(session, path))
    row = session.workspace.documents.list()[-1]
    assert row.confidence is not None and row.confidence > 0.9
    start = document.text.index("five")
    page = ReadPage(document.id, 1, start, document.text.index("call") + 4).run(session, Monitor())
    assert len(page.boxes) == 2
    assert all(_ink(page.picture, box, page.width) > 0.05 for box in page.boxes)


def test_a_picture_is_shown_as_its_page(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "scan.png"
    example_files.scan("Give five milligrams", "and call the doctor").save(path)
    document = session.workspace.documents.get(_imported(session, path))
    start = document.text.index("doctor")
    page = ReadPage(document.id, 1, start, start + 6).run(session, Monitor())
    assert (page.width, len(page.boxes)) == (1200, 1)
    assert _ink(page.picture, page.boxes[0], page.width) > 0.05


def test_a_protected_pdf_is_shown_without_asking_again(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(example_files.encrypted_pdf("Secret words", password="open sesame"))
    document_id = _imported(session, path, "open sesame")
    assert len(ReadPage(document_id, 1, 0, 6).run(session, Monitor()).boxes) == 1


def test_a_text_has_no_page_to_show(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words", encoding="utf-8")
    document_id = _imported(session, path)
    with pytest.raises(DocumentError, match="no such page"):
        ReadPage(document_id, 1).run(session, Monitor())


def test_without_the_password_the_file_is_left_out_and_says_what_it_wants(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "secret.pdf"
    path.write_bytes(example_files.encrypted_pdf("Secret words", password="open sesame"))
    (skipped,) = ImportFiles((str(path),)).run(session, Monitor()).skipped
    assert skipped.wants == "password" and "protected with a password" in skipped.reason
    (skipped,) = ImportFiles((str(path),), passwords=("no",)).run(session, Monitor()).skipped
    assert skipped.reason.startswith("The password for secret.pdf is wrong.")
    assert session.workspace.documents.skipped() == (skipped,)
    assert "no" not in repr(ImportFiles((str(path),), passwords=("no",))).split("secret.pdf")[1]


def test_a_page_of_a_pdf_attached_to_a_mail_is_shown(session: Session, tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = "The plan", "a@example.org", "b@example.org"
    mail.set_content("See the two files.")
    for text in ("give one tablet", "give five milligrams"):
        data = example_files.placed_pdf([(50, 300, 12, text)])
        mail.add_attachment(data, maintype="application", subtype="pdf", filename=f"{text[5:8]}.pdf")
    path = tmp_path / "plan.eml"
    path.write_bytes(bytes(mail))
    ImportFiles((str(path),)).run(session, Monitor())
    found = {}
    for row in session.workspace.documents.list():
        if row.kind == "pdf":
            text = session.workspace.documents.get(row.id).text
            found[text] = ReadPage(row.id, 1, 5, 8).run(session, Monitor())
    assert set(found) == {"give one tablet", "give five milligrams"}
    assert all(_ink(page.picture, page.boxes[0], page.width) > 0.1 for page in found.values())
    assert found["give one tablet"].picture != found["give five milligrams"].picture


def test_a_file_named_like_an_attachment_is_shown_as_itself(session: Session, tmp_path: Path) -> None:
    path = tmp_path / "plan.eml#1-five.pdf"
    path.write_bytes(example_files.placed_pdf([(50, 300, 12, "give five milligrams")]))
    assert len(ReadPage(_imported(session, path), 1, 5, 9).run(session, Monitor()).boxes) == 1
