"""What a quoted span must not lack of the sentence it bears out: its numbers, dates, names, negations, and its ends."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from itertools import pairwise, takewhile

from engine.documents.sentences import sentence_ends
from engine.scripts import ALONE, LETTERS

_MINUS = r"(?<![\w%)\]])(?<![\d%]\s)[-−–](?=\d)"  # not the hyphen of IL-6, 15-45 and 15 –45
_DIGITS = r"\d+(?:[.,]\d+)*"
_NUMBER = rf"(?:{_MINUS})?{_DIGITS}"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
# Numbers in words, where the word is no other one in one of the five languages, as "one", "due" and "sei" are.
_NUMBERS_WRITTEN = {
    2: "two twice zwei zweimal deux dos",
    3: "three thrice drei dreimal trois tres tre",
    4: "four vier viermal quatre cuatro quattro",
    5: "five fünf cinq cinco cinque",
    6: "six sechs seis",
    7: "seven sieben siete sette",
    8: "eight huit ocho",
    9: "nine neun nueve nove",
    10: "ten zehn diez dieci",
    11: "eleven onze undici",
    12: "twelve zwölf douze doce dodici",
    14: "fourteen vierzehn quatorze catorce quattordici",
    15: "fifteen fünfzehn quinze quindici",
    18: "eighteen achtzehn dieciocho diciotto",
    20: "twenty zwanzig vingt veinte venti",
    30: "thirty dreißig trente treinta trenta",
    40: "forty vierzig quarante cuarenta quaranta",
    50: "fifty fünfzig cinquante cincuenta cinquanta",
    60: "sixty sechzig soixante sesenta sessanta",
    70: "seventy siebzig setenta settanta",
    80: "eighty achtzig ochenta ottanta",
    90: "ninety neunzig noventa novanta",
}
_IN_DIGITS = {word.casefold(): str(number) for number, words in _NUMBERS_WRITTEN.items() for word in words.split()}
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_IN_DIGITS |= {
    f"{tens} {ones}": str(int(_IN_DIGITS[tens]) + number)
    for tens in _TENS.split("|")
    for number, ones in enumerate(_ONES, start=1)
}
_COMPOUND = rf"\b(?i:{_TENS})[-‐‑ ](?i:{'|'.join(_ONES)})\b"
_WORD = re.compile(rf"{_NUMBER}|{_COMPOUND}|{LETTERS}(?:['’]t\b)?|[%％]")
_PER = frozenset({"per", "a", "an", "each", "every", "pro", "je", "par", "por", "al"})
_ITEM = re.compile(r"(\d)((?:\s?\((?:[a-z]|[ivx]{2,5})\))+)", re.IGNORECASE)  # the "(b)" of 4(b)
_RUN = re.compile(rf"(?:{_DIGITS})?(?:{ALONE}(?:{_DIGITS})?)+")
_SIGNED = re.compile(rf"((?:[<>≤≥=$€£]\s?){{0,3}})({_NUMBER})((?:\s?[$€£])?)")
_SIGN = re.compile("[<>]=?|[≤≥$€£]")
_UNITS_WRITTEN = """
    % percent mg g kg µg μg mcg ng ml l dl µl mmol mol iu u unit units mm cm m km nm mmhg bpm °c c f k ppm times
    s sec seconds min minute minutes h hour hours day days week weeks month months year years
    eur usd gbp dollars euros pounds thousand million billion
"""
_UNITS = frozenset(_UNITS_WRITTEN.split())
_SAME_SIGN = {">=": "≥", "<=": "≤"}
_IN_WORDS = {"$": {"usd", "dollar", "dollars"}, "€": {"eur", "euro", "euros"}, "£": {"gbp", "pound", "pounds"}}
_MONTHS_WRITTEN = """
    january february april june july august september october november december
    jan feb apr jun jul aug sep sept oct nov dec
