"""Shows the engine's drawings: the plots of a report, as they stand in its HTML and PDF."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from desktop.theme import SPACING
from engine.evaluation.reporting.drawing import Box, Dot, Drawing, Lines, Words

_WIDTH = 760


class DrawingView(QWidget):
    """One drawing on white, as on paper, in its own proportions."""

    def __init__(self, drawing: Drawing) -> None:
        super().__init__()
        self._drawing = drawing
        self._scale = _WIDTH / drawing.width
        self.setFixedSize(QSize(_WIDTH, round(drawing.height * self._scale)))
        self.setAccessibleName(drawing.title)
        self.setAccessibleDescription(drawing.says)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw its shapes."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor("white"))
        painter.scale(self._scale, self._scale)
        for shape in self._drawing.shapes:
            if isinstance(shape, Words):
                self._write(painter, shape)
            elif isinstance(shape, Box):
                painter.fillRect(QRectF(shape.x, shape.y, shape.width, shape.height), QColor(shape.colour))
            elif isinstance(shape, Dot):
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(QColor(shape.colour))
                painter.drawEllipse(QPointF(shape.x, shape.y), shape.radius, shape.radius)
            elif isinstance(shape, Lines):
                pen = QPen(QColor(shape.colour), shape.width)
                pen.setStyle(Qt.PenStyle.DashLine if shape.dashed else Qt.PenStyle.SolidLine)
                painter.setPen(pen)
                painter.drawPolyline([QPointF(x, y) for x, y in shape.points])
        painter.end()

    def _write(self, painter: QPainter, words: Words) -> None:
        font = painter.font()
        font.setPixelSize(round(words.size))
        painter.setFont(font)
        painter.setPen(QColor(words.colour))
        width = painter.fontMetrics().horizontalAdvance(words.text)
        shift = {"start": 0.0, "middle": width / 2, "end": float(width)}[words.anchor]
        painter.drawText(QPointF(words.x - shift, words.y), words.text)


class DrawingList(QScrollArea):
    """Drawings below each other, each under its title."""

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setAccessibleName(self.tr("Plots"))

    def show_drawings(self, drawings: Sequence[Drawing]) -> None:
        """Show these in place of the present ones."""
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(SPACING)
        for drawing in drawings:
            title = QLabel(drawing.title)
            title.setObjectName("section")
            title.setTextFormat(Qt.TextFormat.PlainText)
            column.addWidget(title)
            column.addWidget(DrawingView(drawing))
        column.addStretch(1)
        self.setWidget(page)
