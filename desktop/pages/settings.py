"""The settings page: the graphics card's add-on, installed from a folder, tried, and removed again."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QWidget

from desktop.job_queue import JobQueue
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from engine.addon.job import AddonState, InstallAddon, ReadAddon, RemoveAddon


class SettingsPage(QWidget):
    """What concerns this machine and not one workspace."""

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self.notice = Notice()
        title = QLabel(self.tr("Graphics card"))
        title.setObjectName("section")
        text = QLabel(
            self.tr(
                "Vademecum computes on the processor. With an NVIDIA card it can train many times faster: the add-on "
                "with the card's libraries comes as a folder, on a stick like the program itself. Every file is "
                "checked against its SHA-256, then the add-on is tried; where it does not fit the driver, the "
                "processor is used as before."
            )
        )
        text.setWordWrap(True)
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.state.setAccessibleName(self.tr("State of the add-on"))
        self.choose = QPushButton(self.tr("Install from a folder…"))
        self.choose.clicked.connect(self._ask)
        self.remove = QPushButton(self.tr("Remove"))
        self.remove.clicked.connect(self._remove)
        self.remove.setEnabled(False)
        row = QHBoxLayout()
        row.addWidget(self.choose)
        row.addWidget(self.remove)
        row.addStretch(1)
        column = page_layout(self)
        column.addWidget(
            Heading(self.tr("Settings"), self.tr("What concerns this machine, whatever workspace is open."))
        )
        column.addWidget(self.notice)
        for widget in (title, text, self.state):
            column.addWidget(widget)
        column.addLayout(row)
        column.addStretch(1)

    def start_over(self) -> None:
        """Ask the engine what there is."""
        thread = self._jobs.run(ReadAddon())
        thread.finished_with.connect(self._show)
        thread.failed.connect(self.notice.warn)
        for end in (thread.failed, thread.broke):
            end.connect(self._show_unknown)

    def install_from(self, folder: str) -> None:
        """Install the add-on in `folder`."""
        self.state.setText(self.tr("The add-on is checked, installed and tried…"))
        self._change(InstallAddon(folder))

    def _ask(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Folder of the add-on"))
        if chosen:
            self.install_from(chosen)

    def _remove(self) -> None:
        self._change(RemoveAddon())

    def _change(self, job: InstallAddon | RemoveAddon) -> None:
        self._enable(install=False, remove=False)
        thread = self._jobs.run(job)
        thread.finished_with.connect(self._tell_when)
        thread.failed.connect(self.notice.warn)
        thread.ended.connect(self.start_over)  # cancelled or broken too: what there is now is asked, not guessed

    def _show(self, state: AddonState) -> None:
        self.state.setText(f"{state.version}: {state.text}" if state.version else state.text)
        self._enable(install=True, remove=state.installed)

    def _tell_when(self, state: AddonState) -> None:
        if state.usable or not state.installed:
            self.notice.tell(self.tr("This takes effect when Vademecum is started again."))

    def _show_unknown(self) -> None:
        self.state.setText(self.tr("Whether there is an add-on is not known."))
        self._enable(install=True, remove=True)

    def _enable(self, *, install: bool, remove: bool) -> None:
        self.choose.setEnabled(install)
        self.remove.setEnabled(remove)
