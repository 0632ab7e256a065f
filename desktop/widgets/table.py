"""The one look of all tables."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from PySide6.QtCore import QItemSelection, QItemSelectionModel, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from desktop.models.record_table import RecordTable

ROW_HEIGHT = 30
_LEAST_SHARE = 140  # pixels: a few words


class _Table(QTableView):
    """Columns without a width share what the others leave. Where that is too little to read, the table scrolls."""

    def share_room(self) -> None:
        """Give the sharing columns their width."""
        model, header = self.model(), self.horizontalHeader()
        assert isinstance(model, RecordTable)
        sharing = [position for position, column in enumerate(model.columns) if column.width == 0]
        left = self.viewport().width() - sum(
            header.sectionSize(position) for position in range(header.count()) if position not in sharing
        )
        for done, position in enumerate(sharing):
            least = max(_LEAST_SHARE, header.sectionSizeHint(position))
            width = max(least, left // (len(sharing) - done))
            header.resizeSection(position, width)
            left -= width

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Share the room anew."""
        super().resizeEvent(event)
        self.share_room()


def make_table(model: RecordTable, *, name: str, sorts: bool = True) -> QTableView:
    """Return a view of `model`, called `name` to a screen reader."""
    table = _Table()
    table.setAccessibleName(name)
    table.setModel(model)
    table.setShowGrid(False)
    table.setAlternatingRowColors(True)
    table.setWordWrap(False)
    table.setTabKeyNavigation(False)  # Tab goes on to the next control
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(
        QHeaderView.ResizeMode.Fixed
    )  # measuring rows costs seconds when there are many
    table.verticalHeader().setDefaultSectionSize(ROW_HEIGHT)
    header = table.horizontalHeader()
    header.setHighlightSections(False)
    for position, column in enumerate(model.columns):
        if column.width:
            table.setColumnWidth(position, column.width)
        else:
            header.setSectionResizeMode(position, QHeaderView.ResizeMode.Fixed)
    header.sectionResized.connect(table.share_room)  # by the person
    if sorts:
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        table.setSortingEnabled(True)
    return table


def select_ids(table: QTableView, ids: set[str]) -> None:
    """Select the records with these ids again, after the model was filled anew."""
    model = table.model()
    assert isinstance(model, RecordTable)
    rows = [row for row in range(model.rowCount()) if model.record(row).id in ids]
    chosen = QItemSelection()
    for _, block in groupby(enumerate(rows), lambda numbered: numbered[1] - numbered[0]):
        first, *others = [row for _, row in block]  # as one range: thousands of them cost Qt seconds
        chosen.select(model.index(first, 0), model.index(others[-1] if others else first, 0))
    if not chosen.isEmpty():
        flags = QItemSelectionModel.SelectionFlag
        table.selectionModel().setCurrentIndex(chosen.indexes()[0], flags.NoUpdate)
        table.selectionModel().select(chosen, flags.ClearAndSelect | flags.Rows)


def selected_records(table: QTableView) -> list[Any]:
    """Return the records of the selected rows."""
    model = table.model()
    assert isinstance(model, RecordTable)
    return [model.record(index.row()) for index in table.selectionModel().selectedRows()]
