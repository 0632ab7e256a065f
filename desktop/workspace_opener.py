"""Opens, makes and remembers workspaces: asks what must be asked, and lets the worker do it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import platformdirs
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDialog, QFileDialog, QMessageBox, QWidget

from desktop.job_queue import JobQueue
from desktop.job_thread import JobThread, sentence
from desktop.preferences import Preferences, is_file
from desktop.theme import RESOURCES
from desktop.widgets.workspace_dialogs import NewWorkspaceDialog, PassphraseDialog
from engine.errors import EngineError, PassphraseError
from engine.worker.protocol import Opened, Opening

SAMPLE_FOLDER = RESOURCES / "sample"
SAMPLE_NAME = "Sample workspace"


class WorkspaceOpener(QObject):
    """One workspace is open at a time; opening another closes the present one and its worker."""

    opened = Signal(object)  # Opened
    reopened = Signal()  # after its worker died, or another workspace could not be opened
    none_open = Signal()  # what was to be opened is not, and there is nothing to go back to
    sample_made = Signal()  # the sample workspace is new and empty: its files are to be imported

    def __init__(
        self,
        window: QWidget,
        jobs: JobQueue,
        preferences: Preferences,
        *,
        has_running_work: Callable[[], bool],
        data_path: Path | None = None,
    ) -> None:
        """`has_running_work` is called before another workspace is opened; if it returns True, the person is asked."""
        super().__init__(window)
        self._window = window
        self._jobs = jobs
        self._preferences = preferences
        self._has_running_work = has_running_work
        self._data_path = data_path or platformdirs.user_data_path("vademecum", appauthor=False)
        self._asked = Opening("")
        self._is_open = False
        jobs.reopening.connect(self._watch_reopening)

    @property
    def sample_path(self) -> Path:
        """Where the sample workspace is, or will be."""
        return self._data_path / SAMPLE_NAME

    def open_first(self, path: Path | None) -> None:
        """Open `path`; without one the workspace opened last; at the very first start the sample."""
        if path is not None:
            self.open_path(path)
        elif recent := self._preferences.recent:
            self.open_path(recent[0])
        else:
            self.open_sample()

    def open_sample(self) -> None:
        """Open the sample workspace, making it first when it isn't there."""
        if is_file(self.sample_path / "workspace.json"):
            self.open_path(self.sample_path)
        else:
            self._open(Opening(str(self.sample_path), create=True, name=SAMPLE_NAME))

    def open_path(self, path: Path, passphrase: str | None = None) -> None:
        """Open the workspace at `path`; its passphrase is asked for when it needs one."""
        self._open(Opening(str(path), passphrase))

    def ask_to_open(self) -> None:
        """Let the person choose a workspace's folder."""
        chosen = QFileDialog.getExistingDirectory(self._window, self.tr("Open a workspace"), str(self._data_path))
        if chosen:
            self.open_path(Path(chosen))

    def ask_for_new(self) -> None:
        """Let the person describe a new workspace, and make it."""
        self._describe(NewWorkspaceDialog(self._window, folder=platformdirs.user_documents_path()))

    def _describe(self, dialog: NewWorkspaceDialog) -> None:
        dialog.accepted.connect(
            lambda: self._open(
                Opening(str(dialog.path), dialog.chosen_passphrase, create=True, name=dialog.name.text().strip())
            )
        )
        _show(dialog)

    def _open(self, asked: Opening) -> None:
        if self._has_running_work() and not self._may_cancel():
            return
        self._asked = asked
        thread = self._jobs.open_workspace(asked)
        thread.finished_with.connect(self._take)
        thread.failed.connect(self._explain)
        for end in (thread.failed, thread.broke):
            end.connect(self._tell_if_none_is_open)

    def _watch_reopening(self, thread: JobThread) -> None:
        thread.finished_with.connect(self.reopened)
        thread.failed.connect(self._show_error)
        for end in (thread.failed, thread.broke):
            end.connect(self._lose)

    def _lose(self) -> None:
        self._is_open = False
        self.none_open.emit()

    def _tell_if_none_is_open(self) -> None:
        if not self._is_open:  # else the worker opens it again
            self.none_open.emit()

    def _take(self, opened: Opened) -> None:
        self._is_open = True
        self._preferences.remember(Path(opened.path))
        self.opened.emit(opened)
        if self._asked.create and Path(opened.path) == self.sample_path and SAMPLE_FOLDER.is_dir():
            self.sample_made.emit()

    def _explain(self, error: EngineError) -> None:
        if isinstance(error, PassphraseError) and self._asked.create:
            self._ask_for_protection(error)
            return
        if isinstance(error, PassphraseError):
            path = self._asked.path
            wrong = self._asked.passphrase is not None
            dialog = PassphraseDialog(self._window, workspace=Path(path).name, problem=sentence(error) if wrong else "")
            dialog.accepted.connect(lambda: self.open_path(Path(path), dialog.passphrase.text()))
            _show(dialog)
            return
        self._show_error(error)

    def _show_error(self, error: EngineError) -> None:
        box = QMessageBox(
            QMessageBox.Icon.Warning, self.tr("The workspace could not be opened"), error.message, parent=self._window
        )
        box.setInformativeText(error.hint)
        _show(box)

    def _ask_for_protection(self, error: PassphraseError) -> None:
        """Let the person choose a passphrase for what was to be made without one."""
        place = Path(self._asked.path)
        dialog = NewWorkspaceDialog(self._window, folder=place.parent)
        dialog.name.setText(place.name)
        dialog.protect.setText(error.message)
        dialog.protect.setChecked(True)
        dialog.protect.setEnabled(False)
        self._describe(dialog)

    def _may_cancel(self) -> bool:
        answer = QMessageBox.question(
            self._window,
            self.tr("Work is running"),
            self.tr(
                "Opening another workspace cancels the work that runs now. What is done is kept and can be resumed. "
                "Go on?"
            ),
        )
        return answer == QMessageBox.StandardButton.Yes


def _show(dialog: QDialog) -> None:
    from PySide6.QtCore import Qt

    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.open()  # not exec: a nested event loop lets things happen twice
