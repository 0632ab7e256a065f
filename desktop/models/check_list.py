"""A list to tick entries of: thousands of them, narrowed by words, what is ticked kept while it is out of sight."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """Something to tick."""

    key: str
    text: str
    tip: str = ""


class CheckList(QAbstractListModel):
    """Entries with a tick each."""

    def __init__(self, entries: Sequence[Entry], ticked: Collection[str], parent: QObject | None = None) -> None:
        """`ticked` are keys; those of no entry are left out."""
        super().__init__(parent)
        self._all = list(entries)
        self._shown = self._all
        self._ticked = set(ticked)

    @property
    def ticked(self) -> tuple[str, ...]:
        """The keys of the ticked entries, in order."""
        return tuple(entry.key for entry in self._all if entry.key in self._ticked)

    def tick(self, key: str, on: bool = True) -> None:
        """Tick an entry, or take its tick away."""
        (self._ticked.add if on else self._ticked.discard)(key)
        self.dataChanged.emit(self.index(0), self.index(max(0, len(self._shown) - 1)))

    def filter(self, words: str) -> None:
        """Show only the entries in which every word is found."""
        wanted = words.casefold().split()
        self.beginResetModel()
        self._shown = [
            entry for entry in self._all if all(word in f"{entry.text} {entry.tip}".casefold() for word in wanted)
        ]
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Return how many entries are shown."""
        return 0 if parent.isValid() else len(self._shown)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that every entry can be ticked."""
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what an entry shows."""
        entry = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.text
        if role == Qt.ItemDataRole.ToolTipRole:
            return entry.tip or entry.text
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if entry.key in self._ticked else Qt.CheckState.Unchecked
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:  # noqa: N802 - Qt's name
        """Tick as the person clicked."""
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self.tick(self._shown[index.row()].key, Qt.CheckState(value) == Qt.CheckState.Checked)
        return True
