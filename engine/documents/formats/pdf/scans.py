"""Pages without a text that can be read: told from the others, drawn, and their words recognised."""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
import pypdfium2 as pdfium
import pypdfium2.raw as raw

from engine.documents.ocr import Recognised, recognise

_DPI = 200.0
_SIDE_PIXELS_MAX = 3600  # of what is drawn for recognition: bounds memory, whatever size a page says it has
_FEW_CHARACTERS = 25  # a page with no more and a picture over most of it is a scan with a stamp
_PICTURE_SHARE = 0.5
_DRAWN_TEXT_OBJECTS = 20  # so many shapes and no text: letters drawn as outlines
_UNMAPPED = re.compile("[\ufffd\ue000-\uf8ff]")  # what a font without a Unicode map gives
_WORD = re.compile(r"[^\W\d_]{2}")
_HEAD_CHARACTERS = 400  # from a page's start, in which nearly every page that can be read has a word
_FIGURES = re.compile(r"[\d.,:;/()%+\- ]+")


def is_unreadable(characters: str) -> bool:
    """Whether a page's own text says nothing: its fonts don't tell which letters they draw."""
    sample = "".join(characters.split())[:5000]
    if not sample:
        return False
    if len(_UNMAPPED.findall(sample)) > len(sample) * 0.3:
        return True
    return 3 < len(sample) < 1000 and not _WORD.search(sample) and not _FIGURES.fullmatch(sample)


def needs_recognition(page: Any, characters: str) -> bool:
    """Whether the page's words have to be recognised from its picture."""
    head = "".join(characters[:_HEAD_CHARACTERS].split())
    if (
        len(head) > _FEW_CHARACTERS
        and _WORD.search(head)
        and (characters.isascii() or not _UNMAPPED.search(characters))
    ):
        return False  # as the whole page would tell, at more cost
    visible = len("".join(characters.split()))
    if visible > _FEW_CHARACTERS:
        return is_unreadable(characters)
    count = int(raw.FPDFPage_CountObjects(page))
    if not count:
        return False
    if visible and is_unreadable(characters):
        return True
    share = _picture_share(page, count)
    return share >= _PICTURE_SHARE or (not visible and (share > 0.02 or count >= _DRAWN_TEXT_OBJECTS))


def _picture_share(page: Any, count: int) -> float:
    """How much of the page its largest picture covers."""
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    area = float(raw.FPDF_GetPageWidthF(page)) * float(raw.FPDF_GetPageHeightF(page))
    largest = 0.0
    for number in range(min(count, 2000)):
        shape = raw.FPDFPage_GetObject(page, number)
        if raw.FPDFPageObj_GetType(shape) in (raw.FPDF_PAGEOBJ_IMAGE, raw.FPDF_PAGEOBJ_FORM) and (
            raw.FPDFPageObj_GetBounds(shape, left, bottom, right, top)
        ):
            largest = max(largest, abs(right.value - left.value) * abs(top.value - bottom.value))
    return largest / area if area > 0 else 0.0


def recognised_page(page: pdfium.PdfPage) -> Recognised:
    """Return the recognised lines of a page, in points from the upper left of the page as it is shown."""
    picture, scale = drawn(page, dpi=_DPI)
    return recognise(picture).scaled(1 / scale)


def drawn(page: pdfium.PdfPage, *, dpi: float) -> tuple[np.ndarray, float]:
    """Draw a page as BGR pixels of shape (height, width, 3); return them with the pixels a point has."""
    width, height = page.get_size()
    scale = min(dpi / 72, _SIDE_PIXELS_MAX / max(width, height, 1.0))
    bitmap = page.render(scale=scale, force_bitmap_format=raw.FPDFBitmap_BGR)
    try:
        return np.array(bitmap.to_numpy()), scale
    finally:
        bitmap.close()