"""
_MONTHS = frozenset(_MONTHS_WRITTEN.split())  # May and March have a capital, as names have
# English, German, French, Spanish and Italian; "mai" and "ni" would be a month and a metal, "NE" is norepinephrine.
_NEGATION_WRITTEN = r"""
    (?:\b(?:
    not|no(?!\.?\s?\d)|never|neither|nor|none|without|cannot|except|unless|nothing|nobody|excluding
    |nicht|nichts|nie|niemals|niemand|nirgends|ohne|weder|kein(?:e[mnrs]?|esfalls|eswegs)?|außer|ausgenommen
    |(?-i:[Nn]e|[Pp]as|[Ss]in|[Nn]on(?!-))|jamais|aucune?|rien|sans|nul(?:le)?|sauf
    |nunca|jamás|ning[uú]n[oa]?|nada|nadie|tampoco|salvo|excepto
    |nessun[oa]?|niente|nulla|senza|tranne|eccetto
    )\b|\bn['’](?=\w)|\b\w+n['’]t\b)
"""
_NEGATION = re.compile(_NEGATION_WRITTEN, re.IGNORECASE | re.VERBOSE)
# A negation in front of a span that reaches into it: "not yet | approved", "no evidence that | it works".
_REACHING = re.compile(
    rf"""({_NEGATION_WRITTEN})(?:
    (?:[^\w,;:.!?]+(?:an?|the|any|be|been|being|yet|currently|longer|mehr|noch|encore|plus|été|aún|sido|ancora|stat[oa]))*
    |(?!\s+(?:doubt|zweifel)\b)[^,;:.!?]*,?\s(?:that|dass)
    )[^\w,;:.!?]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_NON = re.compile(r"\bnon-(?=\w)", re.IGNORECASE)
_NEGATING = ("un", "in", "im", "il", "ir", "non", "dis", "des", "contra", "contre", "nicht")  # in front of a word
_LEAST_NEGATED = 4  # letters of the word behind it: "put" is not what "input" negates
_MOST_BEFORE = 200  # characters looked back over
# Also where a negation is written on to what it negates: "未经 | 批准", "ไม่ | อนุมัติ", "미 | 승인", "안 | 먹는다".
_NEGATED_BEFORE = re.compile(
    r"""([不没沒未无無非勿](?:[能可会會应應得須须曾有被获獲经經予是止]|需要?|必[须須]?|允[许許]|[准許许]|有[义義][务務])?
    |ไม่(?:ได้|ควร|เคย|ต้อง|สามารถ|อนุญาตให้)?
    |(?<![가-힣])(?:[불비미무부]|[안못](?=\s)))\s?$""",
    re.VERBOSE,
)
# "Der Vermieter haftet | nicht.", "承認 | されていない", "승인 | 되지 않았다".
_NEGATED_BEHIND = re.compile(
    r"""\s*((?<=\s)nicht(?=\s*(?:[.,;:!?]|$))
    |(?![^。、\n]{0,12}?(?:なければ|なくては))[^。、！？\n]{0,8}?(?:ない|なかった|ません)
    |(?:하|되|시키)?지\s?[는도]?\s?(?:않|못)|[이가은는]?\s?아[니닌닙])""",
    re.VERBOSE,
)
_BESIDE = 20  # characters beside a span where a currency may stand in words
_LONGEST_ENDING = 2  # letters in which two forms of one word differ
# Words that a sentence may open or end with and that don't say what it is about.
_SMALL_WRITTEN = """
    about after again all also although and another any are because been before being below between both but can
    could did does during each either every few for from had has have hence her here his how however into its many
    may more most much now one only other our over same shall she should since some such than that the their them
    then there therefore these they this those though through thus two under until upon very was were what when
    where which while who whom whose why will with within would yes you your
    aber alle allem allen aller alles als auch auf aus bei beim bevor bis bzw dabei damit dann darf das dazu dein
    dem den denen der deren des dessen die dies diese diesem diesen dieser dieses dort durch dürfen ein eine einem
    einen einer eines etwa falls für gegen haben hat hatte hier ihr ihre ihrem ihren ihrer immer ist jede jedem
    jeden jeder jedes kann können mehr mit muss müssen nach nachdem nur oder sein seine seinem seinen seiner sich
    sie sind sobald sofern solche sollen sollte sowie und unter vom von vor wann war weil welche welcher welches
    wenn wer werden wie wir wird wurde wurden zum zur zwischen über
    après aussi aux avant avec ces cette chaque comme dans depuis des deux doit donc elle elles entre est ils les
    leur leurs lors lorsque lui mais nous par parce pendant peut plus pour quand que qui selon ses son sont sous sur
    tous tout toute toutes très une vous être
    antes cada como con cuando debe del desde después donde durante ella ellos entre esta estas este esto estos fue
    hasta las los muy más para pero por porque puede según ser sobre son sus también toda todas todo todos una unas
    uno unos
    alla alle anche che chi con dal dalla dei del della delle dello deve dopo dove durante essere fra gli nel nella
    nelle ogni per perché più poi possono prima quando questa queste questi questo quindi secondo sono sua sul sulla
    suo tra tutte tutti tutto
"""
_SMALL = frozenset(_SMALL_WRITTEN.split())


