"""The chat page: ask the documents; the answer streams, its citations open the page they come from."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal, SignalInstance
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.job_thread import JobThread
from desktop.page_loader import PageLoader
from desktop.theme import icon
from desktop.widgets.answer_manner import AnswerManner
from desktop.widgets.conversation import Conversation
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from desktop.widgets.passage_view import PassageView
from desktop.widgets.scope_choice import ScopeChoice
from engine.errors import DocumentError, EngineError
from engine.records import Answer, Citation, Document
from engine.serving.job import AnswerQuestion
from engine.workspace.scope import EVERYTHING

_INPUT_HEIGHT = 64
_EARLIER = 3  # questions that a follow-up may point back to


class QuestionEdit(QPlainTextEdit):
    """Where a question is typed: Enter asks, Shift+Enter starts a new line."""

    submitted = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Ask on Enter."""
        if (
            event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
            and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        ):
            self.submitted.emit()
        else:
            super().keyPressEvent(event)


class ChatPage(QWidget):
    """One conversation at the left, the cited page at the right."""

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._thread: JobThread | None = None
        self._earlier: list[str] = []  # questions of this conversation, oldest first
        self._citation: Citation | None = None  # the one shown, or on its way
        self._notice = Notice()
        self.conversation = Conversation()
        self.conversation.citation_opened.connect(self.open_citation)
        self.passage_view = PassageView()
        PageLoader(jobs, self.passage_view)
        self.passage_view.closed.connect(self._hide_passage)
        self._passage_card = QFrame()
        self._passage_card.setObjectName("card")
        QVBoxLayout(self._passage_card).addWidget(self.passage_view)
        self._passage_card.hide()
        self.input = QuestionEdit()
        self.input.setPlaceholderText(self.tr("Ask the documents… (Enter asks, Shift+Enter starts a new line)"))
        self.input.setAccessibleName(self.tr("Your question"))
        self.input.setTabChangesFocus(True)
        self.input.setFixedHeight(_INPUT_HEIGHT)
        self.input.submitted.connect(self.ask)
        self._ask = QPushButton(icon("send", highlighted=True), self.tr("&Ask"))
        self._ask.setObjectName("primary")
        self._ask.setAccessibleName(self.tr("Ask"))
        self._ask.setMinimumHeight(_INPUT_HEIGHT)
        self._ask.setMinimumWidth(110)
        self._ask.clicked.connect(self.ask)
        self._stop = QPushButton(icon("stop"), self.tr("S&top"))
        self._stop.setAccessibleName(self.tr("Stop the answer"))
        self._stop.setMinimumHeight(_INPUT_HEIGHT)
        self._stop.setMinimumWidth(110)
        self._stop.clicked.connect(self._stop_answer)
        self._stop.hide()
        typing = QHBoxLayout()
        typing.addWidget(self.input, 1)
        typing.addWidget(self._ask)
        typing.addWidget(self._stop)
        self.manner = AnswerManner()
        self.manner.started_over.connect(self._begin_anew)
        self.scope = ScopeChoice(jobs)
        self.scope.failed.connect(self._notice.warn)
        self._stack = QStackedWidget()
        self._stack.addWidget(
            EmptyState(
                "chat",
                self.tr("Ask your documents"),
                self.tr(
                    "Answers are drawn from the imported documents only, and each shows where it was found. Where "
                    "the documents don't say, the answer says so."
                ),
            )
        )
        self._stack.addWidget(self.conversation)
        left = QWidget()
        left_column = QVBoxLayout(left)
        left_column.setContentsMargins(0, 0, 0, 0)
        left_column.addWidget(self._stack, 1)
        left_column.addWidget(self.scope)
        left_column.addWidget(self.manner)
        left_column.addLayout(typing)
        halves = QSplitter(Qt.Orientation.Horizontal)
        halves.addWidget(left)
        halves.addWidget(self._passage_card)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        halves.setChildrenCollapsible(False)
        self._halves = halves
        column = page_layout(self)
        column.addWidget(
            Heading(
                self.tr("Chat"),
                self.tr(
                    "A quotation is found in the documents, never made up. Read it where it stands before you rely "
                    "on it."
                ),
            )
        )
        column.addWidget(self._notice)
        column.addWidget(halves, 1)
        self.setFocusProxy(self.input)

    def start_over(self) -> None:
        """Forget what belongs to another workspace."""
        self.scope.choose(EVERYTHING)
        self.input.clear()
        self._notice.hide()
        self._begin_anew()

    def forget_documents(self, ids: tuple[str, ...]) -> None:
        """Show and look in documents that were removed no longer."""
        if self._citation is not None and self._citation.document_id in ids:
            self._hide_passage()
        if self.scope.forget_documents(ids):
            told = self.scope.sentence or self.tr("all documents")
            self._notice.tell(self.tr("What was removed is no longer looked in: answers come from {0}.").format(told))

    def _begin_anew(self) -> None:
        if self._thread is not None:
            for said, hear in self._hearing(self._thread):
                said.disconnect(hear)
            self._thread.cancel()
            self._forget_thread()
        self.conversation.start_over()
        self._earlier.clear()
        self._hide_passage()
        self._stack.setCurrentIndex(0)

    def ask(self) -> None:
        """Ask what is typed."""
        question = self.input.toPlainText().strip()
        if not question or self._thread is not None:
            return
        self.input.clear()
        self._stack.setCurrentWidget(self.conversation)
        self.conversation.ask(question, within=self.scope.sentence)
        asking = self.manner.asking(tuple(self._earlier))
        self._earlier = [*self._earlier, question][-_EARLIER:]
        self._thread = thread = self._jobs.run(AnswerQuestion(question, asking=asking, scope=self.scope.scope))
        for said, hear in self._hearing(thread):
            said.connect(hear)
        self._ask.hide()
        self._stop.show()

    def _hearing(self, thread: JobThread) -> tuple[tuple[SignalInstance, Callable[..., None]], ...]:
        """What an answer's thread says, and who hears it."""
        return (
            (thread.token_arrived, self.conversation.add_token),
            (thread.finished_with, self._show_answer),
            (thread.failed, self.conversation.fail),
            (thread.cancelled, self.conversation.stop),
            (thread.broke, self._show_broken),
            (thread.ended, self._forget_thread),
        )

    def open_citation(self, citation: Citation) -> None:
        """Show the page the citation comes from."""
        from engine.workspace.job import ReadDocument  # late: it brings the database with it

        self._citation = citation
        thread = self._jobs.run(ReadDocument(citation.document_id))  # each time: it may be removed or replaced by now
        thread.finished_with.connect(self._show_document)
        thread.failed.connect(self._warn)

    def _show_answer(self, answer: Answer) -> None:
        self.conversation.finish(answer)

    def _show_broken(self) -> None:
        self.conversation.fail(EngineError("This question could not be answered.", hint="Ask it again."))

    def _show_document(self, document: Document) -> None:
        if self._citation is None or document.id != self._citation.document_id:
            return
        if self._passage_card.isHidden():
            self._passage_card.show()
            width = self._halves.width()
            self._halves.setSizes([width * 11 // 20, width * 9 // 20])
        start = _nearest(self._citation, document.text)
        if start is None:  # the record of a corpus keeps its id when its text changes
            self._notice.tell(self._gone(self._citation))
            self.passage_view.show_document(document)
            return
        self.passage_view.show_document(document, start, start + len(self._citation.quote))

    def _warn(self, error: EngineError) -> None:
        if isinstance(error, DocumentError) and self._citation is not None:
            self._notice.tell(self._gone(self._citation))
        else:
            self._notice.warn(error)

    def _gone(self, citation: Citation) -> str:
        told = self.tr("{0} was removed or has changed since: it no longer says what was quoted. Ask again.")
        return told.format(f"“{citation.title}”")

    def _hide_passage(self) -> None:
        self._citation = None
        self._passage_card.hide()

    def _stop_answer(self) -> None:
        if self._thread is not None:
            self._thread.cancel()

    def _forget_thread(self) -> None:
        self._thread = None
        self._stop.hide()
        self._ask.show()
        self.input.setFocus()


def _nearest(citation: Citation, text: str) -> int | None:
    """Return where `text` has the quote, nearest to where it was found; None where it no longer has it."""
    before = text.rfind(citation.quote, 0, citation.end)
    behind = text.find(citation.quote, citation.start)
    places = [place for place in (before, behind) if place >= 0]
    return min(places, key=lambda place: abs(place - citation.start), default=None)
