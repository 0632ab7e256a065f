"""A line a watched folder, and the button that adds one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QPushButton, QToolButton, QVBoxLayout, QWidget

from desktop.theme import icon


class WatchedFolders(QWidget):
    """Says which folder to watch, and which no more."""

    folder_chosen = Signal(str)
    folder_dismissed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._add = QPushButton(icon("folder"), self.tr("&Watch a folder…"))
        self._add.setAccessibleName(self.tr("Watch a folder"))
        self._add.setToolTip(
            self.tr(
                "Import a folder again whenever something in it changes. The document of a deleted file stays until it "
                "is removed here."
            )
        )
        self._add.clicked.connect(self._choose)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(2)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(self._rows, 1)
        row.addWidget(self._add, 0, Qt.AlignmentFlag.AlignTop)
        self.show_folders((), ())

    @property
    def lines(self) -> list[str]:
        """What it says."""
        return [label.text() for label in self.findChildren(QLabel) if not label.isHidden()]

    def show_folders(self, folders: tuple[str, ...], away: tuple[str, ...]) -> None:
        """Show a line for each folder, and whether it is `away`."""
        while (item := self._rows.takeAt(0)) is not None:
            held = item.widget()
            if held is not None:
                held.hide()
                held.deleteLater()
        for folder in folders:
            self._rows.addWidget(self._line(folder, away=folder in away))
        if not folders:
            self._rows.addWidget(_label(self.tr("No folder is watched.")))

    def _line(self, folder: str, *, away: bool) -> QWidget:
        stop = QToolButton()
        stop.setIcon(icon("close"))
        stop.setAutoRaise(True)
        stop.setAccessibleName(self.tr("Stop watching {0}").format(folder))
        stop.setToolTip(self.tr("Stop watching this folder. Its documents stay."))
        stop.clicked.connect(lambda: self.folder_dismissed.emit(folder))
        line = QWidget()
        row = QHBoxLayout(line)
        row.setContentsMargins(0, 0, 0, 0)
        told = self.tr("{0} is not there: watched again when it is back") if away else self.tr("Watching {0}")
        row.addWidget(_label(told.format(folder)))
        row.addWidget(stop)
        row.addStretch(1)
        return line

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, self.tr("Watch a folder"))
        if chosen:
            self.folder_chosen.emit(chosen)


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)  # names of folders are data
    label.setObjectName("page_subtitle")
    return label
