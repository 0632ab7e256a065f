"""One evaluated question: what both runs said, where they differ, and the gold beside the retrieved passages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QSplitter, QTextEdit, QVBoxLayout, QWidget

from desktop.theme import is_dark
from desktop.wording import metric, plainly_joined, points
from engine.evaluation.wordings import Piece, compared_words

if TYPE_CHECKING:
    from engine.evaluation.job import QuestionDetail
    from engine.evaluation.report import QuestionResult
    from engine.records import Passage

_SHOWN = 5  # retrieved passages
_METRICS = ("f1", "exact_match", "strict_exact_match", "rougeL", "cited_f1", "support", "hit@1", "mrr@10")


class QuestionDetailView(QWidget):
    """Read-only. Text of documents and answers is inserted as plain text: nothing in it is markup."""

    def __init__(self) -> None:
        super().__init__()
        self._said = self._pane(self.tr("The selected question in full"))
        self._said.setPlaceholderText(self.tr("Select a question to read it and its answers in full."))
        self._gold = self._pane(self.tr("Passages with the evidence"))
        self._found = self._pane(self.tr("Passages that were retrieved"))
        passages = QSplitter(Qt.Orientation.Horizontal)
        passages.addWidget(self._gold)
        passages.addWidget(self._found)
        whole = QSplitter(Qt.Orientation.Vertical)
        whole.addWidget(self._said)
        whole.addWidget(passages)
        whole.setSizes([140, 150])
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(whole)

    @property
    def said(self) -> str:
        """The text of the upper pane."""
        return self._said.toPlainText()

    @property
    def gold(self) -> str:
        """The text of the pane of gold passages."""
        return self._gold.toPlainText()

    @property
    def found(self) -> str:
        """The text of the pane of retrieved passages."""
        return self._found.toPlainText()

    def clear(self) -> None:
        """Show nothing."""
        for pane in (self._said, self._gold, self._found):
            pane.clear()

    def show_detail(self, detail: QuestionDetail) -> None:
        """Show a question."""
        self.clear()
        self._show_said(detail)
        gold = {passage.id for passage in detail.gold}
        self._line(self._gold, self.tr("Gold: the passages with the evidence"), bold=True)
        if not detail.gold:
            self._line(self._gold, self.tr("None of the documents has any."))
        for passage in detail.gold:
            self._passage(self._gold, passage, "", marked=True)
        self._line(self._found, self.tr("Retrieved; the first {0} were read").format(detail.reads), bold=True)
        for rank, passage in enumerate(detail.retrieved[: max(_SHOWN, detail.reads)], start=1):
            self._passage(self._found, passage, f"{rank}. ", marked=passage.id in gold)
        if detail.against:
            theirs = detail.against_retrieved[: max(_SHOWN, detail.reads)]
            self._line(self._found, self.tr("Retrieved by {0}").format(detail.against), bold=True)
            for rank, passage in enumerate(theirs, start=1):
                self._passage(self._found, passage, f"{rank}. ", marked=passage.id in gold, brief=True)
        for pane in (self._said, self._gold, self._found):
            pane.moveCursor(QTextCursor.MoveOperation.Start)

    def _show_said(self, detail: QuestionDetail) -> None:
        row = detail.result
        declined = (Piece(self.tr("(no answer)"), True),)
        ours, theirs = compared_words(row.answer, row.against_answer)
        if not row.answer or not row.against_answer:
            ours, theirs = (Piece(row.answer, True),), (Piece(row.against_answer, True),)
        self._line(self._said, row.question, bold=True)
        self._named(self.tr("Known answer"), (Piece(" / ".join(row.gold), True),))
        self._named(self.tr("This run"), ours if row.answer else declined)
        if detail.against:
            self._named(detail.against, theirs if row.against_answer else declined)
        if row.evidence:
            self._named(self.tr("With the right passage given"), (Piece(row.oracle_answer or declined[0].text, True),))
        for citation in row.citations:
            self._named(self.tr("Quote found"), (Piece(citation.quote, True),))
        amendment = detail.amendment
        told = plainly_joined(
            [
                *row.flags,
                self.tr("corrected") if amendment.corrected else "",
                self.tr("excluded") if amendment.excluded else "",
                self.tr("pinned") if amendment.pinned else "",
                amendment.reason,
            ]
        )
        if told:
            self._named(self.tr("Noted"), (Piece(told, True),))
        self._line(self._said, self._metrics(row))

    def _metrics(self, row: QuestionResult) -> str:
        told = []
        for name in _METRICS:
            if name in row.scores:
                other = f" ({points(row.against_scores[name])})" if name in row.against_scores else ""
                told.append(f"{metric(name)} {points(row.scores[name])}{other}")
        return plainly_joined(told)

    def _named(self, name: str, pieces: Sequence[Piece]) -> None:
        cursor = self._end_of(self._said)
        cursor.insertText(f"{name}: ", _format(bold=True))
        for place, piece in enumerate(pieces):
            cursor.insertText(" " if place else "", _format())
            cursor.insertText(piece.text, _format(marked=not piece.same))
        cursor.insertBlock()

    def _passage(self, pane: QTextEdit, passage: Passage, rank: str, *, marked: bool, brief: bool = False) -> None:
        page = self.tr("page {0}").format(passage.page) if passage.page else ""
        gold = self.tr("GOLD") if marked else ""
        cursor = self._end_of(pane)
        cursor.insertText(rank + plainly_joined([gold, passage.title, page]), _format(bold=True, marked=marked))
        cursor.insertBlock()
        if not brief:
            cursor.insertText(passage.text, _format())
            cursor.insertBlock()

    def _line(self, pane: QTextEdit, text: str, *, bold: bool = False) -> None:
        cursor = self._end_of(pane)
        cursor.insertText(text, _format(bold=bold))
        cursor.insertBlock()

    @staticmethod
    def _end_of(pane: QTextEdit) -> QTextCursor:
        cursor = pane.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    @staticmethod
    def _pane(name: str) -> QTextEdit:
        pane = QTextEdit()
        pane.setReadOnly(True)
        pane.setAcceptRichText(False)
        pane.setAccessibleName(name)
        return pane


def _format(*, bold: bool = False, marked: bool = False) -> QTextCharFormat:
    look = QTextCharFormat()
    look.setFontWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    if marked:
        look.setBackground(QColor("#7A5A00" if is_dark() else "#FFE08A"))
    return look
