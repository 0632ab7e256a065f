"""Where the evidence of a question stands in the new version of its document."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.records import Passage

_RUN = 3  # words that stand together
_SHARE_MIN = 0.6  # of the old passage's runs of words that a new one must have to be the same place

_WORD = re.compile(r"\w+")


def find_again(old: str, text: str, passages: Sequence[Passage], *, answers: Sequence[str]) -> str:
    """Return the id of the passage that holds what the passage `old` held; "" when the text is gone.

    `text` is the new document, cut into `passages`. The whole old passage is looked for first, whatever became of its
    white space; then the passage that has the most of its runs of words in common, at least three in five. An answer
    that stood in the old passage must stand in the new one.
    """
    same = next((passage.id for passage in passages if passage.text == old), "")
    if same:
        return same
    needed = [answer for answer in answers if answer and answer in old]
    fitting = [passage for passage in passages if not needed or any(answer in passage.text for answer in needed)]
    if not fitting:
        return ""
    words = old.split()
    found = re.search(r"\s+".join(re.escape(word) for word in words), text) if words else None
    if found:
        return max(fitting, key=lambda passage: min(passage.end, found.end()) - max(passage.start, found.start())).id
    runs = _runs(old)
    shares = [(len(runs & _runs(passage.text)) / max(len(runs), 1), passage.id) for passage in fitting]
    share, best = max(shares)
    return best if share >= _SHARE_MIN else ""


def _runs(text: str) -> set[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(text)]
    return {tuple(words[start : start + _RUN]) for start in range(max(len(words) - _RUN + 1, 1))}
