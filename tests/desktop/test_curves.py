"""The curves: every point is kept, a repeated step takes its new value, and a tick draws one plot."""

from __future__ import annotations

from itertools import combinations

from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QScrollArea
from pytestqt.qtbot import QtBot

from desktop.widgets.curves import Curves
from engine.jobs import Measured


def curves(qtbot: QtBot) -> Curves:
    widget = Curves()
    qtbot.addWidget(widget)
    return widget


def test_a_value_without_a_model_belongs_to_the_one_that_is_trained(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    widget.add([Measured(1, {"train_loss": 2.0, "retriever/train_loss": 1.0})], model="generator")
    assert widget.points("generator/train_loss") == [(1, 2.0)]
    assert widget.points("retriever/train_loss") == [(1, 1.0)]


def test_a_resumed_training_draws_each_step_once(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    widget.add([Measured(step, {"train_loss": 1.0}) for step in (3, 4)], model="generator")
    widget.add([Measured(step, {"train_loss": 9.0}) for step in (1, 2, 3)], model="generator")
    assert widget.points("generator/train_loss") == [(1, 9.0), (2, 9.0), (3, 9.0), (4, 1.0)]


def test_points_are_promised_only_while_a_training_may_bring_some(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    assert widget._soon.isHidden()
    widget.show_awaited(True)
    assert not widget._soon.isHidden()
    widget.show_awaited(False)  # it failed before the first one
    assert widget._soon.isHidden()
    widget.show_awaited(True)
    widget.add([Measured(1, {"train_loss": 2.0})], model="retriever")
    widget._draw_one()
    assert widget._soon.isHidden()
    widget.clear()
    widget.show_awaited(True)
    assert not widget._soon.isHidden()


def test_four_curves_become_four_plots_one_a_tick(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    names = ("retriever/train_loss", "retriever/validation_ndcg@10", "generator/train_loss", "generator/validation_f1")
    widget.add([Measured(1, dict.fromkeys(names, 0.5))], model="retriever")
    seen = []
    for _ in range(8):
        before = len(widget._plots)
        widget._draw_one()
        seen.append(len(widget._plots) - before)
    assert seen == [1, 0] * 4
    assert not widget._stale


def test_plots_stand_below_each_other_where_it_is_narrow_and_scroll(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    names = ("retriever/train_loss", "retriever/validation_ndcg@10", "generator/train_loss", "generator/validation_f1")
    widget.add([Measured(1, dict.fromkeys(names, 0.5))], model="retriever")
    for _ in range(8):
        widget._draw_one()
    widget.show()
    area = widget.findChild(QScrollArea)
    for width, lefts in ((240, 1), (700, 2), (240, 1)):
        widget.resize(width, 200)
        qtbot.waitUntil(lambda lefts=lefts: len({plot.widget.x() for plot in widget._plots.values()}) == lefts)
        qtbot.waitUntil(lambda: area.widget().height() == area.widget().minimumSizeHint().height())
        places = [plot.widget.geometry() for plot in widget._plots.values()]
        assert all(place.right() < area.viewport().width() and place.height() >= 130 for place in places)
        assert not any(one.intersects(other) for one, other in combinations(places, 2))
        assert area.horizontalScrollBar().maximum() == 0 < area.verticalScrollBar().maximum()


def test_the_wheel_over_a_plot_is_left_to_what_scrolls(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    widget.add([Measured(step, {"train_loss": 1.0 / step}) for step in range(1, 9)], model="generator")
    for _ in range(2):
        widget._draw_one()
    widget.show()
    (plot,) = widget._plots.values()
    before, inside = plot.widget.getViewBox().viewRange(), QPointF(plot.widget.rect().center())
    turned = QWheelEvent(
        *(inside, QPointF(plot.widget.mapToGlobal(inside)), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton),
        *(Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False),
    )
    QApplication.sendEvent(plot.widget.viewport(), turned)
    assert not turned.isAccepted()
    assert plot.widget.getViewBox().viewRange() == before


def test_clearing_forgets_points_and_plots(qtbot: QtBot) -> None:
    widget = curves(qtbot)
    widget.add([Measured(1, {"train_loss": 2.0})], model="generator")
    widget._draw_one()
    widget.clear()
    assert widget.points("generator/train_loss") == []
    assert not widget._plots
