"""The models page: what the library holds, models brought in, and a self-test before one is used."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QMessageBox,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.models.record_table import Column, RecordTable
from desktop.theme import icon
from desktop.widgets.drop_area import DropArea
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from desktop.widgets.table import make_table, selected_records
from desktop.widgets.wrapping_row import WrappingRow
from desktop.wording import plainly_joined
from engine.models.memory import answering_bytes, training_bytes
from engine.records import ModelInfo
from engine.serving.trial import ImportModel, Trial, TryModel

_GIB = 2**30


class ModelsPage(QWidget):
    """Lists the models of the library and tries them."""

    models_changed = Signal()

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._notice = Notice()
        self.drop_area = DropArea(
            self.tr("Drop a model here"),
            self.tr(
                "Llama, Qwen, Gemma, Mistral, Phi, SmolLM, T5, BART or an encoder: a folder with config.json, "
                "tokenizer.json and model.safetensors, or a GGUF file. It is checked, copied and tried before it can "
                "be used."
            ),
        )
        self.drop_area.paths_dropped.connect(self._import)
        kinds = {
            "encoder": self.tr("encoder, searches"),
            "reranker": self.tr("reranker, orders what is found"),
            "seq2seq": self.tr("generator, reads and answers"),
            "causal": self.tr("generator, writes on"),
            "rag": self.tr("RAG checkpoint, both"),
        }
        self.table_model = RecordTable(
            [
                Column(self.tr("Model"), lambda row: row.name, tip=lambda row: row.origin),
                Column(self.tr("Kind"), lambda row: kinds.get(row.kind, row.kind), width=220),
                Column(
                    self.tr("Size"),
                    lambda row: self.tr("{0} M").format(f"{row.parameters / 1e6:,.0f}"),
                    key=lambda row: row.parameters,
                    number=True,
                    width=90,
                ),
                Column(
                    self.tr("To answer"),
                    lambda row: _gib(answering_bytes(row.parameters)),
                    key=lambda row: row.parameters,
                    number=True,
                    width=110,
                ),
                Column(
                    self.tr("To train"),
                    lambda row: _gib(training_bytes(row.kind, row.parameters)),
                    key=lambda row: training_bytes(row.kind, row.parameters),
                    number=True,
                    width=110,
                ),
                Column(self.tr("Licence"), lambda row: row.licence, width=150),
                Column(
                    self.tr("State"),
                    lambda row: self.tr("unchanged") if row.trusted else self.tr("changed: not used"),
                    width=130,
                ),
            ]
        )
        self.table = make_table(self.table_model, name=self.tr("Models"))
        self.table.selectionModel().selectionChanged.connect(self._show_buttons)
        self._try = self._button("play", self.tr("Tr&y it"), self.tr("Try the selected model"), self._try_selected)
        self._licence = self._button(
            "book", self.tr("&Licence"), self.tr("Show the licence of the selected model"), self._read_licence
        )
        self._verify = self._button("info", self.tr("&Verify all"), self.tr("Verify all models"), self._verify_all)
        self._remove = self._button(
            "remove", self.tr("Remove"), self.tr("Remove the selected model"), self._ask_to_remove
        )
        tools = WrappingRow(self._try, self._licence, self._verify, trailing=(self._remove,))
        self.detail = QPlainTextEdit()
        self.detail.setReadOnly(True)
        self.detail.setAccessibleName(self.tr("What was found out about a model"))
        self.detail.setPlaceholderText(self.tr("Choose a model to try it or to read its licence."))
        upper = QWidget()
        upper_column = QVBoxLayout(upper)
        upper_column.setContentsMargins(0, 0, 0, 0)
        upper_column.addLayout(tools)
        upper_column.addWidget(self.table, 1)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(upper)
        halves.addWidget(self.detail)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 2)
        halves.setChildrenCollapsible(False)
        column = page_layout(self)
        column.addWidget(
            Heading(
                self.tr("Models"),
                self.tr(
                    "What can be trained and can answer on this machine. Some come with the program, any other is a "
                    "folder or a GGUF file of yours."
                ),
            )
        )
        column.addWidget(self._notice)
        column.addWidget(self.drop_area)
        column.addWidget(halves, 1)
        self._show_buttons()

    def reload(self) -> None:
        """Read the library again."""
        from engine.models.job import ListModels

        thread = self._jobs.run(ListModels())
        thread.finished_with.connect(self.show_models)
        thread.failed.connect(self._notice.warn)

    def start_over(self) -> None:
        """The library is the same in every workspace; what was said about it may be old."""
        self._notice.hide()
        self.detail.clear()
        self.reload()

    def show_models(self, models: tuple[ModelInfo, ...]) -> None:
        """Show the library's models."""
        self.table_model.show(models)
        self._show_buttons()

    def show_trial(self, trial: Trial) -> None:
        """Say what the self-test saw."""
        seen = (
            self.tr("{0} works: it took {1} s to load and to answer a question.").format(
                trial.name, f"{trial.seconds:.1f}"
            )
            if trial.works
            else trial.problem
        )
        needs = self.tr("It needs {0} of memory to answer and {1} to be trained; {2} are free on this machine.").format(
            _gib(trial.answering_bytes), _gib(trial.training_bytes), _gib(trial.free_bytes)
        )
        said = self.tr("It said: {0}").format(trial.said) if trial.said else ""
        self.detail.setPlainText("\n".join(part for part in (seen, said, needs) if part))

    def _button(self, drawing: str, text: str, name: str, act: object) -> QPushButton:
        button = QPushButton(icon(drawing), text)
        button.setAccessibleName(name)
        button.clicked.connect(act)
        return button

    def _selected(self) -> ModelInfo | None:
        records = selected_records(self.table)
        return records[0] if records else None

    def _show_buttons(self) -> None:
        chosen = self._selected()
        for button in (self._try, self._licence):
            button.setEnabled(chosen is not None)
        self._remove.setEnabled(chosen is not None and chosen.origin.startswith("imported"))

    def _import(self, paths: tuple[str, ...]) -> None:
        self._notice.hide()
        for path in paths:
            thread = self._jobs.run(ImportModel(path))
            thread.finished_with.connect(self._show_imported)
            thread.failed.connect(self._notice.warn)

    def _show_imported(self, trial: Trial) -> None:
        self.reload()
        self.models_changed.emit()
        self.show_trial(trial)

    def _try_selected(self) -> None:
        chosen = self._selected()
        if chosen is None:
            return
        trying = self.tr("Trying {0}…").format(chosen.name)
        self.detail.setPlainText(trying)
        thread = self._jobs.run(TryModel(chosen.name))
        thread.finished_with.connect(self.show_trial)
        thread.failed.connect(self._notice.warn)
        thread.ended.connect(lambda: self._say_no_longer(trying))

    def _say_no_longer(self, told: str) -> None:
        if self.detail.toPlainText() == told:
            self.detail.clear()

    def _read_licence(self) -> None:
        from engine.models.job import ReadLicence

        chosen = self._selected()
        if chosen is None:
            return
        thread = self._jobs.run(ReadLicence(chosen.name))
        thread.finished_with.connect(self.detail.setPlainText)
        thread.failed.connect(self._notice.warn)

    def _verify_all(self) -> None:
        from engine.models.job import VerifyModels

        thread = self._jobs.run(VerifyModels())
        thread.finished_with.connect(self._show_verified)
        thread.failed.connect(self._notice.warn)

    def _show_verified(self, problems: tuple[str, ...]) -> None:
        well = self.tr("Every file of every model is what it was when it was set up or imported.")
        self.detail.setPlainText("\n".join(problems) or well)
        self.reload()

    def _ask_to_remove(self) -> None:
        chosen = self._selected()
        if chosen is None:
            return
        box = QMessageBox(self)
        box.setWindowTitle(self.tr("Remove a model"))
        box.setText(self.tr("Remove {0} from the library?").format(chosen.name))
        box.setInformativeText(
            plainly_joined(
                [self.tr("The folder it came from stays."), self.tr("Runs that use it have a copy of their own.")]
            )
        )
        box.setStandardButtons(QMessageBox.StandardButton.Ok | QMessageBox.StandardButton.Cancel)
        box.accepted.connect(lambda: self.remove(chosen.name))
        box.open()

    def remove(self, name: str) -> None:
        """Remove an imported model."""
        from engine.models.job import RemoveModel

        thread = self._jobs.run(RemoveModel(name))
        thread.finished_with.connect(self._show_removed)
        thread.failed.connect(self._notice.warn)

    def _show_removed(self, models: tuple[ModelInfo, ...]) -> None:
        self.show_models(models)
        self.models_changed.emit()


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / _GIB:.1f} GiB"
