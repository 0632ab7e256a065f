"""Takes a picture of every page with the sample workspace in it: `xvfb-run python -m tests.benchmarks.screenshots`.

The pictures go to docs/images. Trains on the sample, so it takes a few minutes.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from desktop.app import Desk
from engine.training.job import Train
from tests.benchmarks.driving import live, open_desk, wait_until

IMAGES = Path(__file__).parents[2] / "docs" / "images"
QUESTIONS = (
    "How long does the obligation of confidentiality last?",
    "Which virus was found in children with pneumonia?",
)


def main() -> None:
    """Walk through the window and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="keep the workspace here, to go on from it the next time")
    parser.add_argument("--images", type=Path, default=IMAGES)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--no-training", action="store_true")
    chosen = parser.parse_args()
    QApplication(["vademecum"])
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        with open_desk(folder, dark=chosen.dark) as desk:
            Photographer(desk, chosen.images, suffix="-dark" if chosen.dark else "").walk(trains=not chosen.no_training)


class Photographer:
    """Goes from page to page."""

    def __init__(self, desk: Desk, images: Path, *, suffix: str) -> None:
        self._desk = desk
        self._images = images
        self._suffix = suffix

    def walk(self, *, trains: bool) -> None:
        """Take all the pictures."""
        desk = self._desk
        self._take("empty-chat", desk.chat)
        wait_until(lambda: desk.questions.table_model.rowCount() > 0, timeout_s=120, what="the sample's import")
        wait_until(lambda: not desk.jobs.heavy, timeout_s=300, what="the index")
        self._take("documents", desk.documents)
        self._take("questions", desk.questions)
        desk.window.show_page(desk.training)
        if trains:
            desk.training.start_training(Train("all", preset="balanced"))
            wait_until(
                lambda: len(desk.training.curves.points("generator/train_loss")) > 6 or not desk.jobs.heavy,
                timeout_s=900,
                what="the curves",
            )
            self._take("training-running", desk.training)
            wait_until(lambda: not desk.jobs.heavy, timeout_s=1800, what="the end of the training")
        live(2)
        self._take("training", desk.training)
        desk.window.show_page(desk.evaluation)
        desk.evaluation.start_evaluation()
        wait_until(lambda: not desk.jobs.heavy, timeout_s=900, what="the evaluation")
        live(1)
        self._take("evaluation", desk.evaluation)
        desk.evaluation.tabs.setCurrentIndex(1)
        self._take("evaluation-questions", desk.evaluation)
        desk.window.show_page(desk.chat)
        for question in QUESTIONS:
            desk.chat.input.setPlainText(question)
            desk.chat.ask()
            wait_until(lambda: not desk.chat.conversation.streams, timeout_s=120, what="the answer")
        if desk.chat.conversation.citations:
            desk.chat.conversation.open_citation(len(desk.chat.conversation.citations) - 1)
            wait_until(lambda: desk.chat.passage_view.marked_text != "", timeout_s=30, what="the cited page")
        self._take("chat", desk.chat)

    def _take(self, name: str, page: QWidget) -> None:
        self._desk.window.show_page(page)
        live(0.4)
        self._images.mkdir(parents=True, exist_ok=True)
        screen = QGuiApplication.primaryScreen()
        picture = screen.grabWindow(self._desk.window.winId())
        path = self._images / f"{name}{self._suffix}.png"
        picture.save(str(path))
        print(path, flush=True)


if __name__ == "__main__":
    main()
