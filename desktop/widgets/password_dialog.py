"""Asks for the password of files that open with one only."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.theme import SPACING

_WIDTH = 460
_SHOWN = 4


class PasswordDialog(QDialog):
    """One password for the files that asked for one; those it doesn't fit stay in the list and ask again."""

    def __init__(self, parent: QWidget | None, reasons: Sequence[str]) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("A password is needed"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(_WIDTH)
        more = [self.tr("And {0} more files.").format(len(reasons) - _SHOWN)] if len(reasons) > _SHOWN else []
        said = QLabel("\n".join([*reasons[:_SHOWN], *more]))
        said.setTextFormat(Qt.TextFormat.PlainText)
        said.setWordWrap(True)
        self.password = QLineEdit()
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.password.setAccessibleName(self.tr("Password of the files"))
        kept = QLabel(self.tr("The password is not kept. Inside the workspace the document opens without it."))
        kept.setObjectName("faint")
        kept.setWordWrap(True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._open = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._open.setText(self.tr("Import"))
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setText(self.tr("Leave out"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        for widget in (said, self.password, kept, buttons):
            column.addWidget(widget)
        self.password.textChanged.connect(self._check)
        self._check()

    def _check(self) -> None:
        self._open.setEnabled(bool(self.password.text()))
