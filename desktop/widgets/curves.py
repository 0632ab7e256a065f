"""The training curves: four small plots, redrawn a few times a second at most."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPalette, QResizeEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from desktop.theme import curve_colours
from engine.jobs import Measured

if TYPE_CHECKING:
    import pyqtgraph

REDRAW_MS = 200
_PLOT_WIDTH, _PLOT_HEIGHT = 260, 130  # at least
MODELS = ("retriever", "generator", "joint")


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
        # A long line wraps: it must neither widen the window nor be cut.
        self._latest.setWordWrap(True)
        self._latest.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._soon = QLabel(self.tr("The first points appear here soon."))
        self._soon.setObjectName("page_subtitle")
        self._soon.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._soon.hide()
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._grid, 1)
        column.addWidget(self._soon, 1)
        column.addWidget(self._latest)
        scroll = QScrollArea()
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setMinimumHeight(_PLOT_HEIGHT)
        for behind in (scroll.viewport(), inner):
            behind.setAutoFillBackground(False)  # the page's own colour
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll)
        self._values: dict[str, dict[int, float]] = {}  # curve → step → value
        self._stale: dict[str, None] = {}  # curves to be drawn again, in the order they changed
        self._newest: dict[str, float] = {}
        self._columns = self._fitting
        self._timer = QTimer(self)
        self._timer.setInterval(REDRAW_MS)
        self._timer.timeout.connect(self._draw_one)

    @property
    def _fitting(self) -> int:
        return 2 if self.width() >= 2 * _PLOT_WIDTH else 1

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Put the plots below each other where there is no room beside."""
        super().resizeEvent(event)
        if self._fitting != self._columns:
            QTimer.singleShot(0, self, self._arrange)  # Qt loses sight of what changes while it lays out

    def points(self, name: str) -> list[tuple[int, float]]:
        """Return the points of the curve `name`, such as "retriever/train_loss", by step."""
        return sorted(self._values.get(name, {}).items())

    def clear(self) -> None:
        """Forget all points."""
        self._timer.stop()
        for plot in self._plots.values():
            self._grid.removeWidget(plot.widget)
            plot.widget.deleteLater()
        self._plots.clear()
        self._values.clear()
        self._stale.clear()
        self._newest.clear()
        self._latest.clear()
        self._soon.hide()

    def show_awaited(self, awaited: bool) -> None:
        """Say that the first points come soon, or, when none come any more, no longer say so."""
        self._soon.setVisible(awaited and not self._plots)

    def add(self, points: Iterable[Measured], *, model: str) -> None:
        """Add `points`. Values named without a model, as in a run of one model only, belong to `model`.

        A step seen before, as after a resumption, takes its new value.
        """
        for point in points:
            for name, value in point.values.items():
                full = name if "/" in name else f"{model}/{name}"
                self._values.setdefault(full, {})[point.step] = value
                self._newest[full] = value
                self._stale[full] = None
        if self._stale and not self._timer.isActive():
            self._timer.start()

    def _draw_one(self) -> None:
        """Make or redraw one plot, the one that waits longest: four in one tick would be felt."""
        if not self._stale:
            self._timer.stop()
            return
        key = _place(next(iter(self._stale)))
        if key not in self._plots:
            self._add_plot(*key)
            return
        names = [name for name in self._stale if _place(name) == key]
        for name in names:
            del self._stale[name]
            self._plots[key].draw(name.split("/", 1)[1], self.points(name))
        told = (f"{re.sub('[/_]', ' ', name)}: {value:.4g}" for name, value in self._newest.items())
        self._latest.setText("   ".join(told))

    def _add_plot(self, model: str, loss: bool) -> None:
        named = {
            "retriever": self.tr("Retriever"),
            "generator": self.tr("Generator"),
            "joint": self.tr("Both together"),
        }.get(model, model)
        title = self.tr("{0}: loss").format(named) if loss else self.tr("{0}: score").format(named)
        self._plots[model, loss] = _Plot(title, palette=self.palette())
        self._soon.hide()
        self._arrange()

    def _arrange(self) -> None:
        """Losses stand beside scores, or above them where it is narrow."""
        self._columns = self._fitting
        for (model, loss), plot in self._plots.items():
            row = MODELS.index(model) if model in MODELS else len(MODELS)
            below, right = divmod(0 if loss else 1, self._columns)
            self._grid.removeWidget(plot.widget)
            self._grid.addWidget(plot.widget, 2 * row + below, right)


def _place(name: str) -> tuple[str, bool]:
    """Return which plot a curve belongs to: its model's, for losses or for scores."""
    model, measure = name.split("/", 1)
    return model, measure.endswith("loss")


class _Plot:
    """One plot with its curves."""

    def __init__(self, title: str, *, palette: QPalette) -> None:
        import pyqtgraph

        self._items: dict[str, Any] = {}
        self._named: list[str] = []
        self.widget: pyqtgraph.PlotWidget = pyqtgraph.PlotWidget(
            background=palette.color(QPalette.ColorRole.Base).name()
        )
        self.widget.setAccessibleName(title)
        self.widget.setMinimumHeight(_PLOT_HEIGHT)
        # It takes what room there is, and doesn't ask for the 480 points that pyqtgraph would like.
        self.widget.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.widget.setMenuEnabled(False)
        self.widget.setMouseEnabled(x=False, y=False)  # the wheel scrolls the page of plots
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

    def draw(self, measure: str, points: list[tuple[int, float]]) -> None:
        """Draw the curve `measure` through `points`."""
        if measure not in self._items:
            self._add_curve(measure)
        item = self._items[measure]
        sparse = len(points) <= 60  # a line through one point can't be seen without a dot
        item.setData(
            [step for step, _ in points],
            [value for _, value in points],
            symbol="o" if sparse else None,
            symbolSize=5,
            symbolBrush=item.opts["pen"].color(),
            symbolPen=None,
        )

    def _add_curve(self, measure: str) -> None:
        import pyqtgraph

        first = not self._items
        colours = curve_colours()
        colour = colours[len(self._items) % len(colours)]
        self._items[measure] = self.widget.plot(pen=pyqtgraph.mkPen(colour, width=2, style=_dashes(first)))
        # Named in the title: a legend inside the plot lies over the curves.
        named = html.escape(measure.replace("_", " "))
        self._named.append(f'<span style="color:{colour}">{"━" if first else "╍"} {named}</span>')
        title = f"{self._title} &nbsp; {' &nbsp; '.join(self._named)}"
        self._item.setTitle(title, color=self._ink.name(), size="9pt")


def _dashes(solid: bool) -> Any:
    return Qt.PenStyle.SolidLine if solid else Qt.PenStyle.DashLine
