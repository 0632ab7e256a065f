"""The composition root: builds queue, pages and window, passes each what it uses, and connects them."""

from __future__ import annotations

import argparse
import importlib
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from PySide6.QtCore import QLocale, QObject, QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from desktop.garbage import GarbageCollector
from desktop.installation.commands import act, add_arguments, is_wanted
from desktop.job_queue import JobQueue
from desktop.job_thread import sentence
from desktop.main_window import MainWindow
from desktop.preferences import Preferences, is_file
from desktop.screen import ScreenError, require_screen
from desktop.theme import apply_theme
from desktop.workspace_opener import SAMPLE_FOLDER, WorkspaceOpener
from engine import __version__
from engine.errors import EngineError
from engine.home import HomeError, require_home
from engine.training.job import EstimateTraining
from engine.worker.protocol import Opened

if TYPE_CHECKING:
    from engine.worker.client import WorkerClient
    from engine.workspace.verification import VerifyReport

_BUG = "bug"


class Desk(QObject):
    """Everything the window consists of, connected."""

    def __init__(
        self, preferences: Preferences, *, client: WorkerClient | None = None, data_path: Path | None = None
    ) -> None:
        super().__init__()
        from desktop.folder_watcher import FolderWatcher
        from desktop.importer import Importer
        from desktop.pages.chat import ChatPage
        from desktop.pages.documents import DocumentsPage
        from desktop.pages.evaluation import EvaluationPage
        from desktop.pages.models import ModelsPage
        from desktop.pages.questions import QuestionsPage
        from desktop.pages.settings import SettingsPage
        from desktop.pages.training import TrainingPage

        log_path = platformdirs.user_log_path("vademecum", appauthor=False) / "worker.log"
        self.jobs = JobQueue(self, client=client, log_path=log_path)
        self.window = MainWindow(preferences, has_running_work=self._has_running_work)
        self.opener = WorkspaceOpener(
            self.window, self.jobs, preferences, has_running_work=self._has_running_work, data_path=data_path
        )
        self.importer = Importer(self.jobs, self)
        self.watcher = FolderWatcher(self.jobs, self)
        self.documents = DocumentsPage(self.jobs)
        self.questions = QuestionsPage(self.jobs)
        self.training = TrainingPage(self.jobs)
        self.evaluation = EvaluationPage(self.jobs)
        self.chat = ChatPage(self.jobs)
        self.models = ModelsPage(self.jobs)
        self.settings = SettingsPage(self.jobs)
        for name, drawing, page in (
            (self.tr("Documents"), "documents", self.documents),
            (self.tr("Questions"), "questions", self.questions),
            (self.tr("Training"), "training", self.training),
            (self.tr("Evaluation"), "evaluation", self.evaluation),
            (self.tr("Chat"), "chat", self.chat),
            (self.tr("Models"), "models", self.models),
            (self.tr("Settings"), "settings", self.settings),
        ):
            self.window.add_page(name, drawing, page)
        self._connect()

    def start(self, workspace: Path | None) -> None:
        """Show the window; the worker starts when it stands on the screen."""
        self._first = workspace
        self.window.shown.connect(self._begin)
        self.window.show()

    def _connect(self) -> None:
        window, opener = self.window, self.opener
        window.new_asked.connect(opener.ask_for_new)
        window.open_asked.connect(opener.ask_to_open)
        window.sample_asked.connect(opener.open_sample)
        window.recent_chosen.connect(self._open_recent)
        window.verify_asked.connect(self._verify)
        window.network_proof_asked.connect(self._prove_no_network)
        window.about_asked.connect(self._show_about)
        window.closing.connect(self.jobs.close)
        self.jobs.heavy_queued.connect(window.job_bar.add_job)
        self.jobs.heavy_ended.connect(window.job_bar.remove_job)
        self.jobs.broke.connect(self._show_bug)
        self.jobs.heavy_ended.connect(self._warm_up)  # what it loaded in place of the answering run is loaded again
        opener.opened.connect(self._show_workspace)
        opener.reopened.connect(self._warm_up)
        opener.none_open.connect(window.show_no_workspace)
        opener.none_open.connect(self.watcher.stop)
        opener.sample_made.connect(self._fill_sample)
        self.documents.paths_dropped.connect(self.importer.add)
        self.documents.password_given.connect(self._import_locked)
        self.importer.password_wanted.connect(self.documents.ask_for_password)
        self.questions.paths_dropped.connect(self._import_questions)
        self.questions.columns_chosen.connect(self._import_mapped)
        self.documents.documents_removed.connect(self.questions.reload)
        self.documents.documents_removed.connect(self.chat.forget_documents)
        self.importer.imported.connect(self.documents.show_import)
        self.importer.imported.connect(self.questions.show_import)
        self.importer.failed.connect(self.documents.show_error)
        self.importer.failed.connect(self.questions.show_error)
        self.importer.stopped.connect(self.documents.reload)
        self.documents.watched.folder_chosen.connect(self.watcher.add)
        self.documents.watched.folder_dismissed.connect(self.watcher.remove)
        self.watcher.folders_changed.connect(self.documents.watched.show_folders)
        self.watcher.import_wanted.connect(self.importer.add)
        self.watcher.failed.connect(self.documents.show_error)
        for ended in (self.importer.imported, self.importer.failed, self.importer.stopped):
            ended.connect(self.watcher.note_import_ended)
        window.closing.connect(self.watcher.stop)
        self.importer.stopped.connect(self.questions.reload)
        self.training.runs_changed.connect(self.evaluation.show_runs)
        self.evaluation.question_amended.connect(self.questions.reload)
        self.models.models_changed.connect(self.training.reload)
        self.importer.imported.connect(self.training.estimate.forget)
        self.documents.documents_removed.connect(self.training.estimate.forget)
        self.training.active_changed.connect(self._warm_up)

    def _begin(self) -> None:
        # After the first paint, so that nothing competes with it for the processor.
        QTimer.singleShot(0, self._open_first)

    def _open_first(self) -> None:
        self.opener.open_first(self._first)
        threading.Thread(target=_import_late, name="late imports", daemon=True).start()

    def _open_recent(self, path: str) -> None:
        self.opener.open_path(Path(path))

    def _show_workspace(self, opened: Opened) -> None:
        self.window.show_workspace(opened.name, protected=opened.protected)
        self.documents.start_over()
        self.watcher.start_over(Path(opened.path))
        self.questions.start_over()
        self.evaluation.start_over()
        self.training.start_over()
        self.chat.start_over()
        self.models.start_over()
        self.settings.start_over()
        self._warm_up()

    def _fill_sample(self) -> None:
        parts = sorted(path for path in SAMPLE_FOLDER.iterdir() if path.is_dir() or path.suffix == ".jsonl")
        self.importer.add(tuple(str(path) for path in parts))

    def _import_questions(self, paths: tuple[str, ...]) -> None:
        self.importer.add(paths, "questions")

    def _import_locked(self, paths: tuple[str, ...], password: str) -> None:
        self.importer.add(paths, "documents", (password,))

    def _import_mapped(self, paths: tuple[str, ...], columns: object) -> None:
        self.importer.add(paths, "questions", columns=columns)  # type: ignore[arg-type]  # a signal's object: ColumnMap

    def _warm_up(self) -> None:
        from engine.worker.warm_up import WarmUp

        if self.window.isVisible():
            self.jobs.run(WarmUp())

    def _has_running_work(self) -> bool:
        return any(not isinstance(thread.ticket.job, EstimateTraining) for thread in self.jobs.heavy)

    def _verify(self) -> None:
        from engine.workspace.job import Verify

        thread = self.jobs.run(Verify(deep=True))
        thread.finished_with.connect(self._show_verified)
        thread.failed.connect(self._show_failure)

    def _show_verified(self, report: VerifyReport) -> None:
        if report.ok:
            self._tell(
                self.tr("The workspace is whole"),
                self.tr("{0} stored objects and the database were checked.").format(f"{report.checked:,}"),
            )
        else:
            self._tell(self.tr("The workspace is damaged"), "\n".join(report.problems[:20]), grave=True)

    def _prove_no_network(self) -> None:
        from engine.offline import network_is_open

        if network_is_open():
            self._tell(
                self.tr("The network is not used"),
                self.tr(
                    "Vademecum asks no server for anything: the libraries' offline switches are set and every model "
                    "is read from this disk. This system offers no filter that denies the network to a single "
                    "program, so a connection could be made, but none is."
                ),
            )
        else:
            self._tell(
                self.tr("The network is denied"),
                self.tr(
                    "The system's kernel refuses every internet connection of this program and of all it starts. It "
                    "was just tried, and refused. It can't be undone while the program runs."
                ),
            )

    def _show_about(self) -> None:
        self._tell(
            self.tr("Vademecum {0}").format(__version__),
            self.tr("Answers from your documents, on your machine. Licence: Apache-2.0. Qt is used under the LGPL."),
        )

    def _show_failure(self, error: EngineError) -> None:
        self._tell(self.tr("That did not work"), sentence(error), grave=True)

    def _show_bug(self, trace: str) -> None:
        box = self.window.findChild(QMessageBox, _BUG)
        if box is not None and box.isVisible():  # one bug seldom comes alone
            box.setDetailedText(f"{box.detailedText()}\n{trace}")
            return
        box = self._box(
            self.tr("Something unexpected happened"),
            self.tr(
                "This is a mistake in the program, not yours. Your workspace is safe; try again. The details help "
                "whoever looks after the program."
            ),
            grave=True,
        )
        box.setObjectName(_BUG)
        box.setDetailedText(trace)
        box.open()

    def _tell(self, title: str, text: str, *, grave: bool = False) -> None:
        self._box(title, text, grave=grave).open()

    def _box(self, title: str, text: str, *, grave: bool) -> QMessageBox:
        from PySide6.QtCore import Qt

        box = QMessageBox(self.window)
        box.setIcon(QMessageBox.Icon.Warning if grave else QMessageBox.Icon.Information)
        box.setWindowTitle(title)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(title)
        box.setInformativeText(text)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        return box


