"""Asks for the tags of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.theme import SPACING
from desktop.wording import counted

if TYPE_CHECKING:
    from engine.workspace.documents import DocumentRow

_WIDTH = 460


class TagDialog(QDialog):
    """Shows the tags that all of `rows` have, to be changed."""

    def __init__(self, parent: QWidget | None, rows: Sequence[DocumentRow]) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Tags"))
        self.setMinimumWidth(_WIDTH)
        self._common = set.intersection(*(set(row.tags) for row in rows)) if rows else set()
        told = QLabel(
            self.tr("Tags of {0}, separated by commas. Questions can be asked within a tag.").format(
                counted(len(rows), self.tr("document"), self.tr("documents"))
            )
        )
        told.setWordWrap(True)
        self.tags = QLineEdit(", ".join(sorted(self._common)))
        self.tags.setAccessibleName(self.tr("Tags"))
        self.tags.setPlaceholderText(self.tr("contracts, 2026"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Save | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addWidget(told)
        column.addWidget(self.tags)
        column.addWidget(buttons)

    @property
    def added(self) -> tuple[str, ...]:
        """The tags that are new to some of the documents; of spellings that differ in case only, the first."""
        spelt = {tag.casefold(): tag for tag in self._common.intersection(self._written)}
        for tag in self._written:
            spelt.setdefault(tag.casefold(), tag)
        return tuple(sorted(set(spelt.values()) - self._common))

    @property
    def removed(self) -> tuple[str, ...]:
        """The tags that were taken away."""
        return tuple(sorted(self._common.difference(self._written)))

    @property
    def _written(self) -> list[str]:
        return [tag.strip() for tag in self.tags.text().split(",") if tag.strip()]
