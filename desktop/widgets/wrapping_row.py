"""A row of controls that goes on in the next line where the window is too narrow for it."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class WrappingRow(QLayout):
    """Lays widgets out from left to right at the size they ask for; hidden ones take no room.

    After Qt's flow layout example. The widgets given as `trailing` stand at the right end of their line.
    """

    def __init__(self, *leading: QWidget, trailing: tuple[QWidget, ...] = ()) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._first_trailing = len(leading)
        self._width = 0  # that it has now; 0 before it is laid out
        self.setContentsMargins(0, 0, 0, 0)
        for widget in (*leading, *trailing):
            self.addWidget(widget)

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802 - Qt's name
        """Append `item`; Qt calls this."""
        self._items.append(item)

    def count(self) -> int:
        """Return how many items there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        """Return an item, None beyond the last."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        """Remove and return an item, None beyond the last."""
        if not 0 <= index < len(self._items):
            return None
        if index < self._first_trailing:
            self._first_trailing -= 1
        return self._items.pop(index)

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802 - Qt's name
        """Take no more height than the lines need."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """The narrower, the higher."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Return the height of all lines within `width` pixels."""
        margins = self.contentsMargins()
        lines = self._lines(width - margins.left() - margins.right())
        heights = sum(self._height(line) for line in lines) + self.spacing() * max(0, len(lines) - 1)
        return heights + margins.top() + margins.bottom()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """All in one line."""
        shown = self._shown()
        width = sum(self._items[row].sizeHint().width() for row in shown) + self.spacing() * max(0, len(shown) - 1)
        return self._with_margins(width, self._height(shown))

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        """The width of the widest widget, and the height of the lines there are now: a splitter asks for no other."""
        shown = self._shown()
        widest = max((self._items[row].minimumSize().width() for row in shown), default=0)
        least = self._with_margins(widest, self._height(shown))
        return least.expandedTo(QSize(0, self.heightForWidth(self._width))) if self._width else least

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        """Place the widgets within `rect`."""
        super().setGeometry(rect)
        if rect.width() != self._width:
            self._width = rect.width()
            self.update()  # as many lines as fit this width want their height
        inner = rect.marginsRemoved(self.contentsMargins())
        top = inner.top()
        for line in self._lines(inner.width()):
            height = self._height(line)
            widths = [min(self._items[row].sizeHint().width(), inner.width()) for row in line]
            left = inner.left()
            spare = inner.width() - sum(widths) - self.spacing() * (len(line) - 1)
            for row, width in zip(line, widths, strict=True):
                if row >= self._first_trailing and spare:
                    left, spare = left + spare, 0
                own = min(self._items[row].sizeHint().height(), height)
                self._items[row].setGeometry(QRect(QPoint(left, top + (height - own) // 2), QSize(width, own)))
                left += width + self.spacing()
            top += height + self.spacing()

    def _shown(self) -> list[int]:
        return [row for row, item in enumerate(self._items) if not item.isEmpty()]

    def _lines(self, width: int) -> list[list[int]]:
        """Return the numbers of the items in each line."""
        lines: list[list[int]] = []
        used = 0
        for row in self._shown():
            own = self._items[row].sizeHint().width()
            if lines and used + self.spacing() + own <= width:
                lines[-1].append(row)
                used += self.spacing() + own
            else:
                lines.append([row])
                used = own
        return lines

    def _height(self, rows: list[int]) -> int:
        return max((self._items[row].sizeHint().height() for row in rows), default=0)

    def _with_margins(self, width: int, height: int) -> QSize:
        margins = self.contentsMargins()
        return QSize(width + margins.left() + margins.right(), height + margins.top() + margins.bottom())
