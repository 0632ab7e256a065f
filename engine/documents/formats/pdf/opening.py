"""Opening a PDF: with the person's passwords where it wants one; and what it holds besides pages."""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from engine.documents.content import clean, one_line
from engine.documents.reading import Reading
from engine.errors import DocumentError, PasswordError

_NAMES_SHOWN = 5
_FIELD_CHARACTERS_MAX = 20_000
_TEXT_FIELDS = (raw.FPDF_FORMFIELD_TEXTFIELD, raw.FPDF_FORMFIELD_COMBOBOX, raw.FPDF_FORMFIELD_LISTBOX)
_TICKED_FIELDS = (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON)

Field = tuple[str, tuple[float, float, float, float]]  # "name: value" and its box in the page's own space


def open_document(data: bytes, reading: Reading) -> pdfium.PdfDocument:
    """Open a PDF. One that wants a password is opened with the first of `reading.passwords` that fits.

    Its copy without the password becomes `reading.opened`, so that its pages can be shown without asking again.
    Raises PasswordError or DocumentError.
    """
    try:
        return pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" not in str(error).lower():
            raise DocumentError(
                "{name} is damaged: no PDF reader could open it.",
                hint="Get the file again from where it came from, or print it to a new PDF, and import that.",
            ) from error
    for password in reading.passwords:
        try:
            document = pdfium.PdfDocument(data, password=password)
        except pdfium.PdfiumError:
            continue
        unlocked = io.BytesIO()
        document.save(unlocked, flags=raw.FPDF_REMOVE_SECURITY)
        reading.opened = unlocked.getvalue()
        document.close()
        return pdfium.PdfDocument(reading.opened)
    if reading.passwords:
        raise PasswordError("The password for {name} is wrong.", hint="Give the right one and import the file again.")
    raise PasswordError("{name} is protected with a password.", hint="Give the password and import the file again.")


def attachment_note(document: pdfium.PdfDocument) -> str:
    """Return a sentence that names the files attached; "" where there are none."""
    count = int(raw.FPDFDoc_GetAttachmentCount(document))
    if count <= 0:
        return ""
    names = [
        one_line(clean(_wide(lambda buffer, size, at=at: raw.FPDFAttachment_GetName(at, buffer, size)))) or "unnamed"
        for number in range(min(count, _NAMES_SHOWN))
        if (at := raw.FPDFDoc_GetAttachment(document, number))
    ]
    more = f" and {count - _NAMES_SHOWN} more" if count > _NAMES_SHOWN else ""
    return f"Attached and not read: {', '.join(names)}{more}. Save what you need as a file and import that."


def fields_of(document: pdfium.PdfDocument, page: Any) -> Iterator[Field]:
    """Yield the filled fields of a form on a page. The document's form environment is initialised."""
    form = document.formenv
    if form is None:
        return
    for number in range(int(raw.FPDFPage_GetAnnotCount(page))):
        annotation = raw.FPDFPage_GetAnnot(page, number)
        if not annotation:
            continue
        try:
            found = _field(form, annotation)
            box = raw.FS_RECTF()
            if found and raw.FPDFAnnot_GetRect(annotation, box):
                yield found, (box.left, box.top, box.right, box.bottom)
        finally:
            raw.FPDFPage_CloseAnnot(annotation)


def _field(form: Any, annotation: Any) -> str:
    kind = int(raw.FPDFAnnot_GetFormFieldType(form, annotation))
    if kind not in _TEXT_FIELDS and kind not in _TICKED_FIELDS:
        return ""
    if kind in _TICKED_FIELDS and not raw.FPDFAnnot_IsChecked(form, annotation):
        return ""

    def said(function: Any) -> str:
        return one_line(clean(_wide(lambda buffer, size: function(form, annotation, buffer, size))))

    value = said(raw.FPDFAnnot_GetFormFieldValue)
    if not value or (kind in _TICKED_FIELDS and value == "Off"):
        return ""
    name = said(raw.FPDFAnnot_GetFormFieldAlternateName) or said(raw.FPDFAnnot_GetFormFieldName)
    return f"{name}: {value}" if name else value


def _wide(call: Any) -> str:
    """Call a function of pdfium's that fills a buffer with UTF-16 and returns the bytes it needs."""
    size = int(call(None, 0))
    if size <= 2 or size > 2 * _FIELD_CHARACTERS_MAX:
        return ""
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    call(buffer, size)
    return bytes(buffer)[: size - 2].decode("utf-16-le", errors="replace")