def _import_late() -> None:
    """Import what the first paint did not need, while the worker opens the workspace."""
    for name in (
        "engine.workspace.job",
        "engine.models.job",
        "engine.evaluation.job",
        "engine.evaluation.reporting.plots",
        "pyqtgraph",
    ):
        importlib.import_module(name)


def _folder_of(workspace: Path | None) -> Path | None:
    """The workspace's folder, also where a file manager hands over the file that stands for it."""
    return workspace.parent if workspace is not None and is_file(workspace) else workspace


def main(argv: list[str] | None = None) -> int:
    """Show the window, or try the installation when told so."""
    argv = sys.argv if argv is None else argv
    parser = argparse.ArgumentParser(prog="vademecum", description="Answers from your documents, on your machine.")
    parser.add_argument(
        "workspace",
        nargs="?",
        type=Path,
        help="the workspace to open, or its workspace.json; without it the one opened last, at first a sample",
    )
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument("--selftest", action="store_true", help="try every part of this installation and leave")
    add_arguments(parser)
    chosen = parser.parse_args(argv[1:])
    try:
        require_home()
        if not (is_wanted(chosen) or chosen.selftest):
            require_screen()
    except (HomeError, ScreenError) as error:
        sys.stderr.write(f"{error.message}\n{error.hint}\n")
        return 1
    if is_wanted(chosen):
        return act(chosen)
    if chosen.selftest:
        from desktop.selftest import report

        return report(sys.stdout)
    QLocale.setDefault(QLocale.c())  # what is typed is read as it is written, in English, until there are translations
    application = QApplication(argv[:1])
    application.setApplicationName("vademecum")
    application.setApplicationDisplayName("Vademecum")
    application.setDesktopFileName("vademecum")
    # After Qt has reached its display, which may be a forwarded one over TCP; before anything else is imported.
    from engine.offline import go_offline

    go_offline()
    apply_theme(application)
    desk = Desk(Preferences())
    desk.start(_folder_of(chosen.workspace))
    collector = GarbageCollector(desk)
    code = application.exec()
    desk.jobs.close()
    collector.stop()
    return code
