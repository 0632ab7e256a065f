"""Signs that only their look tells: symbol fonts and raised figures, as the characters that mean the same."""

from __future__ import annotations

import re

UNKNOWN = "\ufffd"

# Adobe's Symbol encoding from 0x20 and from 0xA0 on; a blank is a place without a sign.
_SYMBOL = {
    0x20: (
        " !∀#∃%&∋()∗+,−./0123456789:;<=>?≅ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ[∴]⊥_"
        "‾αβχδεφγηιϕκλµνοπθρστυϖωξψζ{|}∼"
    ),
    0x80: bytes(range(0x80, 0xA0)).decode("cp1252", "replace"),  # none of its own: Windows' bullets and dashes
    0xA0: (
        "€ϒ′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈…⏐⎯↵ℵℑℜ℘⊗⊕∅∩∪⊃⊇⊄⊂⊆∈∉"
        "∠∇®©™∏√⋅¬∧∨⇔⇐⇑⇒⇓◊⟨®©™∑⎛⎜⎝⎡⎢⎣⎧⎨⎩⎪ ⟩∫⌠⎮⌡⎞⎟⎠⎤⎥⎦⎫⎬⎭"
    ),
}  # fmt: skip
# Of Wingdings what stands in documents for a word: boxes, ticks, bullets, arrows, figures in circles.
_WINGDINGS = {
    0x20: " ", 0x6C: "●", 0x6D: "❍", 0x6E: "■", 0x6F: "□", 0x71: "❑", 0x72: "❒", 0x75: "◆", 0x76: "❖", 0x77: "⬥",
    0x80: "⓪①②③④⑤⑥⑦⑧⑨⑩⓿❶❷❸❹❺❻❼❽❾❿", 0x9E: "·•", 0xA1: "○", 0xA7: "▪□", 0xAB: "★", 0xD8: "➢",
    0xDF: "←→↑↓↖↗↙↘", 0xE8: "➔", 0xEF: "⇦⇨⇧⇩⬄⇳", 0xFB: "✗✓☒☑",
}  # fmt: skip
_FONTS = {
    font: {first + place: sign for first, signs in runs.items() for place, sign in enumerate(signs)}
    for font, runs in (("symbol", _SYMBOL), ("wingdings", _WINGDINGS))
}
_CODES = range(0x100)
_PRIVATE_USE = range(0xF000, 0xF100)  # where Word keeps the codes of symbol fonts
_RAISED = str.maketrans("0123456789+-−", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻")
_FIGURES = re.compile(r"[+\-−]|[+\-−]?\d[\d+\-−,.\s]*")


def character(font: str, code: int) -> str:
    """Return what the sign at `code` of `font` means, U+FFFD where that isn't known; other codes are characters."""
    if code in _PRIVATE_USE:
        code -= _PRIVATE_USE.start
    return _FONTS.get(font.lower(), {}).get(code, UNKNOWN) if code in _CODES else chr(code)


def is_symbol_font(font: str) -> bool:
    """Whether the codes of this font are known, which are no characters."""
    return font.lower() in _FONTS


def raised(text: str) -> str:
    """Return superscript `text`, raised where it is a figure or its sign: 10⁹ is not 109. All else reads as it is."""
    return text.translate(_RAISED) if _FIGURES.fullmatch(text.strip()) else text
