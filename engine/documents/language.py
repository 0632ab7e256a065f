"""Which language a document is in, offline (py3langid)."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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
    language, probability = _identifier().classify(sample.lower())  # capitals look like no language
    return language if probability >= _PROBABILITY_MIN else ""


@functools.cache
def _identifier() -> LanguageIdentifier:
    """The model, 5 MB unpacked once a process and only where documents come in."""
    from py3langid.langid import MODEL_DIR, MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(str(MODEL_DIR / MODEL_FILE), norm_probs=True)
    identifier.set_languages([label for label in identifier.labels if len(label) == 2])
    return identifier
