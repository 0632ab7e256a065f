"""Asks where answers are looked for: within folders, documents, tags and dates."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import QDate, Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDateEdit,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.models.check_list import CheckList, Entry
from desktop.theme import SPACING
from desktop.wording import counted
from engine.workspace.scope import Scope

if TYPE_CHECKING:
    from engine.workspace.documents import DocumentRow

_SIZE = (860, 560)
_NARROW = 300
_TAGS_HEIGHT = 130


class ScopeDialog(QDialog):
    """Ticks folders, tags and documents, and sets two dates. Nothing ticked anywhere is everything."""

    def __init__(self, parent: QWidget | None, rows: Sequence[DocumentRow], scope: Scope) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Where to look"))
        self.resize(*_SIZE)
        self.folders = CheckList(self._folder_entries(rows), scope.folders, self)
        used = Counter(tag for row in rows for tag in row.tags)
        self.tags = CheckList(
            [Entry(tag, f"{tag}  ({used[tag]:,})") for tag in sorted(used, key=str.casefold)], scope.tags, self
        )
        by_title = sorted(rows, key=lambda row: row.title.casefold())
        self.documents = CheckList([Entry(row.id, row.title, row.path) for row in by_title], scope.documents, self)
        told = QLabel(
            self.tr(
                "Answers come only from documents that fit every list with a tick in it. Without a tick anywhere, all "
                "documents are searched."
            )
        )
        told.setWordWrap(True)
        told.setObjectName("faint")
        self._since = _Day(self.tr("Changed on or &after"), scope.since)
        self._until = _Day(self.tr("Changed on or &before"), scope.until)
        halves = QHBoxLayout()
        halves.setSpacing(SPACING)
        halves.addLayout(self._narrow_column())
        halves.addLayout(self._documents_column(len(rows)), 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        everywhere = QPushButton(self.tr("&Everywhere"))
        everywhere.setAccessibleName(self.tr("Look in all documents"))
        everywhere.setAutoDefault(False)
        everywhere.clicked.connect(self._look_everywhere)
        buttons.addButton(everywhere, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addWidget(told)
        column.addLayout(halves, 1)
        column.addWidget(buttons)

    @property
    def scope(self) -> Scope:
        """What is chosen."""
        return Scope(
            self.documents.ticked, self.folders.ticked, self.tags.ticked, self._since.iso_date, self._until.iso_date
        )

    def _narrow_column(self) -> QVBoxLayout:
        column = QVBoxLayout()
        column.addWidget(_title(self.tr("Folders")))
        folders = _view(self.folders, self.tr("Folders"))
        folders.setFixedWidth(_NARROW)
        column.addWidget(folders, 1)
        column.addWidget(_title(self.tr("Tags")))
        if self.tags.rowCount():
            tags = _view(self.tags, self.tr("Tags"))
            tags.setFixedSize(_NARROW, _TAGS_HEIGHT)
            column.addWidget(tags)
        else:
            none = QLabel(self.tr("No document has a tag yet. Give some on the Documents page."))
            none.setObjectName("faint")
            none.setWordWrap(True)
            none.setFixedWidth(_NARROW)
            column.addWidget(none)
        column.addWidget(_title(self.tr("Dates of the files")))
        column.addWidget(self._since)
        column.addWidget(self._until)
        return column

    def _documents_column(self, count: int) -> QVBoxLayout:
        words = QLineEdit()
        words.setPlaceholderText(self.tr("Filter the list"))
        words.setAccessibleName(self.tr("Filter the documents"))
        words.setClearButtonEnabled(True)
        words.textChanged.connect(self.documents.filter)
        column = QVBoxLayout()
        column.addWidget(_title(counted(count, self.tr("document"), self.tr("documents"))))
        column.addWidget(words)
        column.addWidget(_view(self.documents, self.tr("Documents")), 1)
        return column

    def _look_everywhere(self) -> None:
        for model in (self.folders, self.tags, self.documents):
            for key in model.ticked:
                model.tick(key, False)
        self._since.chosen.setChecked(False)
        self._until.chosen.setChecked(False)

    def _folder_entries(self, rows: Sequence[DocumentRow]) -> list[Entry]:
        """Every folder below the one that all documents have in common, with how many documents are in it."""
        parents = [PurePath(row.path.partition("#")[0] if row.kind == "record" else row.path).parent for row in rows]
        held: Counter[PurePath] = Counter()
        for parent in parents:
            held.update((parent, *parent.parents))
        anchors = {parent.anchor for parent in parents}
        common = PurePath(os.path.commonpath(parents)) if len(anchors) == 1 else PurePath()
        below = sorted(folder for folder in held if folder == common or common in folder.parents)
        return [
            Entry(
                str(folder),
                f"{folder.relative_to(common) if folder != common else folder.name or folder}  ({held[folder]:,})",
                str(folder),
            )
            for folder in below
            if str(folder) != "."
        ]


class _Day(QWidget):
    """A date that may be left out."""

    def __init__(self, name: str, iso_date: str) -> None:
        super().__init__()
        self.chosen = QCheckBox(name)
        self.chosen.setAccessibleName(name.replace("&", ""))
        self.chosen.setToolTip(self.tr("A document whose file has no date is in no span of time."))
        self.day = QDateEdit(QDate.fromString(iso_date, Qt.DateFormat.ISODate) if iso_date else QDate.currentDate())
        self.day.setAccessibleName(self.tr("Date"))
        self.day.setCalendarPopup(True)
        self.chosen.toggled.connect(self.day.setEnabled)
        self.chosen.setChecked(bool(iso_date))
        self.day.setEnabled(bool(iso_date))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.chosen)
        row.addStretch(1)
        row.addWidget(self.day)

    @property
    def iso_date(self) -> str:
        """The date; "" where it is left out."""
        return self.day.date().toString(Qt.DateFormat.ISODate) if self.chosen.isChecked() else ""


def _title(text: str) -> QLabel:
    title = QLabel(text)
    title.setObjectName("section")
    return title


def _view(model: CheckList, name: str) -> QListView:
    view = QListView()
    view.setAccessibleName(name)
    view.setUniformItemSizes(True)  # measuring rows costs seconds when there are many
    view.setSpacing(2)
    view.setModel(model)
    return view
