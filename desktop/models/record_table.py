"""A read-only table over frozen records: one column description a column, sorted and filtered as a whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

Index = QModelIndex | QPersistentModelIndex
_TIP_CHARACTERS = 1500


@dataclass(frozen=True, slots=True)
class Column:
    """How one column reads a record."""

    title: str
    text: Callable[[Any], str | None]  # None shows nothing
    key: Callable[[Any], Any] | None = None  # to sort by; None sorts by the text
    number: bool = False  # aligned to the right
    tip: Callable[[Any], str] | None = None  # None shows the text, which may be cut off in its cell
    width: int = 0  # pixels; 0 shares what is left


class RecordTable(QAbstractTableModel):
    """Records as rows. Replaced as a whole by a model reset: thousands of rows cost the same as ten."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._all: list[Any] = []
        self._rows: list[Any] = []
        self._words = ""
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None

    def show(self, records: Sequence[Any]) -> None:
        """Show `records` in place of the present ones."""
        self.beginResetModel()
        self._all = list(records)
        self._arrange()
        self.endResetModel()

    def filter(self, words: str) -> None:
        """Show only the records in which every word of `words` is found in some column."""
        self.beginResetModel()
        self._words = words.casefold().strip()
        self._arrange()
        self.endResetModel()

    def record(self, row: int) -> Any:
        """Return the record shown in `row`."""
        return self._rows[row]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Return how many records are shown."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's signature
        """Return how many columns there are."""
        return 0 if parent.isValid() else len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        column = self.columns[index.column()]
        record = self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return (column.text(record) or "").replace("\n", " ")
        if role == Qt.ItemDataRole.ToolTipRole:
            return ((column.tip or column.text)(record) or "")[:_TIP_CHARACTERS]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column.number else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's signature
        """Return a column's title."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if self.columns[section].number else Qt.AlignmentFlag.AlignLeft
            return int(side | Qt.AlignmentFlag.AlignVCenter)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; -1 keeps the order the records came in."""
        self.beginResetModel()
        self._sorted_by = (column, order) if column >= 0 else None
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        rows = self._all
        if self._words:
            words = self._words.split()
            rows = [
                record
                for record in rows
                if _holds(" ".join(column.text(record) or "" for column in self.columns), words)
            ]
        if self._sorted_by is not None:
            column, order = self.columns[self._sorted_by[0]], self._sorted_by[1]
            key = column.key or (lambda record: (column.text(record) or "").casefold())
            rows = sorted(rows, key=key, reverse=order == Qt.SortOrder.DescendingOrder)
        self._rows = list(rows)


def _holds(text: str, words: Sequence[str]) -> bool:
    text = text.casefold()
    return all(word in text for word in words)
