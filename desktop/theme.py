"""How the window looks: palette, style sheet, icons, and colours that the colour-blind can tell apart."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication

RESOURCES = Path(getattr(sys, "_MEIPASS", Path(__file__).parent.parent)) / "resources"

SPACING = 12
MARGIN = 24

# Okabe & Ito 2008: told apart by every kind of colour vision.
BLUE, SKY, VERMILLION, GREEN, ORANGE = "#0072B2", "#56B4E9", "#D55E00", "#009E73", "#E69F00"
_MID_LIGHTNESS = 128
_ICON_SIZES = (20, 40)  # Qt scales; drawing every size would be a tenth of the start-up

_LIGHT = {
    QPalette.ColorRole.Window: "#F4F5F7",
    QPalette.ColorRole.WindowText: "#1B1E23",
    QPalette.ColorRole.Base: "#FFFFFF",
    QPalette.ColorRole.AlternateBase: "#EEF1F5",
    QPalette.ColorRole.Text: "#1B1E23",
    QPalette.ColorRole.Button: "#FBFBFC",
    QPalette.ColorRole.ButtonText: "#1B1E23",
    QPalette.ColorRole.Midlight: "#D5D9E0",
    QPalette.ColorRole.Mid: "#B4BAC4",
    QPalette.ColorRole.PlaceholderText: "#5A6270",
    QPalette.ColorRole.Highlight: BLUE,
    QPalette.ColorRole.HighlightedText: "#FFFFFF",
    QPalette.ColorRole.Link: "#005F96",
    QPalette.ColorRole.ToolTipBase: "#FFFFFF",
    QPalette.ColorRole.ToolTipText: "#1B1E23",
}
_DARK = {
    QPalette.ColorRole.Window: "#1E2126",
    QPalette.ColorRole.WindowText: "#E8EAED",
    QPalette.ColorRole.Base: "#16181C",
    QPalette.ColorRole.AlternateBase: "#262A31",
    QPalette.ColorRole.Text: "#E8EAED",
    QPalette.ColorRole.Button: "#2B3038",
    QPalette.ColorRole.ButtonText: "#E8EAED",
    QPalette.ColorRole.Light: "#3A404A",
    QPalette.ColorRole.Midlight: "#3A404A",
    QPalette.ColorRole.Dark: "#101215",
    QPalette.ColorRole.Mid: "#555D69",
    QPalette.ColorRole.PlaceholderText: "#A3ABB8",
    QPalette.ColorRole.Highlight: "#1F7FC0",
    QPalette.ColorRole.HighlightedText: "#FFFFFF",
    QPalette.ColorRole.Link: "#6CB8EA",
    QPalette.ColorRole.ToolTipBase: "#2B3038",
    QPalette.ColorRole.ToolTipText: "#E8EAED",
}


def apply_theme(application: QApplication, *, dark: bool | None = None) -> None:
    """Dress the application light or dark; without `dark` as the system is, and again whenever that turns."""
    application.setStyle("Fusion")
    application.setStyleSheet((RESOURCES / "styles" / "window.qss").read_text(encoding="utf-8"))
    hints = application.styleHints()
    if dark is None:
        hints.colorSchemeChanged.connect(_recolour)
    _recolour((Qt.ColorScheme.Dark if dark else Qt.ColorScheme.Light) if dark is not None else hints.colorScheme())


def is_dark() -> bool:
    """Whether the window is dark."""
    return QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < _MID_LIGHTNESS


def curve_colours() -> tuple[str, ...]:
    """Return the colours of curves, in order: those that stand out from the ground they are drawn on."""
    return (SKY, ORANGE, GREEN, VERMILLION) if is_dark() else (BLUE, VERMILLION, GREEN, ORANGE)


def icon(name: str, *, highlighted: bool = False) -> QIcon:
    """Return the drawing `name` in the text's colour, and in the highlighted text's colour where it is selected.

    `highlighted` is for the one button of a page that stands out.
    """
    return _drawn_icon(name, highlighted, is_dark())


@functools.cache
def _drawn_icon(name: str, highlighted: bool, dark: bool) -> QIcon:
    palette = QGuiApplication.palette()
    drawn = QIcon()
    for mode, role in (
        (QIcon.Mode.Normal, QPalette.ColorRole.HighlightedText if highlighted else QPalette.ColorRole.WindowText),
        (QIcon.Mode.Disabled, QPalette.ColorRole.Mid),
        (QIcon.Mode.Selected, QPalette.ColorRole.HighlightedText),
    ):
        for size in _ICON_SIZES:
            drawn.addPixmap(pixmap(name, size, palette.color(role)), mode)
    return drawn


def pixmap(name: str, size: int, colour: QColor | None = None) -> QPixmap:
    """Return the drawing `name` as a square of `size` pixels."""
    from PySide6.QtSvg import QSvgRenderer

    source = (RESOURCES / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    if colour is not None:
        source = source.replace("currentColor", colour.name())
    picture = QPixmap(size, size)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(source.encode("utf-8"))).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return picture


def _recolour(scheme: Qt.ColorScheme) -> None:
    palette = QPalette()
    for role, colour in (_DARK if scheme == Qt.ColorScheme.Dark else _LIGHT).items():
        palette.setColor(role, QColor(colour))
    faint = palette.color(QPalette.ColorRole.PlaceholderText)
    for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, role, faint)
    QApplication.setPalette(palette)
