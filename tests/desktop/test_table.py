"""The look of all tables: who takes which room."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QTableView
from pytestqt.qtbot import QtBot

from desktop.models.record_table import Column, RecordTable
from desktop.widgets.table import make_table


def text(row: str) -> str:
    return row


@pytest.fixture
def table(qtbot: QtBot) -> QTableView:
    columns = [Column("Question", text), Column("A title that is longer than any of the others", text)]
    made = make_table(RecordTable([*columns, Column("State", text, width=100)]), name="Questions")
    qtbot.addWidget(made)
    made.show()
    return made


def widths(table: QTableView, width: int) -> list[int]:
    table.resize(width, 200)
    QApplication.processEvents()
    return [table.columnWidth(position) for position in range(3)]


def test_columns_without_a_width_share_what_the_others_leave(table: QTableView) -> None:
    first, second, state = widths(table, 1001)
    assert (first + second + state, state) == (table.viewport().width(), 100)
    assert abs(first - second) <= 1
    table.setColumnWidth(2, 300)  # by the person
    assert sum(table.columnWidth(position) for position in range(3)) == table.viewport().width()


def test_a_narrow_table_scrolls_and_all_of_it_can_be_read(table: QTableView) -> None:
    first, second, state = widths(table, 240)
    header = table.horizontalHeader()
    assert first >= 140 and second >= header.sectionSizeHint(1) and state == 100
    assert table.horizontalScrollBar().maximum() == first + second + state - table.viewport().width()
    assert sum(widths(table, 1001)) == table.viewport().width()
