"""Small files of the formats that no text editor writes."""

from __future__ import annotations

import io
from collections.abc import Sequence

import docx


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


def _assembled(objects: list[bytes]) -> bytes:
    data = b"%PDF-1.4\n"
    offsets: list[int] = []
    for number, body in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(data),
    )
    return data + b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table + trailer
