"""Tests of the row that wraps."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QPushButton, QSplitter, QWidget
from pytestqt.qtbot import QtBot

from desktop.widgets.wrapping_row import WrappingRow

WIDTH, GAP = 100, 8


@pytest.fixture
def row(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    buttons = [QPushButton(str(number)) for number in range(4)]
    for button in buttons:
        button.setFixedSize(WIDTH, 30)
    layout = WrappingRow(*buttons[:3], trailing=(buttons[3],))
    layout.setSpacing(GAP)
    widget.setLayout(layout)
    widget.show()
    return widget


def places(widget: QWidget, width: int) -> list[tuple[int, int]]:
    widget.resize(width, widget.layout().heightForWidth(width))
    QApplication.processEvents()
    return [(button.x(), button.y()) for button in widget.findChildren(QPushButton) if not button.isHidden()]


def test_all_stand_in_one_line_with_the_trailing_ones_at_the_right(row: QWidget) -> None:
    assert places(row, 600) == [(0, 0), (108, 0), (216, 0), (500, 0)]
    assert row.sizeHint().width() == 4 * WIDTH + 3 * GAP


@pytest.mark.parametrize(("width", "lines"), [(424, 1), (423, 2), (216, 2), (207, 4), (100, 4)])
def test_a_narrow_row_goes_on_below_and_covers_nothing(row: QWidget, width: int, lines: int) -> None:
    found = places(row, width)
    assert len({y for _, y in found}) == lines
    assert row.height() == lines * 30 + (lines - 1) * GAP
    assert all(x >= 0 and x + WIDTH <= width for x, _ in found)
    assert all(right[0] >= left[0] + WIDTH + GAP for left, right in pairwise(found) if left[1] == right[1])
    assert found[3][0] == width - WIDTH  # at the right of its own line too


def test_what_is_hidden_takes_no_room(row: QWidget) -> None:
    row.findChildren(QPushButton)[1].hide()
    assert places(row, 600) == [(0, 0), (108, 0), (500, 0)]
    assert row.minimumSizeHint().width() == WIDTH


def test_a_splitter_gives_a_narrow_row_the_height_of_its_lines(qtbot: QtBot) -> None:
    halves = QSplitter(Qt.Orientation.Vertical)
    qtbot.addWidget(halves)
    buttons = [QPushButton(str(number)) for number in range(4)]
    for button in buttons:
        button.setFixedSize(WIDTH, 30)
    tools, below = QWidget(), QWidget()
    tools.setLayout(WrappingRow(*buttons))
    tools.layout().setSpacing(GAP)
    for half in (below, tools):
        halves.addWidget(half)
    halves.setStretchFactor(0, 1)
    halves.setChildrenCollapsible(False)
    halves.show()
    for width, lines in ((600, 1), (216, 2), (100, 4), (600, 1)):
        halves.resize(width, 300)
        qtbot.waitUntil(lambda lines=lines: tools.minimumSizeHint().height() == lines * 30 + (lines - 1) * GAP)
        qtbot.waitUntil(lambda: buttons[-1].geometry().bottom() < tools.height())
