"""The one look of all tables."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from desktop.models.record_table import RecordTable

ROW_HEIGHT = 30
_SHARING_WIDTH = 240


def make_table(model: RecordTable, *, name: str, sorts: bool = True) -> QTableView:
    """Return a view of `model`, called `name` to a screen reader."""
    table = QTableView()
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
        shares = column.width == 0
        header.setSectionResizeMode(
            position, QHeaderView.ResizeMode.Stretch if shares else QHeaderView.ResizeMode.Interactive
        )
        table.setColumnWidth(position, column.width or _SHARING_WIDTH)
    if sorts:
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSortIndicatorClearable(True)
        table.setSortingEnabled(True)
    return table


def selected_records(table: QTableView) -> list[Any]:
    """Return the records of the selected rows."""
    model = table.model()
    assert isinstance(model, RecordTable)
    return [model.record(index.row()) for index in table.selectionModel().selectedRows()]
