"""The questions asked and their answers, streaming; citations are links. Loads nothing from anywhere."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QColor, QFont, QPalette, QTextBlockFormat, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QTextBrowser

from desktop.job_thread import sentence
from desktop.theme import VERMILLION
from desktop.wording import milliseconds, plainly_joined
from engine.errors import EngineError
from engine.records import Answer, Citation

_QUOTE_CHARACTERS = 160
_SCHEME = "citation"


class Conversation(QTextBrowser):
    """Everything is inserted as plain text: what a document or a model says is never markup."""

    citation_opened = Signal(object)  # Citation

    def __init__(self) -> None:
        super().__init__()
        self.setOpenLinks(False)
        self.setAccessibleName(self.tr("Conversation"))
        self.setUndoRedoEnabled(False)
        self.document().setDocumentMargin(16)
        self.anchorClicked.connect(self._open_citation)
        self._citations: list[Citation] = []
        self._answer_start: int | None = None  # where the answer that streams now begins
        self._streamed = ""

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Every citation shown, in order."""
        return tuple(self._citations)

    @property
    def streams(self) -> bool:
        """Whether an answer is on its way."""
        return self._answer_start is not None

    def loadResource(self, kind: int, name: QUrl | str) -> None:  # noqa: N802 - Qt's name
        """Load nothing, whatever a document or a model asks for."""

    def start_over(self) -> None:
        """Empty the view."""
        self.clear()
        self._citations.clear()
        self._answer_start = None

    def ask(self, question: str, *, within: str = "") -> None:
        """Show `question`, where it is looked for, and the place where its answer will stream."""
        self._add_block(self.tr("You"), self._faint(), space_above=18 if self.document().characterCount() > 1 else 0)
        self._add_block(question, self._plain(bold=True))
        if within:
            self._add_block(self.tr("Looked for in: {0}").format(within), self._faint(small=True))
        self._add_block(self.tr("Vademecum"), self._faint(), space_above=10)
        self._add_block("", self._plain())
        self._answer_start = self._end().position()
        self._streamed = ""

    def add_token(self, text: str) -> None:
        """Show the next piece of the answer."""
        if self._answer_start is None:
            return
        self._streamed += text
        self._end().insertText(text, self._plain())
        self._follow()

    def finish(self, answer: Answer) -> None:
        """Show the whole answer, its citations and what it cost."""
        if self._answer_start is None:
            return
        doubtful = [part for part in answer.sentences if not part.supported]
        # Withheld, mended after the last word, or with sentences to mark.
        if doubtful or answer.answer.strip() != self._streamed.strip():
            self._replace_answer(answer)
        self._answer_start = None
        if answer.searched:
            self._add_block(self.tr("Searched for: {0}").format(answer.searched), self._faint(small=True))
        if answer.abstained:
            self._add_block(
                self.tr("No answer is better than a guess: ask in other words, or add a document that says it."),
                self._faint(),
            )
        elif not answer.citations:
            self._add_block(
                self.tr("No passage says this in these words: check it in the documents before you rely on it."),
                self._coloured(VERMILLION),
            )
        elif doubtful:
            self._add_block(
                self.tr("What is underlined was found in no passage: check it before you rely on it."),
                self._coloured(VERMILLION),
            )
        differing = list(dict.fromkeys(fact for part in doubtful for fact in part.missing))
        if differing:
            self._add_block(
                self.tr("The nearest passage differs in: {0}").format(", ".join(differing)), self._coloured(VERMILLION)
            )
        for citation in answer.citations:
            self._add_citation(citation)
        if not answer.citations:
            self._add_read_passages(answer)
        self._add_block(self._cost(answer), self._faint(small=True), space_above=4)
        self._follow()

    def fail(self, error: EngineError) -> None:
        """Say why there is no answer."""
        if self._answer_start is None:
            return
        self._answer_start = None
        self._add_block(sentence(error), self._coloured(VERMILLION))
        self._follow()

    def stop(self) -> None:
        """Say that the person stopped the answer."""
        if self._answer_start is None:
            return
        self._answer_start = None
        self._add_block(self.tr("Stopped."), self._faint())
        self._follow()

    def open_citation(self, number: int) -> None:
        """Open the citation `number`, counted from 0 through the whole conversation."""
        self.citation_opened.emit(self._citations[number])

    def _open_citation(self, link: QUrl) -> None:
        if link.scheme() == _SCHEME and link.path().isdecimal():
            self.open_citation(int(link.path()))

    def _add_citation(self, citation: Citation) -> None:
        self._citations.append(citation)
        where = plainly_joined([citation.title, self.tr("page {0}").format(citation.page) if citation.page else ""])
        self._add_block(f"▸ {where}", self._link(len(self._citations) - 1), space_above=6, indent=14)
        quote = (
            citation.quote
            if len(citation.quote) <= _QUOTE_CHARACTERS
            else citation.quote[:_QUOTE_CHARACTERS].rsplit(" ", 1)[0] + " …"
        )
        self._add_block(f"“{' '.join(quote.split())}”", self._faint(), indent=28)

    def _add_read_passages(self, answer: Answer) -> None:
        if not answer.hits:
            return
        self._add_block(self.tr("The passages that came closest:"), self._faint(), space_above=6)
        for hit in answer.hits[:3]:
            passage = hit.passage
            self._add_citation(
                Citation(
                    passage.id,
                    passage.document_id,
                    passage.title,
                    passage.page,
                    passage.start,
                    passage.end,
                    passage.text,
                )
            )

    def _cost(self, answer: Answer) -> str:
        told = answer.timings_ms
        parts = [
            (self.tr("searched in {0}"), "retrieve"),
            (self.tr("first word after {0}"), "first_token"),
            (self.tr("whole answer in {0}"), "total"),
        ]
        times = [text.format(milliseconds(told[name])) for text, name in parts if name in told]
        cached = self.tr("asked before") if answer.cached else ""
        sure = "" if answer.abstained else self.tr("confidence {0} %").format(round(answer.confidence * 100))
        return plainly_joined([*times, cached, sure, self.tr("by {0}").format(answer.run)])

    def _replace_answer(self, answer: Answer) -> None:
        """Write the answer anew, its sentences that no passage bears out underlined."""
        assert self._answer_start is not None
        cursor = self._end()
        cursor.setPosition(self._answer_start, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        written = self._plain()
        written.setFontItalic(answer.abstained)
        doubted = self._plain()
        doubted.setUnderlineStyle(QTextCharFormat.UnderlineStyle.DashUnderline)
        doubted.setUnderlineColor(QColor(VERMILLION))
        done = 0
        for part in answer.sentences:
            cursor.insertText(answer.answer[done : part.start], written)
            cursor.insertText(answer.answer[part.start : part.end], written if part.supported else doubted)
            done = part.end
        cursor.insertText(answer.answer[done:], written)

    def _add_block(self, text: str, written: QTextCharFormat, *, space_above: int = 0, indent: int = 0) -> None:
        shape = QTextBlockFormat()
        shape.setTopMargin(space_above)
        shape.setLeftMargin(indent)
        shape.setLineHeight(125, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        cursor = self._end()
        if self.document().characterCount() > 1:
            cursor.insertBlock(shape, written)
        else:
            cursor.setBlockFormat(shape)
        cursor.insertText(text, written)

    def _end(self) -> QTextCursor:
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        return cursor

    def _follow(self) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _plain(self, *, bold: bool = False) -> QTextCharFormat:
        written = QTextCharFormat()
        written.setForeground(self.palette().color(QPalette.ColorRole.Text))
        if bold:
            written.setFontWeight(QFont.Weight.DemiBold)
        return written

    def _faint(self, *, small: bool = False) -> QTextCharFormat:
        written = QTextCharFormat()
        written.setForeground(self.palette().color(QPalette.ColorRole.PlaceholderText))
        if small:
            written.setFontPointSize(max(7.0, self.font().pointSizeF() - 1))
        return written

    def _coloured(self, colour: str) -> QTextCharFormat:
        written = QTextCharFormat()
        written.setForeground(QColor(colour))
        return written

    def _link(self, number: int) -> QTextCharFormat:
        written = QTextCharFormat()
        written.setAnchor(True)
        written.setAnchorHref(f"{_SCHEME}:{number}")
        written.setForeground(self.palette().color(QPalette.ColorRole.Link))
        written.setFontUnderline(True)
        written.setUnderlineStyle(QTextCharFormat.UnderlineStyle.SingleUnderline)
        return written
