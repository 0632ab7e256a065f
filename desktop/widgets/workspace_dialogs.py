"""The questions asked before a workspace is made or opened."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desktop.theme import SPACING

SHORTEST_PASSPHRASE = 8
_WIDTH = 500


class NewWorkspaceDialog(QDialog):
    """Name, place and passphrase of a new workspace."""

    def __init__(self, parent: QWidget | None, *, folder: Path) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("New workspace"))
        self.setMinimumWidth(_WIDTH)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name"))
        self.name.setPlaceholderText(self.tr("A department, a ward, a matter"))
        self.folder = QLineEdit(str(folder))
        self.folder.setAccessibleName(self.tr("Folder it is made in"))
        choose = QPushButton(self.tr("Choose…"))
        choose.setAccessibleName(self.tr("Choose the folder"))
        choose.clicked.connect(self._choose_folder)
        place = QHBoxLayout()
        place.addWidget(self.folder, 1)
        place.addWidget(choose)
        self.protect = QCheckBox(self.tr("&Protect it with a passphrase: everything on the disk is encrypted"))
        self.passphrase = _passphrase_edit(self.tr("Passphrase"))
        self.again = _passphrase_edit(self.tr("Passphrase again"))
        self._problem = QLabel()
        self._problem.setObjectName("faint")
        self._problem.setWordWrap(True)
        form = QFormLayout()
        form.setVerticalSpacing(SPACING)
        form.addRow(self.tr("&Name"), self.name)
        in_folder = QLabel(self.tr("&In the folder"))
        in_folder.setBuddy(self.folder)
        form.addRow(in_folder, place)
        form.addRow(self.protect)
        form.addRow(self.tr("Passp&hrase"), self.passphrase)
        form.addRow(self.tr("A&gain"), self.again)
        warning = QLabel(self.tr("Nobody can open a protected workspace whose passphrase is lost."))
        warning.setObjectName("faint")
        warning.setWordWrap(True)
        self._buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setText(self.tr("Make it"))
        self._buttons.accepted.connect(self.accept)
        self._buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addLayout(form)
        column.addWidget(warning)
        column.addWidget(self._problem)
        column.addWidget(self._buttons)
        self.protect.toggled.connect(self._check)
        for edit in (self.name, self.folder, self.passphrase, self.again):
            edit.textChanged.connect(self._check)
        self._check()

    @property
    def path(self) -> Path:
        """Where the workspace will be."""
        return Path(self.folder.text()).expanduser() / self.name.text().strip()

    @property
    def chosen_passphrase(self) -> str | None:
        """The passphrase; None for a workspace in the clear."""
        return self.passphrase.text() if self.protect.isChecked() else None

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Make the workspace in"), self.folder.text())
        if chosen:
            self.folder.setText(chosen)

    def _check(self) -> None:
        protects = self.protect.isChecked()
        self.passphrase.setEnabled(protects)
        self.again.setEnabled(protects)
        problem = self._problem_found()
        self._problem.setText(problem)
        self._buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(
            not problem and bool(self.name.text().strip())
        )

    def _problem_found(self) -> str:
        name = self.name.text().strip()
        if any(character in name for character in '/\\:*?"<>|'):
            return self.tr("A name can't hold any of / \\ : * ? \" < > |")
        if name.endswith(".") or PureWindowsPath(name).is_reserved():  # on any system: a workspace may travel
            return self.tr("Windows can't have a folder of this name. Choose another name, without a dot at its end.")
        try:
            if not self.path.is_absolute():
                return self.tr("Say in which folder it is made, in full, or choose it.")
            if name and self.path.exists():
                return self.tr("There is a folder of this name already. Choose another name.")
        except (OSError, RuntimeError) as error:  # RuntimeError: ~ of somebody who isn't there
            reason = error.strerror if isinstance(error, OSError) else error
            return self.tr("Nothing can be made there ({0}). Choose another folder, or a shorter name.").format(reason)
        if self.protect.isChecked():
            if len(self.passphrase.text()) < SHORTEST_PASSPHRASE:
                return self.tr("The passphrase needs {0} characters or more.").format(SHORTEST_PASSPHRASE)
            if self.passphrase.text() != self.again.text():
                return self.tr("The two passphrases differ.")
        return ""


class PassphraseDialog(QDialog):
    """Asks for the passphrase of a protected workspace."""

    def __init__(self, parent: QWidget | None, *, workspace: str, problem: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Passphrase"))
        self.setMinimumWidth(_WIDTH)
        told = QLabel(problem or self.tr("{0} is protected.").format(workspace))
        told.setTextFormat(Qt.TextFormat.PlainText)
        told.setWordWrap(True)
        self.passphrase = _passphrase_edit(self.tr("Passphrase"))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout()
        form.addRow(self.tr("&Passphrase"), self.passphrase)
        column = QVBoxLayout(self)
        column.setSpacing(SPACING)
        column.addWidget(told)
        column.addLayout(form)
        column.addWidget(buttons)


def _passphrase_edit(name: str) -> QLineEdit:
    edit = QLineEdit()
    edit.setEchoMode(QLineEdit.EchoMode.Password)
    edit.setAccessibleName(name)
    return edit
