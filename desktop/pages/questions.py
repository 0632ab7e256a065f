"""The questions page: known answers, their split and evidence, what is wrong with them, and what a person decides."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop.job_queue import JobQueue
from desktop.models.question_columns import is_in_state, question_columns
from desktop.models.record_table import RecordTable
from desktop.theme import icon
from desktop.widgets.column_dialog import ColumnDialog
from desktop.widgets.drop_area import DropArea
from desktop.widgets.empty_state import EmptyState
from desktop.widgets.heading import Heading, page_layout
from desktop.widgets.notice import Notice
from desktop.widgets.page_stack import PageStack
from desktop.widgets.problem_list import ProblemList
from desktop.widgets.question_dialogs import QuestionDialog, SplitDialog
from desktop.widgets.table import make_table, select_ids, selected_records
from desktop.widgets.wrapping_row import WrappingRow
from desktop.wording import counted, plainly_joined
from engine.questions.columns import Preview
from engine.questions.job import (
    AddQuestion,
    EditQuestion,
    Judgement,
    JudgeQuestions,
    PreviewQuestions,
    SplitQuestions,
    SplitReport,
)
from engine.questions.shares import DEFAULT_SHARES
from engine.records import SPLITS, Question

if TYPE_CHECKING:
    from engine.importing import ImportReport
    from engine.jobs import Job


class QuestionsPage(QWidget):
    """Shows the questions, lets a person change and judge them, and shows the problems of the last import."""

    paths_dropped = Signal(tuple)  # of str
    columns_chosen = Signal(tuple, object)  # paths, ColumnMap

    def __init__(self, jobs: JobQueue) -> None:
        super().__init__()
        self._jobs = jobs
        self._questions: tuple[Question, ...] = ()
        self._shares = DEFAULT_SHARES
        self._unmapped: deque[Preview] = deque()
        self.column_dialog: ColumnDialog | None = None
        self.notice = Notice()
        self.drop_area = DropArea(
            self.tr("Drop question files here"),
            self.tr(
                "JSON, JSONL, CSV, TSV, XLSX, Parquet or SQuAD, one record a question: question, answer, context or "
                "document; optional: split, group, id. Columns of other names are asked for."
            ),
            folders=False,
        )
        self.drop_area.paths_dropped.connect(self.paths_dropped)
        self._split_names = {
            "train": self.tr("training"), "validation": self.tr("validation"), "test": self.tr("test")
        }  # fmt: skip
        self.table_model = RecordTable(question_columns(self._split_names))
        self.table = make_table(self.table_model, name=self.tr("Questions"))
        self.table.selectionModel().selectionChanged.connect(self._show_buttons)
        self.table.doubleClicked.connect(self._edit_selected)
        QShortcut(
            QKeySequence(Qt.Key.Key_Return), self.table, self._edit_selected, context=Qt.ShortcutContext.WidgetShortcut
        )
        self.problem_list = ProblemList()
        self._stack = PageStack()
        self._stack.addWidget(self._empty())
        self._stack.addWidget(self._filled())
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self._stack)
        halves.addWidget(self.problem_list)
        halves.setStretchFactor(0, 3)
        halves.setStretchFactor(1, 1)
        halves.setChildrenCollapsible(False)
        column = page_layout(self)
        column.addWidget(
            Heading(
                self.tr("Questions"),
                self.tr(
                    "Known answers to learn from, and others kept back to test with. A document's questions are "
                    "never in two splits."
                ),
            )
        )
        column.addWidget(self.notice)
        column.addWidget(self.drop_area)
        column.addWidget(halves, 1)
        self._show_buttons()

    @property
    def problems(self) -> str:
        """The problems shown, one a line."""
        return self.problem_list.text

    def reload(self) -> None:
        """Read the list again."""
        from engine.workspace.job import ListQuestions  # late: it brings the database with it

        thread = self._jobs.run(ListQuestions())
        thread.finished_with.connect(self.show_list)
        thread.failed.connect(self.notice.warn)

    def start_over(self) -> None:
        """Forget what belongs to another workspace."""
        self.notice.hide()
        self.problem_list.hide()
        self._unmapped.clear()
        self._filter.clear()
        self.show_list(())
        self.reload()

    def show_list(self, questions: tuple[Question, ...]) -> None:
        """Show the questions and how they are split."""
        self._questions = questions
        self._stack.setCurrentIndex(1 if questions else 0)
        self._show_filtered()
        used = [question for question in questions if not question.excluded]
        split = [f"{sum(question.split == name for question in used):,} {self._split_names[name]}" for name in SPLITS]
        evidence = sum(bool(question.evidence) for question in used)
        doubtful = sum(question.state == "check" for question in used)
        excluded = len(questions) - len(used)
        self._count.setText(
            plainly_joined(
                [
                    counted(len(used), self.tr("question"), self.tr("questions")),
                    *split,
                    self.tr("{0} with evidence").format(f"{evidence:,}"),
                    self.tr("{0} to check").format(f"{doubtful:,}") if doubtful else "",
                    self.tr("{0} excluded").format(f"{excluded:,}") if excluded else "",
                ]
            )
        )

    def show_import(self, report: ImportReport) -> None:
        """Show what the last import left out and what is wrong; ask for columns nobody has named."""
        self.problem_list.show_problems(report.skipped, report.problems, report.problem_counts)
        self._unmapped.extend(report.unmapped)
        self._ask_for_columns()
        self.reload()

    def show_error(self, error: object) -> None:
        """Say why an import failed."""
        self.notice.warn(error)  # type: ignore[arg-type]  # a signal's object: EngineError

    def add_question(self) -> None:
        """Ask for a new question."""
        dialog = QuestionDialog(self)
        dialog.accepted.connect(
            lambda: self._change(
                AddQuestion(
                    dialog.question.text,
                    dialog.chosen_answers,
                    dialog.context.text,
                    dialog.document.text().strip(),
                    dialog.chosen_split,
                    dialog.unanswerable.isChecked(),
                )
            )
        )
        self._open(dialog)

    def judge_selected(self, judgement: Judgement) -> None:
        """Exclude the selected questions, take them back in, confirm or drop their evidence."""
        chosen = tuple(question.id for question in selected_records(self.table))
        if chosen:
            self._change(JudgeQuestions(chosen, judgement))

    def ask_to_split(self) -> None:
        """Ask how the questions are to be divided."""
        dialog = SplitDialog(self, self._shares)

        def divide() -> None:
            self._shares = dialog.shares
            thread = self._jobs.run(SplitQuestions(dialog.shares, dialog.also_given.isChecked()))
            thread.finished_with.connect(self._show_split)
            thread.failed.connect(self.notice.warn)

        dialog.accepted.connect(divide)
        self._open(dialog)

    def _show_split(self, report: SplitReport) -> None:
        sizes = ", ".join(f"{report.sizes[name]:,} {self._split_names[name]}" for name in SPLITS)
        text = self.tr("Divided: {0}. {1} questions changed sides.").format(sizes, f"{report.moved:,}")
        if report.runs:
            text += " " + self.tr(
                "Runs trained before learned from the old division and may know test questions now: {0}."
            ).format(", ".join(report.runs))
        self.notice.tell(text)
        self.reload()

    def _change(self, job: Job[Any]) -> None:
        thread = self._jobs.run(job)
        thread.finished_with.connect(self.reload)
        thread.failed.connect(self.notice.warn)

    def _edit_selected(self) -> None:
        chosen = selected_records(self.table)
        if len(chosen) != 1:
            return
        question: Question = chosen[0]
        dialog = QuestionDialog(self, question)

        def save() -> None:
            text, answers = dialog.question.text, dialog.chosen_answers
            edit = EditQuestion(
                question.id,
                text if text != question.question else None,
                answers if answers != question.answers else None,
                dialog.chosen_split,
                True if dialog.unanswerable.isChecked() and not question.unanswerable else None,
            )
            if edit != EditQuestion(question.id):  # else it would count as edited
                self._change(edit)

        dialog.accepted.connect(save)
        self._open(dialog)

    def _ask_for_columns(self) -> None:
        if self.column_dialog is not None or not self._unmapped:
            return
        preview = self._unmapped.popleft()
        dialog = self.column_dialog = ColumnDialog(self, preview)
        dialog.header_changed.connect(lambda header: self._read_again(preview.path, header))
        dialog.accepted.connect(lambda: self._take_columns(preview))
        dialog.finished.connect(self._close_columns)
        self._open(dialog)

    def _read_again(self, path: str, header: Any) -> None:
        thread = self._jobs.run(PreviewQuestions(path, header))
        thread.finished_with.connect(self._show_preview)
        thread.failed.connect(self.notice.warn)

    def _show_preview(self, preview: Preview) -> None:
        if self.column_dialog is not None:
            self.column_dialog.show_preview(preview)

    def _take_columns(self, preview: Preview) -> None:
        """Import the file, and the others that wait with the same columns, as the person said."""
        assert self.column_dialog is not None  # it is what was accepted
        alike = [other for other in self._unmapped if other.columns == preview.columns]
        for other in alike:
            self._unmapped.remove(other)
        paths = tuple(one.path for one in (preview, *alike))
        self.columns_chosen.emit(paths, self.column_dialog.chosen)

    def _close_columns(self) -> None:
        self.column_dialog = None
        self._ask_for_columns()

    def _open(self, dialog: Any) -> None:
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _show_filtered(self) -> None:
        split, state = self._of_split.currentData(), self._of_state.currentData()
        chosen = {question.id for question in selected_records(self.table)}
        self.table_model.show(
            [
                question
                for question in self._questions
                if split in ("", question.split) and (not state or is_in_state(question, state))
            ]
        )
        select_ids(self.table, chosen)
        self._show_buttons()

    def _show_buttons(self) -> None:
        chosen: list[Question] = selected_records(self.table)
        self._edit.setEnabled(len(chosen) == 1)
        self._exclude.setEnabled(any(not question.excluded for question in chosen))
        self._include.setEnabled(any(question.excluded for question in chosen))
        self._confirm.setEnabled(any(question.evidence and question.state != "confirmed" for question in chosen))
        self._drop.setEnabled(any(question.evidence for question in chosen))

    def _filled(self) -> QWidget:
        self._filter = QLineEdit()
        self._filter.setPlaceholderText(self.tr("Filter the list"))
        self._filter.setAccessibleName(self.tr("Filter the questions"))
        self._filter.setClearButtonEnabled(True)
        self._filter.setFixedWidth(220)
        self._filter.textChanged.connect(self.table_model.filter)
        self._of_split = _choice(
            self.tr("Show one split"),
            [(self.tr("all splits"), ""), *((self._split_names[name], name) for name in SPLITS)],
        )
        self._of_state = _choice(
            self.tr("Show one state"),
            [
                (self.tr("any state"), ""),
                (self.tr("evidence to check"), "check"),
                (self.tr("evidence confirmed"), "confirmed"),
                (self.tr("without evidence"), "unlinked"),
                (self.tr("edited or added"), "edited"),
                (self.tr("excluded"), "excluded"),
            ],
        )
        for choice in (self._of_split, self._of_state):
            choice.currentIndexChanged.connect(self._show_filtered)
        self._count = QLabel()
        self._count.setObjectName("page_subtitle")
        self._count.setAccessibleName(self.tr("How many questions there are"))
        filters = WrappingRow(self._filter, self._of_split, self._of_state, self._count)
        self._add = _button(self.tr("&Add…"), self.tr("Add a question"), self.add_question)
        self._edit = _button(self.tr("&Edit…"), self.tr("Edit the selected question"), self._edit_selected)
        self._exclude = _button(
            self.tr("E&xclude"), self.tr("Exclude the selected questions"), lambda: self.judge_selected("exclude")
        )
        self._include = _button(
            self.tr("&Take back"),
            self.tr("Take the selected questions back in"),
            lambda: self.judge_selected("include"),
        )
        self._confirm = _button(
            self.tr("&Confirm evidence"),
            self.tr("Confirm the evidence of the selected questions"),
            lambda: self.judge_selected("confirm"),
        )
        self._drop = _button(
            self.tr("&Drop evidence"),
            self.tr("Drop the evidence of the selected questions"),
            lambda: self.judge_selected("drop"),
        )
        self._drop.setIcon(icon("remove"))
        self._divide = _button(self.tr("Di&vide…"), self.tr("Divide the questions anew"), self.ask_to_split)
        chosen = (self._edit, self._exclude, self._include, self._confirm, self._drop)
        actions = WrappingRow(self._add, *chosen, trailing=(self._divide,))
        filled = QWidget()
        column = QVBoxLayout(filled)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(filters)
        column.addWidget(self.table, 1)
        column.addLayout(actions)
        return filled

    def _empty(self) -> QWidget:
        return EmptyState(
            "questions",
            self.tr("No questions yet"),
            self.tr(
                "Questions with known answers teach the models and prove whether they got better. A table needs a "
                "column with the question and one with the answer; “context” (the passage that holds the answer) or "
                "“document” (its file name) shows where. "
                "A few hundred are good, 30 are a start; some are kept back for the test."
            ),
        )


def _choice(name: str, entries: list[tuple[str, str]]) -> QComboBox:
    choice = QComboBox()
    choice.setAccessibleName(name)
    for text, value in entries:
        choice.addItem(text, value)
    return choice


def _button(text: str, name: str, pressed: Any) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(name)
    button.clicked.connect(lambda: pressed())
    return button
