"""E-mails in both formats."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from engine.documents.formats import eml, msg
from engine.documents.parser_child import parse
from engine.errors import DocumentError
from tests.engine.documents import example_files


def _mail(text: str = "See the attached lease.", *, subject: str = "Lease") -> EmailMessage:
    mail = EmailMessage()
    mail["Subject"], mail["From"], mail["To"] = subject, "Anna <anna@example.org>", "Ben <ben@example.org>"
    mail.set_content(text)
    return mail


def test_a_mail_is_its_head_and_its_text() -> None:
    content = eml.read(_mail().as_bytes())
    assert content.title == "Lease"
    assert content.text == (
        "Subject: Lease\nFrom: Anna <anna@example.org>\nTo: Ben <ben@example.org>\n\nSee the attached lease."
    )


def test_html_is_read_where_there_is_no_plain_text() -> None:
    mail = EmailMessage()
    mail["Subject"] = "News"
    mail.set_content("<p>One</p><script>no()</script><p>Two</p>", subtype="html")
    assert eml.read(mail.as_bytes()).text == "Subject: News\n\nOne\n\nTwo"


@pytest.mark.parametrize(
    ("subject", "declared"),
    [
        ("Größe ohne Kodierung – Änderung".encode("cp1252"), b""),
        ("Größe ohne Kodierung – Änderung".encode(), b""),
        (b"=?utf-8?q?Gr=C3=B6=C3=9Fe?= ohne Kodierung\r\n =?utf-8?b?4oCTIMOEbmRlcnVuZw==?=", b""),
        ("Größe ohne Kodierung – Änderung".encode("cp1250"), b"Content-Type: text/plain; charset=windows-1250\r\n"),
    ],
)
def test_a_subject_is_read_in_whatever_encoding_it_is(subject: bytes, declared: bytes) -> None:
    content = eml.read(b"Subject: " + subject + b"\r\n" + declared + b"\r\nwords")
    assert content.title == "Größe ohne Kodierung – Änderung"


def _mixed(*parts: str, kind: str = "mixed") -> str:
    """Parts of a message as mail programs write them, each its headers, a blank line and its text."""
    marked = "".join(f"--{kind}\n{part}\n" for part in parts)
    return f"Content-Type: multipart/{kind}; boundary={kind}\n\n{marked}--{kind}--\n"


def test_text_after_an_attachment_is_read_and_files_without_a_name_are_attached() -> None:
    parts = _mixed(
        "Content-Type: text/plain\n\nSee plan.",
        "Content-Type: application/pdf\nContent-Disposition: inline; filename=x.pdf\n\n%PDF-",
        "Content-Type: text/html\n\n<p>The hearing is on 5 May.",
        "Content-Type: application/pdf\nContent-Disposition: attachment\n\n%PDF-1.4",
        "Content-Type: application/pgp-signature\n\nsigned",
    )
    data = f"Subject: s\nMIME-Version: 1.0\n{parts}".encode()
    content = eml.read(data)
    assert content.text == ("Subject: s\nAttachments: x.pdf, attachment 2\n\nSee plan.\n\nThe hearing is on 5 May.")
    assert eml.attachment(data, 1) == ("attachment 2", b"%PDF-1.4")


_NAMED = "Content-Type: text/{}; name=body.{}\n\n{}"


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (_mixed(_NAMED.format("plain", "txt", "words"), _NAMED.format("plain", "txt", "file")), "words"),
        (
            _mixed(
                "Content-Type: text/plain\n\nwords",
                _mixed(_NAMED.format("html", "htm", "<p>page"), _NAMED.format("html", "htm", "file"), kind="related"),
            ),
            "words\n\npage",
        ),
        (
            _mixed(
                "Content-Type: text/plain\nContent-Disposition: attachment; filename=body.txt\n\nfile",
                "Content-Type: text/plain\n\nwords",
            ),
            "words",
        ),
    ],
)
def test_a_name_makes_no_file_of_what_the_mail_says(parts: str, text: str) -> None:
    content = eml.read(f"Subject: s\nMIME-Version: 1.0\n{parts}".encode())
    assert len(content.attachments) == 1
    assert content.text == f"Subject: s\nAttachments: {content.attachments[0]}\n\n{text}"


@pytest.mark.parametrize(
    "part",
    [
        "Content-Type: text/rfc822-headers\n\nSubject: returned",
        "Content-Type: image/png\nContent-Disposition: inline\n\npicture",
    ],
)
def test_what_belongs_to_a_mail_without_a_name_is_no_file(part: str) -> None:
    parts = _mixed("Content-Type: text/plain\n\nwords", part)
    assert eml.read(f"Subject: s\nMIME-Version: 1.0\n{parts}".encode()).text == "Subject: s\n\nwords"


@pytest.mark.parametrize("boundary", ["", "; boundary=gone"])
def test_a_mail_whose_parts_cannot_be_told_apart_is_its_words(boundary: str) -> None:
    content = eml.read(f"Subject: s\nMIME-Version: 1.0\nContent-Type: multipart/mixed{boundary}\n\nwords".encode())
    assert content.text == "Subject: s\n\nwords"


@pytest.mark.parametrize(("plain", "text"), [("plainly", "plainly"), (" ", "as a page\n\ngoes on")])
def test_of_alternatives_the_plain_one_is_read_where_it_says_something(plain: str, text: str) -> None:
    pages = _mixed("Content-Type: text/html\n\n<p>as a page", "Content-Type: text/html\n\n<p>goes on")
    parts = _mixed(
        f"Content-Type: text/plain\n\n{plain}", pages, "Content-Type: text/calendar\n\nBEGIN", kind="alternative"
    )
    assert eml.read(f"Subject: s\nMIME-Version: 1.0\n{parts}".encode()).text == f"Subject: s\n\n{text}"


def test_attachments_are_documents_of_their_own(tmp_path: Path) -> None:
    mail, inner = _mail(), _mail("The inner text.", subject="Re: Lease")
    inner.add_attachment(b"a,b\n1,2\n", maintype="text", subtype="csv", filename="rates.csv")
    mail.add_attachment(example_files.pdf("Clause one"), maintype="application", subtype="pdf", filename="lease.pdf")
    mail.add_attachment(inner)
    path = tmp_path / "mail.eml"
    path.write_bytes(mail.as_bytes())
    whole, pdf, forwarded, rates = (parse(path, way).content for way in ((), (0,), (1,), (1, 0)))
    assert whole is not None
    assert whole.attachments == ("lease.pdf", "Re: Lease.eml")
    assert whole.text.endswith("See the attached lease.")
    assert (pdf.kind, pdf.text.strip()) == ("pdf", "Clause one")
    assert forwarded.text.endswith("The inner text.")
    assert (rates.kind, rates.text) == ("csv", "a | b\na: 1 | b: 2")


def test_an_encrypted_mail_is_a_sentence() -> None:
    data = b"Subject: x\nMIME-Version: 1.0\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nabc"
    with pytest.raises(DocumentError, match="encrypted"):
        eml.read(data)


def test_a_text_in_an_unknown_character_set_is_still_read() -> None:
    data = "Subject: x\nContent-Type: text/plain; charset=no-such\nContent-Transfer-Encoding: 8bit\n\nGrüße".encode()
    assert eml.read(data).text == "Subject: x\n\nGrüße"


def test_compressed_rich_text_is_unpacked() -> None:
    # the example of [MS-OXRTFCP] 4.1.1
    data = bytes.fromhex(
        "2d0000002b0000004c5a4675f1c5c7a703000a007263706731323542320af32068656c090020627705b06c647d0a800fa0"
    )
    assert msg._uncompressed(data) == b"{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n"
