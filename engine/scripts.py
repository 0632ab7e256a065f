"""What a word is where texts are compared, whatever the script and however its accents are encoded.

Parts of regular expressions: the first four for the inside of brackets.
"""

from __future__ import annotations

import unicodedata

# Han and Kana: two characters say as much as a word. The scripts of South-East Asia are alphabets: three.
IDEOGRAPHS = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003134f"
)
ALPHABETS = "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\ua9e0-\ua9ff\uaa60-\uaadf"
UNSPACED = f"{IDEOGRAPHS}{ALPHABETS}"  # for the brackets of a regular expression

# Marks belong to the word of the letter they combine with, though \w leaves them out: the accents of decomposed text,
# which macOS writes, and the vowel signs of India. Marks outside of these blocks choose a form or are rare.
_MARKED_BLOCKS = (range(0x300, 0x3100), range(0xA66F, 0xAC00), range(0xFE20, 0xFE30))
MARKS = "".join(chr(code) for block in _MARKED_BLOCKS for code in block if unicodedata.category(chr(code))[0] == "M")

# So do the later parts of a decomposed Korean syllable and the voice marks of half-width kana.
_ALL_MARKS = f"{MARKS}\u1160-\u11ff\uff9e\uff9f"
# Where no space shows a word, or as in Korean particles hang on to it, each character is one.
_ALONE = f"{UNSPACED}\u1100-\u115f\uac00-\ud7a3"

# Patterns of a character that stands alone; of a word, and of letters in a row, where none does.
ALONE = rf"(?=\w)[{_ALONE}][{_ALL_MARKS}]*"
WORD = rf"[^\W{_ALONE}]+(?:[{_ALL_MARKS}]+[^\W{_ALONE}]*)*"
LETTERS = rf"[^\W\d_{_ALONE}]+(?:[{_ALL_MARKS}]+[^\W\d_{_ALONE}]*)*"
