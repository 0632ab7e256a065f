"""Numbers of a training that experts set: out of sight until asked for, and the preset's own until changed."""

from __future__ import annotations

from dataclasses import fields

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDoubleSpinBox, QFormLayout, QSpinBox, QToolButton, QVBoxLayout, QWidget

from desktop.theme import SPACING
from engine.settings import RetrieverSettings

_RATE_UNIT = 1e-6  # of the learning rate shown
_BOUNDS = {described.name: described.metadata for described in fields(RetrieverSettings)}


class TrainingNumbers(QWidget):
    """Epochs, batch size and learning rate; each None where the preset decides."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._open = QToolButton()
        self._open.setText(self.tr("More settings"))
        self._open.setAccessibleName(self.tr("More settings"))
        self._open.setCheckable(True)
        self._open.setArrowType(Qt.ArrowType.RightArrow)
        self._open.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._open.setAutoRaise(True)
        self._open.toggled.connect(self._show_numbers)
        self._epochs = QSpinBox()
        self._epochs.setRange(0, int(_BOUNDS["epochs"]["most"]))
        self._batch_size = QSpinBox()
        self._batch_size.setRange(0, int(_BOUNDS["batch_size"]["most"]))
        self._rate = QDoubleSpinBox()
        self._rate.setDecimals(1)
        self._rate.setRange(0, _BOUNDS["learning_rate"]["most"] / _RATE_UNIT)
        self._rate.setSingleStep(10)
        self._rate.setSuffix(self.tr(" millionths"))
        self._numbers = QWidget()
        form = QFormLayout(self._numbers)
        form.setContentsMargins(0, 0, 0, 0)
        form.setVerticalSpacing(SPACING)
        for label, control in (
            (self.tr("&Epochs"), self._epochs),
            (self.tr("&Batch size"), self._batch_size),
            (self.tr("&Learning rate"), self._rate),
        ):
            control.setSpecialValueText(self.tr("as the preset"))
            control.setAccessibleName(label.replace("&", ""))
            control.valueChanged.connect(self.changed)
            form.addRow(label, control)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(SPACING)
        column.addWidget(self._open)
        column.addWidget(self._numbers)
        self._numbers.hide()

    @property
    def epochs(self) -> int | None:
        """Passes over the training questions."""
        return self._epochs.value() or None

    @property
    def batch_size(self) -> int | None:
        """Questions per step."""
        return self._batch_size.value() or None

    @property
    def learning_rate(self) -> float | None:
        """The peak learning rate."""
        return self._rate.value() * _RATE_UNIT or None

    def _show_numbers(self, shown: bool) -> None:
        self._numbers.setVisible(shown)
        self._open.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
