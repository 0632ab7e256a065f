"""Has the pages that a passage view wants to show drawn by the worker, the newest wish first."""

from __future__ import annotations

from PySide6.QtCore import QObject

from desktop.job_queue import JobQueue
from desktop.widgets.passage_view import PassageView
from engine.documents.job import PageImage, ReadPage
from engine.errors import EngineError


class PageLoader(QObject):
    """Serves one passage view."""

    def __init__(self, jobs: JobQueue, view: PassageView) -> None:
        super().__init__(view)
        self._jobs = jobs
        self._view = view
        view.page_wanted.connect(self._load)

    def _load(self, wish: ReadPage) -> None:
        thread = self._jobs.run(wish)
        thread.finished_with.connect(self._show)
        thread.failed.connect(self._give_up)

    def _show(self, page: PageImage) -> None:
        self._view.show_picture(page)

    def _give_up(self, error: EngineError) -> None:
        self._view.show_text_only(error)