def missing_facts(sentence: str, text: str, *, start: int, end: int) -> tuple[str, ...]:
    """Return what `sentence` says and the span from `start` to `end` of `text` doesn't.

    Numbers with their signs and units, months, names, and what the sentence opens and ends with where the span's own
    doesn't say it nearby. A negation counts either way: one that only the span has, or that reaches into it, turns the
    sentence round as well. Where words can't be told apart, nor a name or a negation among them, nothing may differ.
    """
    before, span, behind = (unicodedata.normalize("NFC", part) for part in (text[:start], text[start:end], text[end:]))
    text, start, end = before + span + behind, len(before), len(before) + len(span)
    sentence = unicodedata.normalize("NFC", sentence)
    words = list(_words(text[:end], start))
    held = {_plain(word) for word in words}
    doses = set(_doses(words))
    spoken = list(_words(sentence))
    lacking = [*_lacking_signs(sentence, text, start, end), *_lacking_runs(sentence, span)]
    lacking += [item for item in _items(sentence) if item not in set(_items(span))]
    lacking += [dose for dose in _doses(spoken) if dose not in doses and dose.partition("/")[0] in {dose, *doses}]
    lacking += [
        word
        for place, word in enumerate(spoken)
        if (_is_number(word) or _plain(word) in _MONTHS or _is_name(word, first=place == 0))
        and _plain(word) not in held
        and not any(_plain(word) == dose.split()[0] for dose in lacking)
    ]
    lacking += _lacking_ends(spoken, text, start, end, held)
    lacking += _turned(sentence, span)
    said, found = _NEGATION.findall(sentence), _negations(text, start, end)
    lacking += [word for word in said if not found][:1]
    lacking += [word for word in found if not said][:1]
    return tuple(dict.fromkeys(lacking))


def _words(text: str, start: int = 0) -> Iterator[str]:
    """Yield the words that reach past `start`; those of CO₂ are those of CO2."""
    for found in _WORD.finditer(text):
        if found.end() > start:
            yield from _WORD.findall(unicodedata.normalize("NFKC", found.group()))


def _plain(word: str) -> str:
    plain = re.sub("^[−–]", "-", word.casefold())
    return _IN_DIGITS.get(re.sub("[-‐‑]", " ", plain), _THOUSANDS.sub("", plain))


def _doses(words: list[str]) -> Iterator[str]:
    """Yield each number that a unit follows, with the unit, and with what it is for: 5 mg is not 5 g, nor 5 mg/day."""
    plain = ["1" if word.casefold() == "one" else _plain(word) for word in words]
    for place, (number, unit) in enumerate(pairwise(plain)):
        if not _is_number(number) or unit not in _UNITS:
            continue
        yield f"{number} {unit}"
        behind = [word for word in plain[place + 2 : place + 4] if word not in _PER]
        if behind and behind[0] in _UNITS and plain[place + 2] in {behind[0], *_PER}:
            yield f"{number} {unit}/{behind[0]}"


