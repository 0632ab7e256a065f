"""A button of a page's tools: its text, what a screen reader calls it, and what it does."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QPushButton


def tool_button(text: str, name: str, act: Callable[[], None]) -> QPushButton:
    """Return the button; `act` is called when it is pressed."""
    button = QPushButton(text)
    button.setAccessibleName(name)
    button.clicked.connect(act)
    return button
