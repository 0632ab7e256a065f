"""The documents page: bring files in, see what became of each, look into one, remove some."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QLocale, QModelIndex, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.models.record_table import Column, RecordTable
from desktop.page_loader import PageLoader
from desktop.theme import icon
from desktop.widgets.drop_area import DropArea
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from desktop.widgets.page_stack import PageStack
from desktop.widgets.passage_view import PassageView
from desktop.widgets.password_dialog import PasswordDialog
from desktop.widgets.table import make_table, selected_records
from desktop.widgets.tag_dialog import TagDialog
from desktop.widgets.watched_folders import WatchedFolders
from desktop.widgets.wrapping_row import WrappingRow
from desktop.wording import counted, duration, plainly_joined
from engine.jobs import Skipped
from engine.records import Document

# The jobs of the workspace bring its database and numpy with them: imported when they are used, after the first paint.
if TYPE_CHECKING:
    from engine.importing import ImportReport
    from engine.workspace.documents import DocumentRow, RemovalReport
    from engine.workspace.job import DocumentList

_FEW = 3  # names said in a sentence


class DocumentsPage(QWidget):
    """Shows the documents and the files that could not be read, in one list."""

    paths_dropped = Signal(tuple)  # of str
    documents_removed = Signal(tuple)  # of their ids
    password_given = Signal(tuple, str)  # paths of files that open with a password only, and the password

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._notice = Notice()
        self.drop_area = DropArea(
            self.tr("Drop documents and question files here"),
            self.tr(
                "PDF, scans and pictures, Word, Excel, PowerPoint, OpenDocument, RTF, EPUB, e-mail, HTML, Markdown, "
                "text, CSV, and corpora as JSONL. Folders are searched. Question files are recognised too."
            ),
        )
        self.drop_area.paths_dropped.connect(self.paths_dropped)
        self.watched = WatchedFolders()
        self.table_model = RecordTable(
            [
                Column(self.tr("Title"), lambda row: _title(row), tip=lambda row: _path(row)),
                Column(self.tr("Kind"), lambda row: _kind(row), width=80),
                Column(
                    self.tr("Pages"),
                    lambda row: "" if isinstance(row, Skipped) else str(row.pages or ""),
                    key=_pages,
                    number=True,
                    width=80,
                ),
                Column(
                    self.tr("Passages"),
                    lambda row: "" if isinstance(row, Skipped) else f"{row.passages:,}",
                    key=_passages,
                    number=True,
                    width=100,
                ),
                Column(self.tr("Language"), lambda row: _language(row), width=90),
                Column(self.tr("Tags"), lambda row: "" if isinstance(row, Skipped) else ", ".join(row.tags), width=110),
                Column(self.tr("State"), self._state, tip=self._state, width=190),
            ]
        )
        self.table = make_table(self.table_model, name=self.tr("Documents"))
        self.table.doubleClicked.connect(self._open_row)
        self.table.selectionModel().selectionChanged.connect(self._show_buttons)
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter the list"))
        self._filter.setAccessibleName(self.tr("Filter the documents"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setFixedWidth(280)
        self._filter.textChanged.connect(self.table_model.filter)
        self._count = QLabel()
        self._count.setObjectName("page_subtitle")
        self._open = QPushButton(self.tr("Open"))
        self._open.setAccessibleName(self.tr("Open the selected document"))
        self._open.clicked.connect(self._open_selected)
        self._tag = QPushButton(self.tr("Tags…"))
        self._tag.setAccessibleName(self.tr("Tag the selected documents"))
        self._tag.clicked.connect(self._ask_for_tags)
        self._remove = QPushButton(icon("remove"), self.tr("Remove"))
        self._remove.setAccessibleName(self.tr("Remove the selected documents"))
        self._remove.setToolTip(self.tr("Of a file that was left out, only its line here goes"))
        self._remove.clicked.connect(self._ask_to_remove)
        QShortcut(
            QKeySequence(Qt.Key.Key_Return), self.table, self._open_selected, context=Qt.ShortcutContext.WidgetShortcut
        )
        QShortcut(
            QKeySequence.StandardKey.Delete, self.table, self._ask_to_remove, context=Qt.ShortcutContext.WidgetShortcut
        )
        tools = WrappingRow(self._filter, self._count, trailing=(self._open, self._tag, self._remove))
        filled = QWidget()
        list_column = QVBoxLayout(filled)
        list_column.setContentsMargins(0, 0, 0, 0)
        list_column.addLayout(tools)
        list_column.addWidget(self.table, 1)
        empty = EmptyState(
            "documents",
            self.tr("No documents yet"),
            self.tr(
                "Drop the department's documents into the field above. Then add questions with known answers, train "
                "on them, and ask your own."
            ),
        )
        self._stack = PageStack()
        self._stack.addWidget(empty)
        self._stack.addWidget(filled)
        column = page_layout(self)
        column.addWidget(
            Heading(self.tr("Documents"), self.tr("What answers are drawn from. Everything stays on this machine."))
        )
        column.addWidget(self._notice)
        column.addWidget(self.drop_area)
        column.addWidget(self.watched)
        column.addWidget(self._stack, 1)
        self._show_buttons()

    def reload(self) -> None:
        """Read the list again."""
        from engine.workspace.job import ListDocuments

        thread = self._jobs.run(ListDocuments())
        thread.finished_with.connect(self.show_list)
        thread.failed.connect(self._notice.warn)

    def start_over(self) -> None:
        """Forget what belongs to another workspace."""
        self._notice.hide()
        self._filter.clear()
        self.table_model.show(())
        self._close_windows()
        self.reload()

    def show_list(self, found: DocumentList) -> None:
        """Show the documents, and after them the files that could not be read."""
        self.table_model.show([*found.skipped, *found.documents])
        self._stack.setCurrentIndex(1 if self.table_model.rowCount() or self._filter.text() else 0)
        unread = self.tr(", {0} could not be read").format(len(found.skipped)) if found.skipped else ""
        self._count.setText(counted(len(found.documents), self.tr("document"), self.tr("documents")) + unread)
        self._show_buttons()

    def show_import(self, report: ImportReport) -> None:
        """Say what an import did."""
        self._notice.tell(import_sentence(report))
        self.reload()

    def ask_for_password(self, locked: tuple[Skipped, ...]) -> None:
        """Ask for the password of files that open with one only."""
        dialog = PasswordDialog(self, tuple(skipped.reason for skipped in locked))
        paths = tuple(skipped.item for skipped in locked)
        dialog.accepted.connect(lambda: self.password_given.emit(paths, dialog.password.text()))
        dialog.open()

    def show_error(self, error: object) -> None:
        """Say why an import failed."""
        self._notice.warn(error)  # type: ignore[arg-type]  # a signal's object: EngineError
        self.reload()

    @property
    def notice(self) -> Notice:
        """What the page says at its top."""
        return self._notice

    def _state(self, row: DocumentRow | Skipped) -> str:
        if isinstance(row, Skipped):
            return self.tr("Left out: {0}").format(row.reason)
        parts = [self.tr("Ready") if row.passages else self.tr("Holds no text")]
        if row.near_duplicate_of:
            parts.append(
                self.tr("nearly the same as {0} ({1} %)").format(row.near_duplicate_of, round(row.similarity * 100))
            )
        return plainly_joined([*parts, *row.notes])

    def _show_buttons(self) -> None:
        rows = self._selected_documents()
        self._open.setEnabled(len(rows) == 1)
        self._tag.setEnabled(bool(rows))
        self._remove.setEnabled(bool(selected_records(self.table)))

    def _open_row(self, index: QModelIndex) -> None:
        self._open_record(self.table_model.record(index.row()))

    def _open_selected(self) -> None:
        rows = self._selected_documents()
        if rows:
            self._open_record(rows[0])

    def _selected_documents(self) -> list[DocumentRow]:
        return [row for row in selected_records(self.table) if not isinstance(row, Skipped)]

    def _open_record(self, row: DocumentRow | Skipped) -> None:
        from engine.workspace.job import ReadDocument

        if isinstance(row, Skipped):
            if row.wants == "password":
                self.ask_for_password((row,))
        else:
            thread = self._jobs.run(ReadDocument(row.id))
            thread.finished_with.connect(self._show_document)
            thread.failed.connect(self._notice.warn)

    def _show_document(self, document: Document) -> None:
        window = QDialog(self)
        window.setObjectName(document.id)
        window.setWindowTitle(document.title)
        window.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        window.resize(720, 760)
        view = PassageView()
        view.hide_close_button()
        PageLoader(self._jobs, view)
        view.show_document(document)
        QVBoxLayout(window).addWidget(view)
        window.show()

    def _close_windows(self, *ids: str) -> None:
        """Close the windows of these documents; without any, whatever is open."""
        for window in self.findChildren(QDialog, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if not ids or window.objectName() in ids:
                window.close()

    def _ask_for_tags(self) -> None:
        rows = self._selected_documents()
        if not rows:
            return
        dialog = TagDialog(self, rows)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        ids = tuple(row.id for row in rows)
        dialog.accepted.connect(lambda: self._tag_documents(ids, dialog.added, dialog.removed))
        dialog.open()

    def _tag_documents(self, ids: tuple[str, ...], added: tuple[str, ...], removed: tuple[str, ...]) -> None:
        from engine.workspace.job import TagDocuments

        if added or removed:
            thread = self._jobs.run(TagDocuments(ids, added, removed))
            thread.finished_with.connect(self.show_list)
            thread.failed.connect(self._notice.warn)

    def _ask_to_remove(self) -> None:
        rows = self._selected_documents()
        left_out = tuple(row.item for row in selected_records(self.table) if isinstance(row, Skipped))
        if not rows:
            self._dismiss(left_out)
            return
        names = ", ".join(row.title for row in rows[:_FEW]) + (" …" if len(rows) > _FEW else "")
        question = QMessageBox(self)
        question.setIcon(QMessageBox.Icon.Warning)
        question.setWindowTitle(self.tr("Remove documents"))
        question.setTextFormat(Qt.TextFormat.PlainText)
        question.setText(self.tr("Remove {0}?").format(counted(len(rows), self.tr("document"), self.tr("documents"))))
        question.setInformativeText(
            self.tr(
                "{0}\n\nTheir passages and the questions about them go too. The files on the disk stay where they are."
            ).format(names)
        )
        question.setStandardButtons(QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel)
        question.button(QMessageBox.StandardButton.Ok).setText(self.tr("Remove"))
        question.setDefaultButton(QMessageBox.StandardButton.Cancel)
        question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        ids = tuple(row.id for row in rows)
        question.button(QMessageBox.StandardButton.Ok).clicked.connect(lambda: self._remove_documents(ids, left_out))
        question.open()

    def _remove_documents(self, ids: tuple[str, ...], left_out: tuple[str, ...]) -> None:
        from engine.workspace.job import RemoveDocuments

        self._dismiss(left_out)
        thread = self._jobs.run(RemoveDocuments(ids))
        thread.finished_with.connect(lambda report: self._show_removal(ids, report))
        thread.failed.connect(self._notice.warn)

    def _dismiss(self, left_out: tuple[str, ...]) -> None:
        from engine.workspace.job import DismissSkipped

        if left_out:
            thread = self._jobs.run(DismissSkipped(left_out))
            thread.finished_with.connect(self.show_list)
            thread.failed.connect(self._notice.warn)

    def _show_removal(self, ids: tuple[str, ...], report: RemovalReport) -> None:
        learned = (
            self.tr("These runs learned from them and still do: {0}.").format(
                ", ".join(report.runs_that_learned_from_it)
            )
            if report.runs_that_learned_from_it
            else ""
        )
        self._notice.tell(
            self.tr("Removed: {0}. {1}").format(
                plainly_joined(
                    [
                        counted(report.documents, self.tr("document"), self.tr("documents")),
                        counted(report.passages, self.tr("passage"), self.tr("passages")),
                        counted(report.questions, self.tr("question"), self.tr("questions")),
                    ]
                ),
                learned,
            )
        )
        self.reload()
        self._close_windows(*ids)
        self.documents_removed.emit(ids)


def import_sentence(report: ImportReport) -> str:
    """Return in a line what an import did, and why it did not reach what the list of documents can't show."""
    documents = [
        (report.documents_added, _tr("added")),
        (report.documents_replaced, _tr("replaced")),
        (report.documents_unchanged, _tr("known already")),
        (report.documents_removed, _tr("removed, no longer in their file")),
    ]
    told = [f"{number:,} {what}" for number, what in documents if number]
    parts = [_tr("Documents: {0}").format(", ".join(told)) if told else ""]
    if report.questions_added or report.questions_unchanged:
        known = _tr(", {0} known already").format(report.questions_unchanged) if report.questions_unchanged else ""
        without = (
            _tr(", {0} without and not trained on").format(report.questions_without_evidence)
            if report.questions_without_evidence
            else ""
        )
        parts.append(
            _tr("Questions: {0} added{1}, {2} with evidence{3}").format(
                report.questions_added, known, report.questions_with_evidence, without
            )
        )
    listed = len(report.skipped) - len(report.unreached)
    if listed:
        parts.append(_tr("{0} left out; the list says why").format(listed))
    line = plainly_joined(parts)
    line = f"{line} · {duration(report.seconds)}" if line else _tr("Nothing was found that can be imported.")
    reasons = [f"{skipped.item}: {skipped.reason}" for skipped in report.unreached[:_FEW]]
    more = len(report.unreached) - _FEW
    if more > 0:
        reasons.append(_tr("{0} more were not reached; the Questions page lists them all.").format(more))
    return "\n".join([line, *reasons])


def _tr(text: str) -> str:
    return QCoreApplication.translate("DocumentsPage", text)


def _title(row: DocumentRow | Skipped) -> str:
    return PurePath(row.item).name or row.item if isinstance(row, Skipped) else row.title


def _path(row: DocumentRow | Skipped) -> str:
    return row.item if isinstance(row, Skipped) else row.path


def _kind(row: DocumentRow | Skipped) -> str:
    return PurePath(row.item).suffix.lstrip(".").lower()[:8] if isinstance(row, Skipped) else row.kind


def _language(row: DocumentRow | Skipped) -> str:
    if isinstance(row, Skipped) or not row.language:
        return ""
    language = QLocale.codeToLanguage(row.language)
    return row.language if language == QLocale.Language.AnyLanguage else QLocale.languageToString(language)


def _pages(row: DocumentRow | Skipped) -> int:
    return -1 if isinstance(row, Skipped) else row.pages


def _passages(row: DocumentRow | Skipped) -> int:
    return -1 if isinstance(row, Skipped) else row.passages
