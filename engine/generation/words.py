"""What a word is where answers are compared with passages, whatever the script and however its accents are encoded."""

from __future__ import annotations

import unicodedata

from engine.workspace.matching import UNSPACED

# Accents and vowel signs belong to the letter before them, as do the later parts of a decomposed Korean syllable and
# the voice marks of half-width kana.
_MARKS = "".join(
    character for character in map(chr, range(0x300, 0x10000)) if unicodedata.category(character)[0] == "M"
)
_MARKS += "\u1160-\u11ff\uff9e\uff9f"
# Where no space shows a word, or as in Korean particles hang on to it, each character is one.
_ALONE = f"{UNSPACED}\u1100-\u115f\uac00-\ud7a3"

# Patterns of a character that stands alone; of a word, and of letters in a row, where none does.
ALONE = rf"(?=\w)[{_ALONE}][{_MARKS}]*"
WORD = rf"[^\W{_ALONE}]+(?:[{_MARKS}]+[^\W{_ALONE}]*)*"
LETTERS = rf"[^\W\d_{_ALONE}]+(?:[{_MARKS}]+[^\W\d_{_ALONE}]*)*"
