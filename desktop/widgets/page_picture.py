"""A page of a document as it looks, with the quoted words marked where they stand."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import QScrollArea, QWidget

from engine.documents.job import PageImage

_MARK = QColor("#FFD54A")
_MARGIN_POINTS = 1.5  # around the letters, so that the mark is seen as one
_ABOVE_MARK = 0.3  # of the view's height: where the first mark is scrolled to
_ZOOM_STEP = 1.25
_ZOOM_MIN, _ZOOM_MAX = 0.5, 4.0


class PagePicture(QScrollArea):
    """Shows one page, as wide as there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._sheet = _Sheet()
        self._zoom = 1.0
        self.setWidget(self._sheet)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setAccessibleName(self.tr("Page of the document"))

    @property
    def marks(self) -> tuple[tuple[float, float, float, float], ...]:
        """The boxes that are marked, in points of the page."""
        return self._sheet.page.boxes if self._sheet.page is not None else ()

    @property
    def wanted_pixels(self) -> int:
        """How wide a picture fills the view."""
        return max(round(max(self.viewport().width(), 500) * self.devicePixelRatioF() * max(self._zoom, 1.0)), 800)

    def show_page(self, page: PageImage) -> None:
        """Show a page, scrolled to its first mark."""
        self._sheet.show_page(page)
        self._fit()
        top = min((box[1] for box in page.boxes), default=0.0) * self._sheet.scale
        self.verticalScrollBar().setValue(round(top - _ABOVE_MARK * self.viewport().height()) if page.boxes else 0)

    def zoom_in(self) -> None:
        """Show the page larger."""
        self._set_zoom(self._zoom * _ZOOM_STEP)

    def zoom_out(self) -> None:
        """Show the page smaller."""
        self._set_zoom(self._zoom / _ZOOM_STEP)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Keep the page as wide as there is room."""
        super().resizeEvent(event)
        self._fit()

    def _set_zoom(self, zoom: float) -> None:
        self._zoom = min(max(zoom, _ZOOM_MIN), _ZOOM_MAX)
        self._fit()

    def _fit(self) -> None:
        self._sheet.fit(round(self.viewport().width() * self._zoom))


class _Sheet(QWidget):
    """Paints the picture and the marks over it."""

    def __init__(self) -> None:
        super().__init__()
        self.page: PageImage | None = None
        self._picture = QPixmap()

    @property
    def scale(self) -> float:
        """Pixels of the view for a point of the page."""
        return self.width() / self.page.width if self.page is not None and self.page.width else 1.0

    def show_page(self, page: PageImage) -> None:
        self.page = page
        self._picture.loadFromData(page.picture)
        self.update()

    def fit(self, width: int) -> None:
        if self.page is not None and self.page.width:
            self.setFixedSize(QSize(width, max(1, round(width * self.page.height / self.page.width))))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if self.page is None or self._picture.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawPixmap(self.rect(), self._picture)
        # Multiplied, a mark lets the letters through like a marker pen's.
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Multiply)
        scale, margin = self.scale, _MARGIN_POINTS
        for left, top, right, bottom in self.page.boxes:
            painter.fillRect(
                QRectF(
                    (left - margin) * scale,
                    (top - margin) * scale,
                    (right - left + 2 * margin) * scale,
                    (bottom - top + 2 * margin) * scale,
                ),
                _MARK,
            )