def _items(text: str) -> Iterator[str]:
    """Yield the letters of clauses with the number in front of them: Section 4(b) is not Section 4(c)."""
    for found in _ITEM.finditer(text):
        yield found[1] + "".join(found[2].lower().split())


def _is_number(word: str) -> bool:
    return _plain(word).lstrip("-")[:1].isdigit()


def _is_name(word: str, *, first: bool) -> bool:
    """A capital inside the sentence, or an abbreviation: two capitals or more."""
    capitals = sum(letter.isupper() for letter in word)
    return capitals >= 2 or (capitals == 1 and word[0].isupper() and len(word) > 1 and not first)


def _turned(sentence: str, span: str) -> Iterator[str]:
    """Yield each word that one of the two has with a negating prefix, and the other without: unlawful, non-binding."""
    said, held = ({_plain(word) for word in _words(_NON.sub("non", text))} for text in (sentence, span))
    for word in said ^ held:
        other = held if word in said else said
        for prefix in _NEGATING:
            bare = word.removeprefix(prefix)
            if bare != word and len(bare) >= _LEAST_NEGATED and bare in other and bare not in {*said, *held} - other:
                yield word


def _lacking_ends(spoken: list[str], text: str, start: int, end: int, held: set[str]) -> list[str]:
    """Return the words in front of and behind what the span says that don't stand in the span's own sentence either.

    An alignment leaves them out: "Smith | signed the lease" is not borne out by "Jones | signed the lease".
    """
    telling = [
        word for word in spoken if len(word) > 2 and not _is_number(word) and _plain(word) not in _SMALL | _UNITS
    ]
    ends = [word for way in (1, -1) for word in takewhile(lambda word: _plain(word) not in held, telling[::way])]
    if not ends:
        return []
    borders = [0, *sentence_ends(text), len(text)]
    begin = max(border for border in borders if border <= start)
    finish = min(border for border in borders if border >= end)
    nearby = [_plain(word) for word in _words(text[begin:finish])]
    return [word for word in ends if not any(_alike(_plain(word), other) for other in nearby)]


def _alike(word: str, other: str) -> bool:
    """Whether two words differ at most in their ending: patient, patients; positive, positively."""
    short, long = sorted((word, other), key=len)
    return long.startswith(short) and len(long) - len(short) <= _LONGEST_ENDING


def _lacking_runs(sentence: str, span: str) -> Iterator[str]:
    """Yield each run of characters that stand alone, with its numbers, that the span lacks, white space aside."""
    said, held = (_THOUSANDS.sub("", unicodedata.normalize("NFKC", text)) for text in (sentence, span))
    held = "".join(held.split())
    yield from (run for run in _RUN.findall(said) if run not in held)


def _lacking_signs(sentence: str, text: str, start: int, end: int) -> Iterator[str]:
    """Yield each number with a comparison or currency of `sentence` that the span gives otherwise: ≥ 5 is not < 5."""
    marked = {one for place, one in _signs(text[: end + 2]) if start <= place < end}
    around = {_plain(word) for word in _words(text[max(start - _BESIDE, 0) : end + _BESIDE])}
    for _, (sign, number) in _signs(sentence):
        if (sign, number) not in marked and around.isdisjoint(_IN_WORDS.get(sign, ())):
            yield f"{sign}{number}"


def _signs(text: str) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield each comparison and currency of a number: where the number ends, and both."""
    for found in _SIGNED.finditer(text):
        for sign in _SIGN.findall(found[1] + found[3]):
            yield found.end(2) - 1, (_SAME_SIGN.get(sign, sign), _plain(found[2]))


def _negations(text: str, start: int, end: int) -> list[str]:
    before = text[max(start - _MOST_BEFORE, 0) : start]
    around = _REACHING.search(before), _NEGATED_BEFORE.search(before), _NEGATED_BEHIND.match(text, end)
    return [*(found[1] for found in around if found), *_NEGATION.findall(text[start:end])]
