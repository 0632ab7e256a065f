"""The training curves: four small plots, redrawn a few times a second at most."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from desktop.theme import curve_colours
from engine.jobs import Measured

if TYPE_CHECKING:
    import pyqtgraph

REDRAW_MS = 200
MODELS = ("retriever", "generator")


class Curves(QWidget):
    """Loss and validation scores of retriever and generator over the steps.

    pyqtgraph is imported when the first point is drawn: it costs a third of the time the window may take to start.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName(self.tr("Training curves"))
        self._plots: dict[tuple[str, bool], _Plot] = {}
        self._latest = QLabel()
        self._latest.setObjectName("page_subtitle")
        self._latest.setAccessibleName(self.tr("Newest values of the curves"))
        self._latest.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed
        )  # a long line must not widen the window
        self._soon = QLabel(self.tr("The first points appear here soon."))
        self._soon.setObjectName("page_subtitle")
        self._soon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._grid, 1)
        column.addWidget(self._soon, 1)
        column.addWidget(self._latest)
        self._newest: dict[str, float] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._redraw_one)

    def points(self, name: str) -> list[tuple[int, float]]:
        """Return the points of the curve `name`, such as "retriever/train_loss"."""
        for plot in self._plots.values():
            if name in plot.values:
                return list(zip(plot.steps[name], plot.values[name], strict=True))
        return []

    def clear(self) -> None:
        """Forget all points."""
        self._timer.stop()
        for plot in self._plots.values():
            self._grid.removeWidget(plot.widget)
            plot.widget.deleteLater()
        self._plots.clear()
        self._soon.show()
        self._newest.clear()
        self._latest.clear()

    def add(self, points: Iterable[Measured], *, model: str) -> None:
        """Add `points`. Values named without a model, as in a run of one model only, belong to `model`."""
        for point in points:
            for name, value in point.values.items():
                full = name if "/" in name else f"{model}/{name}"
                self._plot(full).add(full, point.step, value)
                self._newest[full] = value
        if self._plots and not self._timer.isActive():
            self._timer.start()

    def _plot(self, name: str) -> _Plot:
        model, measure = name.split("/", 1)
        key = (model, measure.endswith("loss"))
        if key not in self._plots:
            plot = _Plot(self._title(*key), palette=self.palette())
            self._plots[key] = plot
            row = MODELS.index(model) if model in MODELS else len(MODELS)
            self._grid.addWidget(plot.widget, row, 0 if key[1] else 1)
            self._soon.hide()
        return self._plots[key]

    def _title(self, model: str, loss: bool) -> str:
        named = {"retriever": self.tr("Retriever"), "generator": self.tr("Generator")}.get(model, model)
        return self.tr("{0}: loss").format(named) if loss else self.tr("{0}: score").format(named)

    def _redraw_one(self) -> None:
        """Redraw one plot a tick, the one that waits longest, so that a tick is never long."""
        waiting = [plot for plot in self._plots.values() if plot.stale]
        if not waiting:
            self._timer.stop()
            return
        waiting[0].redraw()
        key = next(key for key, plot in self._plots.items() if plot is waiting[0])
        self._plots[key] = self._plots.pop(key)  # to the end of the line
        self._latest.setText(
            "   ".join(f"{name.replace('/', ' ')}: {value:.4g}" for name, value in self._newest.items())
        )


class _Plot:
    """One plot with its curves."""

    def __init__(self, title: str, *, palette: QPalette) -> None:
        import pyqtgraph

        self.steps: dict[str, list[int]] = {}
        self.values: dict[str, list[float]] = {}
        self.stale: set[str] = set()
        self._items: dict[str, Any] = {}
        self._named: list[str] = []
        self.widget: pyqtgraph.PlotWidget = pyqtgraph.PlotWidget(
            background=palette.color(QPalette.ColorRole.Base).name()
        )
        self.widget.setAccessibleName(title)
        self.widget.setMinimumHeight(150)
        self.widget.setMenuEnabled(False)
        self.widget.hideButtons()
        ink = palette.color(QPalette.ColorRole.Text)
        item: Any = self.widget.getPlotItem()
        self._title = title
        self._ink = ink
        self._item = item
        item.showGrid(x=True, y=True, alpha=0.15)
        item.setClipToView(True)
        item.setDownsampling(auto=True, mode="peak")
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setPen(palette.color(QPalette.ColorRole.Mid))
            axis.setTextPen(ink)
            axis.enableAutoSIPrefix(False)

    def add(self, name: str, step: int, value: float) -> None:
        self.steps.setdefault(name, []).append(step)
        self.values.setdefault(name, []).append(value)
        self.stale.add(name)

    def redraw(self) -> None:
        import pyqtgraph

        for name in [name for name in self.steps if name in self.stale]:
            if name not in self._items:
                measure = name.split("/", 1)[1]
                first = not self._items
                colours = curve_colours()
                colour = colours[len(self._items) % len(colours)]
                self._items[name] = self.widget.plot(pen=pyqtgraph.mkPen(colour, width=2, style=_dashes(first)))
                # Named in the title: a legend inside the plot lies over the curves.
                line = "━" if first else "╍"
                self._named.append(
                    f'<span style="color:{colour}">{line} {html.escape(measure.replace("_", " "))}</span>'
                )
                self._item.setTitle(
                    f"{self._title} &nbsp; {' &nbsp; '.join(self._named)}", color=self._ink.name(), size="9pt"
                )
            sparse = len(self.steps[name]) <= 60  # a line through one point can't be seen without a dot
            colour = self._items[name].opts["pen"].color()
            self._items[name].setData(
                self.steps[name],
                self.values[name],
                symbol="o" if sparse else None,
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )
        self.stale.clear()


def _dashes(solid: bool) -> Any:
    return Qt.PenStyle.SolidLine if solid else Qt.PenStyle.DashLine
