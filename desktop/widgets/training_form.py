"""What to train and how thoroughly, with the buttons that start, hold and end it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop.theme import SPACING, icon
from desktop.widgets.training_numbers import TrainingNumbers
from engine.records import ModelInfo
from engine.training.job import Train

_WIDTH = 300
_MOST_MINUTES = 24 * 60


class _Scroll(QScrollArea):
    """Scrolls only where the window has no room: Qt's own asks for 24 lines at the most."""

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return self.widget().sizeHint()


class TrainingForm(QFrame):
    """Describes a training. Knows whether one runs only by being told."""

    start_asked = Signal(object)  # Train
    pause_asked = Signal()  # to hold, or to go on where it is held
    cancel_asked = Signal()
    import_asked = Signal()  # a model folder
    changed = Signal(object)  # Train: what would be started now

    def __init__(self, estimate: QWidget) -> None:
        """`estimate` is shown above the button that starts."""
        super().__init__()
        self.setObjectName("card")
        self.setFixedWidth(_WIDTH)
        self._what = QComboBox()
        for name, value in (
            (self.tr("Search and answers"), "all"),
            (self.tr("Search"), "retriever"),
            (self.tr("Answers"), "generator"),
            (self.tr("Joint (advanced)"), "joint"),
        ):
            self._what.addItem(name, value)
        self._what.currentIndexChanged.connect(self._offer_models)
        self._model = QComboBox()
        self._model.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._encoder = QComboBox()
        self._encoder.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._models: tuple[ModelInfo, ...] = ()
        self._import = QPushButton(icon("add"), self.tr("Import a model…"))
        self._import.setAccessibleName(self.tr("Import a model folder"))
        self._import.setToolTip(self.tr("A folder of an encoder, of an answering model, or of a RAG checkpoint"))
        self._import.clicked.connect(self.import_asked)
        self._objective = QComboBox()
        for name, value in (
            (self.tr("one passage behind an answer"), "sequence"),
            (self.tr("one passage behind a word"), "token"),
            (self.tr("search only, answers fixed"), "lsr"),
        ):
            self._objective.addItem(name, value)
        self._objective.setEnabled(False)
        self._preset = QComboBox()
        for name, value in (
            (self.tr("Quick"), "quick"),
            (self.tr("Balanced"), "balanced"),
            (self.tr("Thorough"), "thorough"),
        ):
            self._preset.addItem(name, value)
        self._preset.setCurrentIndex(1)
        self._preset.setToolTip(
            self.tr(
                "Thorough takes longest: more passes, and both search models are tried on your questions first. "
                "The time told is the slower one's."
            )
        )
        self._minutes = QSpinBox()
        self._minutes.setRange(0, _MOST_MINUTES)
        self._minutes.setSpecialValueText(self.tr("no limit"))
        self._minutes.setSuffix(self.tr(" min"))
        self._minutes.setToolTip(
            self.tr("Of training steps. Reading the documents before, and measuring the models after, takes longer.")
        )
        self._numbers = TrainingNumbers()
        form = QFormLayout()
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        form.setVerticalSpacing(SPACING)
        for label, control in (
            (self.tr("&Train"), self._what),
            (self.tr("Answering &model to start from"), self._model),
            (self.tr("Search mo&del to start from"), self._encoder),
            (self.tr("&Joint training assumes"), self._objective),
            (self.tr("&How thoroughly"), self._preset),
            (self.tr("At m&ost"), self._minutes),
        ):
            form.addRow(label, control)
            control.setAccessibleName(label.replace("&", ""))
        self.start = QPushButton(icon("play", highlighted=True), self.tr("&Start training"))
        self.start.setObjectName("primary")
        self.start.setAccessibleName(self.tr("Start training"))
        self.start.clicked.connect(self._ask_to_start)
        self._pause = QPushButton(icon("pause"), self.tr("Pause"))
        self._pause.setAccessibleName(self.tr("Pause the training"))
        self._pause.clicked.connect(self.pause_asked)
        self._cancel = QPushButton(icon("stop"), self.tr("Cancel"))
        self._cancel.setAccessibleName(self.tr("Cancel the training"))
        self._cancel.clicked.connect(self._ask_to_cancel)
        running = QHBoxLayout()
        running.addWidget(self._pause)
        running.addWidget(self._cancel)
        note = QLabel(
            self.tr(
                "It may be paused and cancelled at any time: "
                "what is learnt up to the last checkpoint is kept and can be resumed."
            )
        )
        note.setWordWrap(True)
        note.setObjectName("faint")
        choices = QWidget()
        fields = QVBoxLayout(choices)
        fields.setContentsMargins(0, 0, SPACING, 0)
        fields.setSpacing(SPACING)
        fields.addLayout(form)
        fields.addWidget(self._numbers)
        fields.addWidget(self._import)
        fields.addStretch(1)
        scroll = _Scroll()
        scroll.setWidget(choices)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setSizeAdjustPolicy(QScrollArea.SizeAdjustPolicy.AdjustToContents)
        for behind in (scroll.viewport(), choices):
            behind.setAutoFillBackground(False)  # the card's own colour
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 16)
        column.setSpacing(SPACING)
        column.addWidget(scroll, 1)
        column.addWidget(estimate)
        column.addWidget(self.start)
        column.addLayout(running)
        column.addWidget(note)
        self.show_models(())
        self.show_running(False)
        for choice in (self._what, self._model, self._encoder, self._objective, self._preset):
            choice.currentIndexChanged.connect(self._tell_change)
        self._minutes.valueChanged.connect(self._tell_change)
        self._numbers.changed.connect(self._tell_change)

    @property
    def job(self) -> Train:
        """What is described."""
        what = self._what.currentData()
        return Train(
            what,
            "" if what == "retriever" else self._model.currentData() or "",
            self._preset.currentData(),
            epochs=self._numbers.epochs,
            batch_size=self._numbers.batch_size,
            learning_rate=self._numbers.learning_rate,
            minutes=self._minutes.value() or None,
            encoder="" if what == "generator" else self._encoder.currentData() or "",
            objective=self._objective.currentData() if what == "joint" else "sequence",
        )

    def show_models(self, models: tuple[ModelInfo, ...]) -> None:
        """Offer the library's models to start from, but for those that have changed since they were taken in."""
        self._models = tuple(model for model in models if model.trusted)
        self._offer_models()

    def choose_model(self, name: str) -> None:
        """Choose a model to start from; a RAG checkpoint is trained jointly."""
        if any(model.name == name and model.kind == "rag" for model in self._models):
            self._what.setCurrentIndex(self._what.findData("joint"))
        self._model.setCurrentIndex(max(0, self._model.findData(name)))

    def show_running(self, runs: bool) -> None:
        """Offer what can be done while a training runs, or while none does."""
        self.start.setEnabled(not runs)
        for button in (self._pause, self._cancel):
            button.setVisible(runs)
            button.setEnabled(runs)
        self.show_paused(False)

    def show_paused(self, paused: bool) -> None:
        """Offer to hold the training, or to go on where it is held."""
        self._pause.setText(self.tr("Resume") if paused else self.tr("Pause"))
        self._pause.setIcon(icon("play" if paused else "pause"))

    def _offer_models(self) -> None:
        what = self._what.currentData()
        answering = {"seq2seq", "causal", "rag"} if what == "joint" else {"seq2seq", "causal"}
        for box, kinds in ((self._model, answering), (self._encoder, {"encoder"})):
            chosen = box.currentData()
            box.clear()
            box.addItem(self.tr("The active run's"), "")
            for model in self._models:
                if model.kind in kinds:
                    size = round(model.parameters / 1e6)
                    box.addItem(self.tr("{0} ({1} M)").format(model.name, size), model.name)
            box.setCurrentIndex(max(0, box.findData(chosen)))
        self._model.setEnabled(what != "retriever")
        self._encoder.setEnabled(what != "generator")
        self._objective.setEnabled(what == "joint")

    def _ask_to_start(self) -> None:
        self.start_asked.emit(self.job)

    def _tell_change(self) -> None:
        self.changed.emit(self.job)

    def _ask_to_cancel(self) -> None:
        self._pause.setEnabled(False)
        self._cancel.setEnabled(False)
        self.cancel_asked.emit()
