"""Where files and folders are dropped, or chosen by the buttons for those who don't drag."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPalette
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout

from desktop.theme import icon, pixmap
from desktop.widgets.wrapping_row import WrappingRow


class DropArea(QFrame):
    """Says which paths were dropped or chosen; what is in them, the engine finds out."""

    paths_dropped = Signal(tuple)  # of str

    def __init__(self, title: str, text: str, *, files: bool = True, folders: bool = True) -> None:
        super().__init__()
        self.setObjectName("drop_area")
        self.setAcceptDrops(True)
        self.setAccessibleName(title)
        picture = QLabel()
        picture.setPixmap(pixmap("drop", 32, self.palette().color(QPalette.ColorRole.PlaceholderText)))
        heading = QLabel(title)
        heading.setObjectName("section")
        heading.setWordWrap(True)
        explanation = QLabel(text)
        explanation.setObjectName("page_subtitle")
        explanation.setWordWrap(True)
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(heading)
        texts.addWidget(explanation)
        row = QHBoxLayout(self)
        row.setContentsMargins(18, 14, 18, 14)
        row.setSpacing(14)
        row.addWidget(picture)
        row.addLayout(texts, 1)
        buttons: list[QPushButton] = []
        if files:
            several = QPushButton(icon("add"), self.tr("Add &files…"))
            several.setAccessibleName(self.tr("Add files"))
            several.clicked.connect(self._choose_files)
            buttons.append(several)
        if folders:
            folder = QPushButton(icon("folder"), self.tr("Add f&older…"))
            folder.setAccessibleName(self.tr("Add a folder"))
            folder.clicked.connect(self._choose_folder)
            buttons.append(folder)
        choosing = WrappingRow(*buttons)
        row.addLayout(choosing)
        row.setAlignment(choosing, Qt.AlignmentFlag.AlignVCenter)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 - Qt's name
        """Take a drag that carries local files."""
        if _local_paths(event):
            event.acceptProposedAction()
            self._show_hovered(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802 - Qt's name
        """Look calm again."""
        self._show_hovered(False)

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 - Qt's name
        """Say what was dropped."""
        self._show_hovered(False)
        paths = _local_paths(event)
        if paths:
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def _choose_files(self) -> None:
        chosen, _ = QFileDialog.getOpenFileNames(self, self.tr("Add files"))
        if chosen:
            self.paths_dropped.emit(tuple(chosen))

    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Add a folder"))
        if chosen:
            self.paths_dropped.emit((chosen,))

    def _show_hovered(self, hovered: bool) -> None:
        self.setProperty("hovered", hovered)
        self.style().unpolish(self)
        self.style().polish(self)
        self.setCursor(Qt.CursorShape.DragCopyCursor if hovered else Qt.CursorShape.ArrowCursor)


def _local_paths(event: QDropEvent) -> tuple[str, ...]:
    return tuple(str(Path(url.toLocalFile())) for url in event.mimeData().urls() if url.isLocalFile())
