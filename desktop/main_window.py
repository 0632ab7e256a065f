"""The main window: navigation between the pages, the menus, and the strip that shows running work."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QCloseEvent, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMainWindow,
    QMenu,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desktop.preferences import Preferences
from desktop.theme import icon, pixmap
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.job_bar import JobBar

_NAVIGATION_WIDTH = 196
_NAME_WIDTH = 134  # beside the sign
_SIZE = QSize(1240, 800)


class MainWindow(QMainWindow):
    """Holds the pages. Knows nothing of what is on them."""

    shown = Signal()  # for the first time
    closing = Signal()  # the person agreed
    new_asked = Signal()
    open_asked = Signal()
    recent_chosen = Signal(str)
    sample_asked = Signal()
    verify_asked = Signal()
    network_proof_asked = Signal()
    about_asked = Signal()

    def __init__(self, preferences: Preferences, *, has_running_work: Callable[[], bool]) -> None:
        """`has_running_work` is called before the window closes; when it returns True, the person is asked."""
        super().__init__()
        self._preferences = preferences
        self._has_running_work = has_running_work
        self._was_shown = False
        self.setWindowTitle("Vademecum")
        self.setWindowIcon(icon("vademecum"))
        self.resize(_SIZE)
        if not preferences.geometry.isEmpty():
            self.restoreGeometry(preferences.geometry)
        self._navigation = QListWidget()
        self._navigation.setObjectName("navigation")
        self._navigation.setAccessibleName(self.tr("Pages"))
        self._navigation.setIconSize(QSize(20, 20))
        self._navigation.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._navigation.currentRowChanged.connect(self._show_row)
        self._pages = QStackedWidget()
        self.job_bar = JobBar()
        side = QWidget()
        side.setFixedWidth(_NAVIGATION_WIDTH)
        side_column = QVBoxLayout(side)
        side_column.setContentsMargins(0, 0, 0, 0)
        side_column.setSpacing(0)
        side_column.addWidget(self._sign())
        side_column.addWidget(self._navigation, 1)
        upper = QHBoxLayout()
        upper.setContentsMargins(0, 0, 0, 0)
        upper.setSpacing(0)
        upper.addWidget(side)
        self._places = QStackedWidget()
        self._places.addWidget(self._pages)
        self._places.addWidget(self._nothing())
        upper.addWidget(self._places, 1)
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(upper, 1)
        column.addWidget(self.job_bar)
        self.setCentralWidget(whole)
        self._make_menus()

    def add_page(self, name: str, drawing: str, page: QWidget) -> None:
        """Add `page` to the navigation, reached by Ctrl and its number too."""
        self._pages.addWidget(page)
        item = QListWidgetItem(icon(drawing), name)
        item.setSizeHint(QSize(0, 40))
        self._navigation.addItem(item)
        number = self._pages.count()
        go = QAction(name, self)
        go.setShortcut(QKeySequence(f"Ctrl+{number}"))
        go.triggered.connect(lambda: self.show_page(page))
        self._view_menu.addAction(go)
        if number == 1:
            self._navigation.setCurrentRow(0)

    def show_page(self, page: QWidget) -> None:
        """Go to `page`."""
        self._navigation.setCurrentRow(self._pages.indexOf(page))

    def show_workspace(self, name: str, *, protected: bool) -> None:
        """Say which workspace is open."""
        self.setWindowTitle(f"{name} – Vademecum")
        secured = self.tr("Encrypted with your passphrase") if protected else self.tr("Not encrypted")
        shown = self._workspace.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, _NAME_WIDTH)
        self._workspace.setText(shown)
        self._workspace.setToolTip(f"<p>{escape(name)}<br>{secured}</p>")
        self._show_pages(True)

    def show_no_workspace(self) -> None:
        """Show what can be opened, in place of the pages: what they hold belongs to a workspace that is closed."""
        self.setWindowTitle("Vademecum")
        self._workspace.setText(self.tr("no workspace open"))
        self._workspace.setToolTip("")
        self._show_pages(False)

    def _show_pages(self, shown: bool) -> None:
        self._places.setCurrentIndex(0 if shown else 1)
        self._navigation.setEnabled(shown)
        self._view_menu.setEnabled(shown)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Say so the first time."""
        super().showEvent(event)
        if not self._was_shown:
            self._was_shown = True
            self.shown.emit()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """Ask while work is running; then let everything be ended."""
        if self._has_running_work() and not self._may_close():
            event.ignore()
            return
        self._preferences.keep_geometry(self.saveGeometry())
        self.hide()
        self.closing.emit()
        event.accept()

    def _sign(self) -> QWidget:
        sign = QWidget()
        picture = QLabel()
        picture.setPixmap(pixmap("vademecum", 28))
        name = QLabel("Vademecum")
        name.setObjectName("section")
        self._workspace = QLabel(self.tr("opening…"))
        self._workspace.setObjectName("faint")
        self._workspace.setTextFormat(Qt.TextFormat.PlainText)
        self._workspace.setAccessibleName(self.tr("Open workspace"))
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addWidget(name)
        texts.addWidget(self._workspace)
        row = QHBoxLayout(sign)
        row.setContentsMargins(16, 16, 8, 8)
        row.setSpacing(10)
        row.addWidget(picture)
        row.addLayout(texts, 1)
        return sign

    def _nothing(self) -> QWidget:
        buttons = []
        for text, signal in (
            (self.tr("New workspace…"), self.new_asked),
            (self.tr("Open workspace…"), self.open_asked),
            (self.tr("Sample workspace"), self.sample_asked),
        ):
            button = QPushButton(text)
            button.clicked.connect(lambda _=False, signal=signal: signal.emit())
            buttons.append(button)
        nothing = EmptyState(
            "folder",
            self.tr("No workspace is open"),
            self.tr("Open one or make a new one: documents, questions and models tuned on them live in a workspace."),
            *buttons,
        )
        nothing.setObjectName("no_workspace")
        return nothing

    def _make_menus(self) -> None:
        bar = self.menuBar()
        file_menu = bar.addMenu(self.tr("&File"))
        self._add(file_menu, self.tr("&New workspace…"), self.new_asked, QKeySequence.StandardKey.New)
        self._add(file_menu, self.tr("&Open workspace…"), self.open_asked, QKeySequence.StandardKey.Open)
        self._recent_menu = file_menu.addMenu(self.tr("Open &recent"))
        self._recent_menu.aboutToShow.connect(self._fill_recent)
        self._add(file_menu, self.tr("&Sample workspace"), self.sample_asked)
        file_menu.addSeparator()
        self._add(file_menu, self.tr("&Verify the workspace"), self.verify_asked)
        file_menu.addSeparator()
        leave = QAction(self.tr("&Quit"), self)
        leave.setShortcut(QKeySequence("Ctrl+Q"))
        leave.triggered.connect(self.close)
        file_menu.addAction(leave)
        self._view_menu = bar.addMenu(self.tr("&View"))
        help_menu = bar.addMenu(self.tr("&Help"))
        self._add(help_menu, self.tr("&Prove no network…"), self.network_proof_asked)
        self._add(help_menu, self.tr("&About Vademecum"), self.about_asked)

    def _add(self, menu: QMenu, text: str, signal: object, keys: QKeySequence.StandardKey | None = None) -> None:
        action = QAction(text, self)
        if keys is not None:
            action.setShortcut(keys)
        action.triggered.connect(lambda: signal.emit())  # type: ignore[attr-defined]  # a bound signal
        menu.addAction(action)

    def _fill_recent(self) -> None:
        self._recent_menu.clear()
        for path in self._preferences.recent:
            action = self._recent_menu.addAction(str(path))
            action.triggered.connect(lambda _=False, path=path: self.recent_chosen.emit(str(path)))

    def _show_row(self, row: int) -> None:
        self._pages.setCurrentIndex(row)

    def _may_close(self) -> bool:
        answer = QMessageBox.question(
            self,
            self.tr("Work is running"),
            self.tr("Close and cancel the work that runs now? What is done is kept and can be resumed."),
        )
        return answer == QMessageBox.StandardButton.Yes
