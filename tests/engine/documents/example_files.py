"""Small files of the formats that no text editor writes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence

import docx
import pypdfium2 as pdfium
from PIL import Image, ImageDraw, ImageFont


def pdf(*pages: str, title: str = "", bookmarks: Sequence[tuple[str, int]] = ()) -> bytes:
    """A PDF with one line of Helvetica for each line of a page; `bookmarks` are titles with their page index."""
    objects: list[bytes] = [b""] * 4  # 1 catalogue, 2 pages, 3 font, 4 information
    kids: list[int] = []
    for page in pages:
        lines = b" ".join(b"(%s) Tj T*" % _escaped(line) for line in page.split("\n"))
        stream = b"BT /F1 12 Tf 14 TL 72 720 Td %s ET" % lines if page else b""
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % len(objects)
        )
        kids.append(len(objects))
    first_bookmark = len(objects) + 2
    outlines = b""
    if bookmarks:
        last = first_bookmark + len(bookmarks) - 1
        objects.append(
            b"<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>" % (first_bookmark, last, len(bookmarks))
        )
        outlines = b" /Outlines %d 0 R" % (first_bookmark - 1)
        for number, (name, page) in enumerate(bookmarks, start=first_bookmark):
            following = b" /Next %d 0 R" % (number + 1) if number < last else b""
            objects.append(
                b"<< /Title (%s) /Parent %d 0 R /Dest [%d 0 R /Fit]%s >>"
                % (_escaped(name), first_bookmark - 1, kids[page], following)
            )
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R%s >>" % outlines
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % kid for kid in kids), len(kids))
    objects[2] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects[3] = b"<< /Title (%s) >>" % _escaped(title)
    return _assembled(objects)


def word(*blocks: tuple[str, str] | list[list[str]]) -> bytes:
    """A Word document of (style, text) paragraphs and of tables, given as rows of cells."""
    document = docx.Document()
    for block in blocks:
        if isinstance(block, tuple):
            document.add_paragraph(block[1], style=block[0])
            continue
        table = document.add_table(rows=len(block), cols=len(block[0]))
        for row, cells in zip(table.rows, block, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def _escaped(text: str) -> bytes:
    return text.encode("latin-1").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _assembled(objects: list[bytes], *, trailer: bytes = b"/Info 4 0 R") -> bytes:
    data = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, trailer, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + end


def placed_pdf(*pages: Sequence[tuple[float, float, float, str]], rotation: int = 0) -> bytes:
    """A PDF of A4 pages, each a list of (x from the left, y from the top, size, text), written in that order."""
    objects: list[bytes] = [b""] * 4
    kids: list[int] = []
    for page in pages:
        stream = b"\n".join(
            b"BT /F1 %d Tf 1 0 0 1 %d %d Tm (%s) Tj ET" % (size, x, 842 - y, _escaped(text))
            for x, y, size, text in page
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Rotate %d /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (rotation, len(objects))
        )
        kids.append(len(objects))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(b"%d 0 R" % kid for kid in kids), len(kids))
    objects[2] = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
    objects[3] = b"<< /Title () >>"
    return _assembled(objects)


def encrypted_pdf(text: str, *, password: str) -> bytes:
    """A PDF of one page that opens with `password` only (standard handler, revision 2: RC4 of 40 bits)."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    padded = (password.encode("latin-1") + padding)[:32]
    owner = _rc4(hashlib.md5(padded).digest()[:5], padded)
    permissions, identity = -4, b"0123456789abcdef"
    key = hashlib.md5(padded + owner + permissions.to_bytes(4, "little", signed=True) + identity).digest()[:5]
    stream = b"BT /F1 12 Tf 72 720 Td (%s) Tj ET" % _escaped(text)
    sealed = _rc4(hashlib.md5(key + (4).to_bytes(3, "little") + b"\0\0").digest()[:10], stream)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [5 0 R] /Count 1 >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(sealed), sealed),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R "
        b"/Resources << /Font << /F1 3 0 R >> >> >>",
        b"<< /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P %d >>"
        % (owner.hex().encode(), _rc4(key, padding).hex().encode(), permissions),
    ]
    trailer = b"/Encrypt 6 0 R /ID [<%s> <%s>]" % (identity.hex().encode(), identity.hex().encode())
    return _assembled(objects, trailer=trailer)


def scan(*lines: str, turns: int = 0, size: int = 36) -> Image.Image:
    """A picture of lines of text, turned by quarter turns against the clock."""
    picture = Image.new("RGB", (1200, 300 + 60 * len(lines)), "white")
    draw = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        draw.text((80, 100 + 60 * number), line, fill="black", font=ImageFont.load_default(size))
    return picture.rotate(90 * turns, expand=True)


def scanned_pdf(*pictures: Image.Image) -> bytes:
    """A PDF of pictures at 150 dpi."""
    written = io.BytesIO()
    pictures[0].save(written, "PDF", resolution=150, save_all=True, append_images=pictures[1:])
    return written.getvalue()


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def appended(*documents: bytes) -> bytes:
    """One PDF with the pages of all."""
    made = pdfium.PdfDocument.new()
    for document in documents:
        made.import_pages(pdfium.PdfDocument(document))
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()
