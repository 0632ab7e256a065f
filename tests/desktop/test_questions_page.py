"""The questions page: columns are asked for, doubtful evidence is judged, questions are changed and divided."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QDialogButtonBox, QWidget
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from desktop.pages.questions import QuestionsPage
from desktop.widgets.question_dialogs import QuestionDialog, SplitDialog
from desktop.widgets.table import selected_records
from engine.importing import ImportReport
from engine.jobs import Skipped
from engine.questions.columns import ColumnMap, Preview
from engine.questions.job import AddQuestion, EditQuestion, JudgeQuestions, PreviewQuestions, SplitQuestions
from engine.questions.problems import QuestionProblem
from engine.questions.shares import Shares
from engine.records import Question
from tests.desktop.conftest import FakeClient

SURE = Question("1", "How much?", ("5 mg",), ("d:0",), link="exact")
DOUBTFUL = Question("2", "How long?", ("3 days",), ("d:9",), split="test", link="fuzzy", score=0.91, state="check")
LOST = Question("3", "Why?", ("because",))
REPORT = ImportReport(0, 0, 0, 4, 3, 0, 2, (), 1.0)


@pytest.fixture
def page(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> QuestionsPage:
    client.ends["ListQuestions"] = (SURE, DOUBTFUL, LOST)
    page = QuestionsPage(jobs)
    qtbot.addWidget(page)
    page.show_list((SURE, DOUBTFUL, LOST))
    return page


def _questions(page: QuestionsPage) -> list[str]:
    return [page.table_model.record(row).id for row in range(page.table_model.rowCount())]


def _press(page: QWidget, name: str) -> None:
    next(one for one in page.findChildren(QAbstractButton) if one.accessibleName() == name).click()


def _choose(page: QWidget, name: str, value: str) -> None:
    choice = next(one for one in page.findChildren(QComboBox) if one.accessibleName() == name)
    choice.setCurrentIndex(choice.findData(value))


def test_the_list_is_narrowed_to_a_split_and_a_state(page: QuestionsPage) -> None:
    _choose(page, "Show one split", "test")
    assert _questions(page) == ["2"]
    _choose(page, "Show one split", "")
    _choose(page, "Show one state", "check")
    assert _questions(page) == ["2"]
    assert page.table_model.index(0, 3).data() == "1 passage · 0.91"
    assert page.table_model.index(0, 4).data() == "check me"
    _choose(page, "Show one state", "unlinked")
    assert _questions(page) == ["3"]


def test_doubtful_evidence_is_confirmed_or_dropped(page: QuestionsPage, client: FakeClient) -> None:
    page.table.selectRow(1)
    _press(page, "Confirm the evidence of the selected questions")
    _press(page, "Drop the evidence of the selected questions")
    _press(page, "Exclude the selected questions")
    assert client.handed_of(JudgeQuestions) == [
        JudgeQuestions(("2",), "confirm"),
        JudgeQuestions(("2",), "drop"),
        JudgeQuestions(("2",), "exclude"),
    ]


def test_what_was_selected_is_selected_after_a_change(qtbot: QtBot, page: QuestionsPage, client: FakeClient) -> None:
    client.ends["JudgeQuestions"] = 1
    client.ends["ListQuestions"] = (SURE, replace(DOUBTFUL, excluded=True), LOST)
    page.table.selectRow(1)
    _press(page, "Exclude the selected questions")
    qtbot.waitUntil(lambda: page.table_model.record(1).excluded)
    assert [question.id for question in selected_records(page.table)] == ["2"]
    page.table.selectAll()
    page.show_list((SURE, LOST))
    assert [question.id for question in selected_records(page.table)] == ["1", "3"]
    assert page.table.currentIndex().row() == 0


def test_return_opens_the_selected_question(qtbot: QtBot, page: QuestionsPage) -> None:
    page.show()
    page.activateWindow()
    page.table.selectRow(2)
    page.table.setFocus()
    qtbot.waitUntil(page.table.hasFocus)
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    assert page.findChild(QuestionDialog).question.toPlainText() == "Why?"


def test_a_question_is_edited_and_another_added(qtbot: QtBot, page: QuestionsPage, client: FakeClient) -> None:
    page.table.selectRow(0)
    _press(page, "Edit the selected question")
    dialog = page.findChild(QuestionDialog)
    _press(dialog, "Another accepted answer")
    dialog.answers.fields[1].setPlainText("five milligrams ")
    _press(dialog, "Another accepted answer")  # left empty
    dialog.accept()
    assert client.handed_of(EditQuestion) == [EditQuestion("1", None, ("5 mg", "five milligrams"), None)]
    qtbot.waitUntil(lambda: page.findChild(QuestionDialog) is None)
    _press(page, "Add a question")
    dialog = page.findChild(QuestionDialog)
    dialog.question.setPlainText("Who?")
    dialog.answers.fields[0].setPlainText("she")
    dialog.document.setText("a.pdf")
    dialog.accept()
    assert client.handed_of(AddQuestion) == [AddQuestion("Who?", ("she",), "", "a.pdf", None)]


def test_what_nobody_touched_is_saved_as_it_is(qtbot: QtBot, page: QuestionsPage, client: FakeClient) -> None:
    steps = "1. Wet hands.\n2. Apply soap.\r\n3. Rinse."
    page.show_list((Question("1", " How\u00a0much? ", (steps, "5\u00a0mg a\u00a0day")),))
    page.table.selectRow(0)
    _press(page, "Edit the selected question")
    page.findChild(QuestionDialog).accept()
    assert client.handed_of(EditQuestion) == []
    qtbot.waitUntil(lambda: page.findChild(QuestionDialog) is None)
    _press(page, "Edit the selected question")
    dialog = page.findChild(QuestionDialog)
    dialog.answers.fields[1].insertPlainText("Give ")
    dialog.accept()
    assert client.handed_of(EditQuestion) == [EditQuestion("1", None, (steps, "Give 5\u00a0mg a\u00a0day"))]


def test_an_answer_may_be_written_in_several_lines(qtbot: QtBot, page: QuestionsPage, client: FakeClient) -> None:
    page.table.selectRow(0)
    _press(page, "Edit the selected question")
    field = page.findChild(QuestionDialog).answers.fields[0]
    field.clear()
    for text, modifier in (("Wet", Qt.KeyboardModifier.NoModifier), ("Rinse", Qt.KeyboardModifier.ShiftModifier)):
        qtbot.keyClicks(field, text)
        qtbot.keyClick(field, Qt.Key.Key_Return, modifier)
    qtbot.keyClicks(field, "Dry")
    page.findChild(QuestionDialog).accept()
    assert client.handed_of(EditQuestion) == [EditQuestion("1", None, ("Wet\nRinse\nDry",))]


def test_another_answer_is_typed_where_it_is_seen(qtbot: QtBot, page: QuestionsPage) -> None:
    page.show_list((Question("1", "Where?", ("here", "there", "elsewhere")),))
    page.table.selectRow(0)
    _press(page, "Edit the selected question")
    dialog = page.findChild(QuestionDialog)
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    _press(dialog, "Another accepted answer")
    qtbot.waitUntil(lambda: dialog.answers.fields[3].visibleRegion().boundingRect().height() > 40)
    assert dialog.answers.fields[3].hasFocus()


def test_a_question_is_saved_with_an_answer_or_with_the_word_that_there_is_none(
    qtbot: QtBot, page: QuestionsPage, client: FakeClient
) -> None:
    page.table.selectRow(0)
    _press(page, "Edit the selected question")
    dialog = page.findChild(QuestionDialog)
    save = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save)
    assert save.isEnabled()
    dialog.answers.fields[0].clear()
    assert not save.isEnabled()
    _press(dialog, "The documents do not answer this")
    assert save.isEnabled()
    dialog.accept()
    assert client.handed_of(EditQuestion) == [EditQuestion("1", None, (), None, True)]
    qtbot.waitUntil(lambda: page.findChild(QuestionDialog) is None)
    _press(page, "Add a question")
    dialog = page.findChild(QuestionDialog)
    dialog.question.setPlainText("Who?")
    assert not dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save).isEnabled()
    _press(dialog, "The documents do not answer this")
    dialog.accept()
    assert client.handed_of(AddQuestion) == [AddQuestion("Who?", unanswerable=True)]


def test_another_workspace_shows_no_question_of_the_last_one(page: QuestionsPage) -> None:
    page.start_over()
    assert _questions(page) == []


def test_questions_are_divided_as_asked(page: QuestionsPage, client: FakeClient) -> None:
    _press(page, "Divide the questions anew")
    dialog = page.findChild(SplitDialog)
    for part, value in zip(dialog.parts, (80, 10, 10), strict=True):
        part.setValue(value)
    dialog.accept()
    assert client.handed_of(SplitQuestions) == [SplitQuestions(Shares(80, 10, 10))]


def test_unknown_columns_are_asked_for_once_for_files_alike(
    qtbot: QtBot, page: QuestionsPage, client: FakeClient
) -> None:
    preview = Preview("/a.csv", ("Frage", "Antwort"), (("Wie?", "So"),), ColumnMap({"question": "Frage"}))
    page.show_import(replace(REPORT, unmapped=(preview, replace(preview, path="/b.csv"))))
    dialog = page.column_dialog
    assert dialog is not None
    ok = next(one for one in dialog.findChildren(QAbstractButton) if one.text() == "Import")
    assert not ok.isEnabled()  # no answer yet
    dialog.choices["answer"].setCurrentIndex(dialog.choices["answer"].findData("Antwort"))
    assert ok.isEnabled()
    dialog.header.setChecked(False)
    assert client.handed_of(PreviewQuestions) == [PreviewQuestions("/a.csv", "no")]
    with qtbot.waitSignal(page.columns_chosen) as chosen:
        dialog.accept()
    assert chosen.args == [("/a.csv", "/b.csv"), ColumnMap({"question": "Frage", "answer": "Antwort"})]
    assert page.column_dialog is None


def test_problems_have_their_lines_and_a_left_out_record_is_said_once(page: QuestionsPage) -> None:
    lost = QuestionProblem("/q.csv", 2, "line 2", "empty", "It has no question.", left_out=True)
    twice = QuestionProblem("/q.csv", 9, "line 9", "duplicate", "It is the same as line 3.", left_out=True)
    page.show_import(
        replace(
            REPORT,
            skipped=(Skipped("/q.csv", "Line 2: It has no question."), Skipped("/x.csv", "It is empty.")),
            problems=(lost, twice),
            problem_counts={"empty": 1, "duplicate": 1},
        )
    )
    assert page.problems == (
        "/q.csv, line 2: It has no question.\n/q.csv, line 9: It is the same as line 3.\n/x.csv: It is empty."
    )
