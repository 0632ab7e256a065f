"""Asks pdfium for the boxes and sizes of many characters at a time.

Half of what a call across ctypes costs goes into checking its arguments, and most of the rest into the loop around it.
So these functions take theirs unchecked and run in a loop in C; they write into one array, which numpy reads. One
thread at a time may ask, as is so with pdfium itself.
"""

from __future__ import annotations

import ctypes
from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

_BATCH = 512  # answers that fit into the array


def _unchecked(function: Any, result: Any) -> Any:
    """Return a function of pdfium's that takes its arguments as they come: raw handles, numbers, references."""
    address: Any = ctypes.cast(function, ctypes.c_void_p).value
    return ctypes.PYFUNCTYPE(result)(address)


_character_box = _unchecked(pdfium.FPDFText_GetCharBox, ctypes.c_int)
_rectangle = _unchecked(pdfium.FPDFText_GetRect, ctypes.c_int)
_font_size = _unchecked(pdfium.FPDFText_GetFontSize, ctypes.c_double)
_code_point = _unchecked(pdfium.FPDFText_GetUnicode, ctypes.c_uint)
_count_rectangles = _unchecked(pdfium.FPDFText_CountRects, ctypes.c_int)

_memory: Any = (ctypes.c_double * (4 * _BATCH))()
_answers: np.ndarray = np.frombuffer(_memory).reshape(_BATCH, 4)
_places = [[ctypes.byref(_memory, 8 * (4 * row + column)) for row in range(_BATCH)] for column in range(4)]


def character_boxes(text_page: Any, indexes: Sequence[int]) -> np.ndarray:
    """Return left, right, bottom and top of characters in the page's own space, float64 of shape (len(indexes), 4)."""
    return _asked(_character_box, text_page, indexes)


def rectangles(text_page: Any) -> np.ndarray:
    """Return left, top, right and bottom of what was written in one go, float64 of shape (rectangles, 4)."""
    count = _count_rectangles(text_page.raw, 0, -1)
    return _asked(_rectangle, text_page, range(max(count, 0)))


def font_sizes(text_page: Any, indexes: Sequence[int]) -> list[float]:
    """Return the font sizes of characters, as the page gives them."""
    return list(map(_font_size, repeat(text_page.raw), indexes))


def code_points(text_page: Any, count: int) -> list[int]:
    """Return the code points of a page's first `count` characters."""
    return list(map(_code_point, repeat(text_page.raw), range(count)))


def _asked(function: Any, text_page: Any, indexes: Sequence[int]) -> np.ndarray:
    found = np.empty((len(indexes), 4))
    for start in range(0, len(indexes), _BATCH):
        some = indexes[start : start + _BATCH]
        deque(map(function, repeat(text_page.raw), some, *_places), maxlen=0)
        found[start : start + len(some)] = _answers[: len(some)]
    return found
