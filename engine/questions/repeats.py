"""Repeated clauses: a passage that says word for word what the evidence says is evidence too, wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from engine.documents.splitter import SECTION_SEPARATOR
from engine.jobs import Monitor
from engine.records import Passage, Question
from engine.workspace.matching import matched_text
from engine.workspace.workspace import Workspace

_LEAST_WORDS = 8  # a shorter passage says nothing of its own
_PHRASE_WORDS = 12
_REPEATS_MAX = 200
_WORD = re.compile(r"\d+(?:[.,]\d+)*|\w+")  # a number keeps its point: 5.0 is not 50


def with_repeats(questions: Sequence[Question], workspace: Workspace, monitor: Monitor) -> tuple[Question, ...]:
    """Return the questions with the repeats of their evidence after it.

    Linking finds repeats in other documents when questions are imported, nearly the same ones among them; this finds
    those in the same document and in documents that came later.
    """
    stored = workspace.documents
    evidence = stored.passages_by_id(list({one for question in questions for one in question.evidence}))
    repeats: dict[str, list[str]] = {}
    for passage in monitor.track(list(evidence.values()), "Looking for repeated clauses"):
        said = _said(passage)
        if len(said) >= _LEAST_WORDS:
            found = stored.passages_with_phrase(" ".join(said[:_PHRASE_WORDS]), limit=_REPEATS_MAX)
            same = _folded(said)
            repeats[passage.id] = [one.id for one, _ in found if one.id != passage.id and _folded(_said(one)) == same]
    return tuple(
        replace(
            question,
            evidence=tuple(
                dict.fromkeys(
                    [*question.evidence, *(other for one in question.evidence for other in repeats.get(one, ()))]
                )
            ),
        )
        for question in questions
    )


def _said(passage: Passage) -> list[str]:
    """The words of a passage below its headings: the same clause stands under other ones elsewhere.

    As the lexical index has them, in which the phrase is looked for: accents composed, and of a script without spaces
    each character for itself.
    """
    text = passage.text
    for heading in passage.section.split(SECTION_SEPARATOR):
        text = text.removeprefix(heading).lstrip()
    return _WORD.findall(matched_text(text) or text)


def _folded(words: Sequence[str]) -> list[str]:
    """Words without case: "gemäss" is "gemäß" here, but not in the index."""
    return [word.casefold() for word in words]
