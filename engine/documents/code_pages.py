"""Which page of one-byte characters a text was written in: the one in which it looks most like its language."""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise

from engine.documents.language import likeliest

# The likelier first: of pages that read a text alike, the first is taken.
PAGES = (
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "cp1255", "cp1256", "iso8859-15", "iso8859-2",
    "iso8859-7", "koi8-r", "koi8-u", "cp866", "cp850", "cp852", "mac-roman",
)  # fmt: skip

_USUAL = PAGES[0]
_USUAL_LEAD = 0.5  # of one letter: a word or two fit many pages
_SAMPLE_BYTES = 8 * 1024
_LANGUAGES = 5  # that a text may be in
_BORROWED = "äáàâæçéèêëíïñóôöœüß"  # in words and names of languages that need no letters beyond ASCII, as English
_SCANDINAVIAN = "åæäöøéèêòôà"
_SERBIAN = "čćđšž"
# The letters beyond ASCII that a language is written with. Of other scripts those it uses most: in a wrong page of the
# same script every letter is one of its letters, but seldom a frequent one.
_LETTERS = {
    "de": "äöüß", "lb": "äëéöüß", "fr": "àâæçéèêëîïôœùûüÿ", "es": "áéíñóúü", "gl": "áéíñóúü", "pt": "áâãàçéêíóôõúü",
    "it": "àèéìíòóùú", "nl": "áäéèêëïíóöúü", "sv": _SCANDINAVIAN, "no": _SCANDINAVIAN, "nn": _SCANDINAVIAN,
    "da": _SCANDINAVIAN, "fi": "åäöšž", "is": "áðéíóúýþæö", "fo": "áðíóúýæø", "ca": "àçéèíïóòúü", "eu": "ñü",
    "ga": "áéíóú", "sq": "çë", "oc": "àáçéèíïóòúü", "af": "äëéêèïîôöûü", "br": "âêñùü",
    "pl": "ąćęłńóśźż", "cs": "áčďéěíňóřšťúůýž", "sk": "áäčďéíĺľňóôŕšťúýž", "hu": "áéíóöőúüű", "ro": "ăâîşţșț",
    "hr": _SERBIAN, "bs": _SERBIAN, "sl": "čšž", "tr": "çğıöşüâî", "az": "çəğıöşü",
    "et": "äõöüšž", "lt": "ąčęėįšųūž", "lv": "āčēģīķļņšūž",
    "ru": "оеаинтсрвлкмдпуяыьгз", "uk": "оаинвіретслкмдпуязьї", "be": "аіненрыстлоквдмупяьўэ",
    "bg": "аоиентсрвлкдпмъзгбуч", "mk": "аоиентсрвлкдпмзјгбуч", "sr": f"оаиентсрвјкдмулпгзб{_SERBIAN}",
    "el": "αοιετσνηυρπκμλςωδγίό", "he": "יוהלאתרשבמםנכדןעקחפצ", "ar": "اليمونترةبعدفسهكقأحج", "fa": "ایرندهومتبسشکزگخف",
}  # fmt: skip
_SIGNS = "„“”‚‘’–—…«»‹›•·§¶°€£¢¥©®™µ±²³¹½¼¾×÷¿¡†‰ºª´¬\xa0\xad"
_SIGN_IN_WORD = re.compile(r"(?<=[^\W\d_])[^\x00-\x7f\w’´\xad](?=[^\W\d_])")
_MISFIT = "\ufffd"


def best_page(data: bytes) -> tuple[str, float]:
    """Return the page that fits `data` best, and how much of what isn't ASCII fits then, from 0 to 1."""
    data = data[:_SAMPLE_BYTES]
    fits = {page: fit for page in PAGES if (fit := _fit(data, page)) is not None}
    weighed = dict(fits)
    if _USUAL in fits:
        weighed[_USUAL] += _USUAL_LEAD / max(sum(byte > 0x7F for byte in data), 1)
    page = max(weighed, key=weighed.__getitem__)  # mac-roman has a character for every byte
    return page, fits[page]


def _fit(data: bytes, page: str) -> float | None:
    """The share of what isn't ASCII that is a usual sign, or a letter of the languages which the text looks like;
    None where the page has no character for some byte.
    """
    try:
        text = _SIGN_IN_WORD.sub(_MISFIT, data.decode(page))
    except UnicodeDecodeError:
        return None
    found = Counter(
        _MISFIT if character.isupper() and before.islower() else character.lower()
        for before, character in pairwise(f" {text}")
        if not character.isascii()
    )
    languages = likeliest(text, count=_LANGUAGES)
    letters = sum(
        probability * sum(found[letter] for letter in _LETTERS.get(language, _BORROWED))
        for language, probability in languages
    )
    signs = sum(found[sign] for sign in _SIGNS)
    known = sum(probability for _, probability in languages)
    return round((signs + letters / known) / max(found.total(), 1), 2)
