"""The install page: one dialog that asks for the folder, shortcuts and file association, and shows the copying."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QThread, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
)

from desktop.installation.placing import Choices, InstallError, default_folder, folder_named, install
from desktop.theme import MARGIN, SPACING, pixmap
from engine.errors import EngineError


class InstallThread(QThread):
    """Copies, away from the window's thread."""

    copied = Signal(int)  # per cent
    installed = Signal(object)  # Path of the program
    failed = Signal(object)  # EngineError

    def __init__(self, source: Path, choices: Choices, *, linked: bool) -> None:
        super().__init__()
        self._source = source
        self._linked = linked
        self._choices = choices
        self._shown = -1

    def run(self) -> None:
        """Install; the one end is a signal."""
        try:
            self.installed.emit(install(self._source, self._choices, linked=self._linked, report=self._report))
        except EngineError as error:
            self.failed.emit(error)

    def _report(self, done: int, total: int) -> None:
        share = done * 100 // max(total, 1)
        if share != self._shown:
            self._shown = share
            self.copied.emit(share)


class InstallPage(QDialog):
    """Asks, installs, and says where the program is now. Closing it before *Install* changes nothing."""

    def __init__(self, source: Path, *, linked: bool = False) -> None:
        """`linked`: `source` is a temporary copy; where it lies on the same disk its files need not be copied again."""
        super().__init__()
        self._source = source
        self._linked = linked
        self._thread: InstallThread | None = None
        self.program: Path | None = None  # where it is, once it is installed
        self.setWindowTitle(self.tr("Install Vademecum"))
        self.setMinimumWidth(560)
        sign = QLabel()
        sign.setPixmap(pixmap("vademecum", 48))
        title = QLabel(self.tr("Install Vademecum for yourself"))
        title.setObjectName("page_title")
        head = QHBoxLayout()
        head.addWidget(sign)
        head.addWidget(title, 1)
        text = QLabel(
            self.tr(
                "No administrator and no network are needed. Your documents never leave this machine. A version that "
                "is there already is kept, so that you can go back to it."
            )
        )
        text.setWordWrap(True)
        self.folder = QLineEdit(str(default_folder()))
        self.folder.setAccessibleName(self.tr("Folder of the program"))
        browse = QPushButton(self.tr("Choose…"))
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.addWidget(self.folder, 1)
        row.addWidget(browse)
        self.shortcuts = QCheckBox(self.tr("Entry in the menu, and the commands vademecum and vademecum-engine"))
        self.association = QCheckBox(self.tr("Open workspaces (workspace.json) with Vademecum"))
        for box in (self.shortcuts, self.association):
            box.setChecked(True)
        self.progress = QProgressBar()
        self.progress.setAccessibleName(self.tr("Copied"))
        self.progress.hide()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.hide()
        self._buttons = QDialogButtonBox()
        self.go = self._buttons.addButton(self.tr("Install"), QDialogButtonBox.ButtonRole.ActionRole)
        self.leave = self._buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.go.setDefault(True)
        self.go.clicked.connect(self.start)
        self._buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        column.setSpacing(SPACING)
        column.addLayout(head)
        column.addWidget(text)
        column.addWidget(QLabel(self.tr("Folder")))
        column.addLayout(row)
        for widget in (self.shortcuts, self.association, self.progress, self.message):
            column.addWidget(widget)
        column.addWidget(self._buttons)

    def start(self) -> None:
        """Install with what is chosen now."""
        try:
            folder = folder_named(self.folder.text())
        except InstallError as error:
            self._explain(error)
            return
        choices = Choices(folder, self.shortcuts.isChecked(), self.association.isChecked())
        for widget in (self.go, self.folder, self.shortcuts, self.association, self.leave):
            widget.setEnabled(False)
        self.message.hide()
        self.progress.show()
        self._thread = InstallThread(self._source, choices, linked=self._linked)
        self._thread.copied.connect(self.progress.setValue)
        self._thread.installed.connect(self._finish)
        self._thread.failed.connect(self._explain)
        self._thread.start()

    def reject(self) -> None:
        """Close, but not over half a copy: it takes seconds."""
        if self._thread is None or not self._thread.isRunning():
            super().reject()

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder of the program"), str(Path.home()))
        if chosen:
            self.folder.setText(str(Path(chosen) / "vademecum"))

    def _finish(self, program: Path) -> None:
        self._wait()
        self.program = program
        self.progress.setValue(100)
        start = self.tr("You can start it from the menu.")
        if not self.shortcuts.isChecked():
            start = self.tr("Start {0}.").format(program / "vademecum")
        self._say(f"{self.tr('Vademecum is installed in {0}.').format(program)} {start}")
        self.go.hide()
        self.leave.setText(self.tr("Close"))
        self.leave.setEnabled(True)
        self.leave.setFocus()

    def _explain(self, error: EngineError) -> None:
        self._wait()
        self.progress.hide()
        self._say(f"{error.message} {error.hint}")
        for widget in (self.go, self.folder, self.shortcuts, self.association, self.leave):
            widget.setEnabled(True)

    def _say(self, text: str) -> None:
        self.message.setText(text)
        self.message.show()

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.wait()
