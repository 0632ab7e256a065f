"""The numbers that Word computes for list items and headings and keeps out of the text: "4.2", "(a)", "iii."."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from docx.oxml.ns import qn
from lxml import etree

BULLET = "•"

_PLACEHOLDER = re.compile(r"%([1-9])")
_LEVELS = 9
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
          (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_NUMBER_MAX = 5000  # beyond it letters and Roman numerals grow without end


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered."""

    form: str = "decimal"
    pattern: str = ""  # "%1.%2" stands for the numbers of the first two levels
    start: int = 1


@dataclass(slots=True)
class Numbering:
    """The lists of a document, and how far each is counted."""

    lists: dict[str, tuple[str, dict[int, Level]]] = field(default_factory=dict)  # list id → its kind, its levels
    styles: dict[str, tuple[str, int]] = field(default_factory=dict)  # paragraph style → list id and level
    _counts: dict[str, list[int]] = field(default_factory=dict)  # by kind: lists of one kind count on

    @classmethod
    def of(cls, numbering: etree._Element | None, styles: etree._Element) -> Numbering:
        """Read the document's numbering part and the styles that refer to it."""
        found = cls()
        if numbering is not None:
            kinds = {kind.get(qn("w:abstractNumId")): _levels(kind) for kind in numbering.iter(qn("w:abstractNum"))}
            for one in numbering.iter(qn("w:num")):
                kind = _value(one.find(qn("w:abstractNumId")))
                found.lists[one.get(qn("w:numId"), "")] = (kind, {**kinds.get(kind, {}), **_overrides(one)})
        for style in styles.iterchildren(qn("w:style")):
            properties = style.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
            if properties is not None:
                found.styles[style.get(qn("w:styleId"), "")] = _place(properties, "")
        return found

    def label(self, paragraph: etree._Element, style: str) -> str:
        """Count the paragraph and return its number as Word shows it; "•" for a bullet, "" for no list item."""
        properties = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}")
        inherited = self.styles.get(style)
        if properties is None and inherited is None:
            return ""
        list_id, place = (
            _place(properties, inherited[0] if inherited else "") if properties is not None else inherited or ("", 0)
        )
        if properties is not None and properties.find(qn("w:ilvl")) is None and inherited:
            place = inherited[1]
        if list_id not in self.lists:
            return ""
        kind, levels = self.lists[list_id]
        level = levels.get(place, Level())
        counts = self._counts.setdefault(kind, [0] * _LEVELS)
        counts[place] = counts[place] + 1 if counts[place] else level.start
        counts[place + 1 :] = [0] * (_LEVELS - place - 1)
        if level.form in ("bullet", "none"):
            return BULLET if level.form == "bullet" else ""

        def number(match: re.Match[str]) -> str:
            of = int(match.group(1)) - 1
            form = levels.get(of, Level())
            return written(counts[of] or form.start, form.form)

        return _PLACEHOLDER.sub(number, level.pattern).strip()


def _levels(parent: etree._Element) -> dict[int, Level]:
    return {
        _integer(level.get(qn("w:ilvl")), 0): Level(
            _value(level.find(qn("w:numFmt"))) or "decimal",
            _value(level.find(qn("w:lvlText"))),
            _integer(_value(level.find(qn("w:start"))), 1),
        )
        for level in parent.iterchildren(qn("w:lvl"))
    }


def _overrides(one: etree._Element) -> dict[int, Level]:
    found: dict[int, Level] = {}
    for override in one.iterchildren(qn("w:lvlOverride")):
        found.update(_levels(override))
    return found


def _place(properties: etree._Element, inherited: str) -> tuple[str, int]:
    level = min(max(_integer(_value(properties.find(qn("w:ilvl"))), 0), 0), _LEVELS - 1)
    return _value(properties.find(qn("w:numId"))) or inherited, level


def _value(element: etree._Element | None) -> str:
    return (element.get(qn("w:val")) or "") if element is not None else ""


def _integer(text: str | None, default: int) -> int:
    return int(text) if text and text.lstrip("-").isdigit() else default


def written(number: int, form: str) -> str:
    """Return `number` as a list shows it; `form` goes by Word's name: decimal, lowerLetter, upperRoman, …"""
    if not 0 < number <= _NUMBER_MAX:
        return str(number)
    if form in ("lowerLetter", "upperLetter"):
        letters = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letters.upper() if form == "upperLetter" else letters
    if form in ("lowerRoman", "upperRoman"):
        roman = ""
        for value, sign in _ROMAN:
            count, number = divmod(number, value)
            roman += sign * count
        return roman.upper() if form == "upperRoman" else roman
    return f"{number:02d}" if form == "decimalZero" else str(number)
