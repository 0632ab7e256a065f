"""Where answers are looked for, said in a line, with the button that changes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from desktop.job_queue import JobQueue
from desktop.theme import icon
from desktop.widgets.scope_dialog import ScopeDialog
from desktop.wording import counted, plainly_joined
from engine.workspace.scope import EVERYTHING, Scope

if TYPE_CHECKING:
    from engine.workspace.job import DocumentList

_NAMES_SHOWN = 2
_TOLD_WIDTH = 460


class ScopeChoice(QWidget):
    """Holds the scope of the next question."""

    failed = Signal(object)  # EngineError

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self.scope = EVERYTHING
        self._titles: dict[str, str] = {}  # of the documents, when last listed
        self._change = QPushButton(icon("folder"), self.tr("&Look in…"))
        self._change.setAccessibleName(self.tr("Choose where to look"))
        self._change.setToolTip(self.tr("Within some folders, documents, tags or dates only"))
        self._change.clicked.connect(self._ask)
        self._told = QLabel()
        self._told.setAccessibleName(self.tr("Where answers are looked for"))
        self._clear = QPushButton(icon("close"), "")
        self._clear.setAccessibleName(self.tr("Look in all documents"))
        self._clear.setToolTip(self.tr("Look in all documents"))
        self._clear.setFlat(True)
        self._clear.clicked.connect(lambda: self.choose(EVERYTHING))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._change)
        row.addWidget(self._told)
        row.addWidget(self._clear)
        row.addStretch(1)
        self.choose(EVERYTHING)

    @property
    def sentence(self) -> str:
        """Where it is looked, as a person says it; "" for everywhere."""
        scope = self.scope
        dates = plainly_joined(
            [
                self.tr("since {0}").format(scope.since) if scope.since else "",
                self.tr("until {0}").format(scope.until) if scope.until else "",
            ]
        )
        return plainly_joined(
            [
                _named([PurePath(one).name or one for one in scope.folders], self.tr("folder"), self.tr("folders")),
                _named(
                    [self._titles.get(one, one) for one in scope.documents], self.tr("document"), self.tr("documents")
                ),
                _named(scope.tags, self.tr("tag"), self.tr("tags")),
                dates,
            ]
        )

    def choose(self, scope: Scope) -> None:
        """Look within `scope` from now on."""
        self.scope = scope
        told = self.sentence or self.tr("all documents")
        self._told.setText(self._told.fontMetrics().elidedText(told, Qt.TextElideMode.ElideMiddle, _TOLD_WIDTH))
        self._told.setToolTip(told)
        self._clear.setVisible(scope.limits)

    def forget_documents(self, ids: Sequence[str]) -> bool:
        """Look no longer in documents that were removed. Return whether that changed anything."""
        kept = tuple(one for one in self.scope.documents if one not in ids)
        changed = kept != self.scope.documents
        self.choose(replace(self.scope, documents=kept))
        return changed

    def _ask(self) -> None:
        from engine.workspace.job import ListDocuments

        thread = self._jobs.run(ListDocuments())
        thread.finished_with.connect(self._open)
        thread.failed.connect(self.failed)

    def _open(self, found: DocumentList) -> None:
        self._titles = {row.id: row.title for row in found.documents}
        dialog = ScopeDialog(self, found.documents, self.scope)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self.choose(dialog.scope))
        dialog.open()


def _named(names: Sequence[str], one: str, many: str) -> str:
    if len(names) > _NAMES_SHOWN:
        return counted(len(names), one, many)
    return f"{one if len(names) == 1 else many} {', '.join(names)}" if names else ""
