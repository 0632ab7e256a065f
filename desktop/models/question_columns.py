"""How questions are shown in a table: what was asked, which split it is in, how sure its evidence is."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QCoreApplication

from desktop.models.record_table import Column
from desktop.wording import counted, plainly_joined
from engine.records import SPLITS, Question


def question_columns(split_names: Mapping[str, str]) -> list[Column]:
    """Return the columns of a table of questions; `split_names` are the splits as a person reads them."""
    return [
        Column(_tr("Question"), lambda row: row.question),
        Column(_tr("Answer"), _answer),
        Column(
            _tr("Split"),
            lambda row: split_names.get(row.split, row.split),
            key=lambda row: SPLITS.index(row.split),
            width=100,
        ),
        Column(_tr("Evidence"), _evidence, key=lambda row: (len(row.evidence), row.score), tip=_how, width=130),
        Column(_tr("State"), _state, width=170),
    ]


def is_in_state(question: Question, state: str) -> bool:
    """Whether a question is in a state that the list can be narrowed to."""
    if state == "unlinked":
        return not question.evidence and not question.unanswerable
    return {"excluded": question.excluded, "edited": question.edited}.get(state, question.state == state)


def _answer(question: Question) -> str:
    if question.unanswerable:
        return _tr("(not answerable from the documents)")
    return " / ".join(question.answers)


def _evidence(question: Question) -> str:
    if not question.evidence:
        return _tr("none found")
    passages = counted(len(question.evidence), _tr("passage"), _tr("passages"))
    return _tr("{0} · {1:.2f}").format(passages, question.score) if question.state == "check" else passages


def _state(question: Question) -> str:
    return plainly_joined(
        [
            _tr("excluded") if question.excluded else "",
            {
                "check": _tr("check me"),
                "confirmed": _tr("evidence confirmed"),
                "dropped": _tr("evidence dropped"),
            }.get(question.state, ""),
            _tr("edited") if question.edited else "",
        ]
    )


def _how(question: Question) -> str:
    return {
        "exact": _tr("The context stands in the document word for word."),
        "normalised": _tr("The context stands in the document but for case, hyphens or punctuation."),
        "fuzzy": _tr("A place in the documents is like the context: look whether it is meant."),
        "answer": _tr("Found by the answer alone: look whether it is meant."),
    }.get(question.link, "")


def _tr(text: str) -> str:
    return QCoreApplication.translate("Questions", text)
