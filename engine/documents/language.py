"""Which language a document is in, offline (py3langid)."""

from __future__ import annotations

import functools
import io
import lzma
import re
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from py3langid.langid import LanguageIdentifier

_LETTERS_MIN = 30  # below it, a name decides
_SAMPLE_CHARACTERS = 3000
_PROBABILITY_MIN = 0.8
_NOT_LETTERS = re.compile(r"[\W\d_]+")


def recognise(text: str) -> str:
    """Return the ISO 639-1 code of the language most of `text` is in; "" where that can't be told."""
    middle = len(text) // 2
    sample = text
    if len(text) > 2 * _SAMPLE_CHARACTERS:
        sample = text[:_SAMPLE_CHARACTERS] + text[middle : middle + _SAMPLE_CHARACTERS]
    sample = _NOT_LETTERS.sub(" ", sample)
    if len(sample) < _LETTERS_MIN:
        return ""
    language, probability = likeliest(sample, count=1)[0]
    return language if probability >= _PROBABILITY_MIN else ""


def likeliest(text: str, *, count: int) -> list[tuple[str, float]]:
    """Return the `count` languages that `text` is likeliest in, each with how likely: all together at most 1."""
    letters = _NOT_LETTERS.sub(" ", text).lower()  # capitals look like no language
    return _identifier().rank(letters)[:count]


@functools.cache
def _identifier() -> LanguageIdentifier:
    """The model, 5 MB unpacked once a process and only where documents come in.

    It is unpacked in memory: the library unpacks it into a file, which the parser child may not write.
    """
    import numpy as np
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    with lzma.open(MODEL_DIR / MODEL_FILE) as packed, np.load(io.BytesIO(packed.read())) as model:
        identifier = LanguageIdentifier(
            model["ptc"],
            model["pc"],
            model["classes"].tolist(),
            _array(model["nextmove"]),
            model["out_feat"].tolist(),
            norm_probs=True,
            tk_row=_array(model["nextmove_row"]),
        )
    identifier.set_languages([label for label in identifier.labels if len(label) == 2])
    return identifier


def _array(values: np.ndarray) -> array[int]:
    """The values as the library walks through them fastest."""
    return array(values.dtype.char, values.tobytes())
