"""The evaluation page: drill-down, amendments, breakdowns, plots, the pinned questions and the report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QDialog, QDialogButtonBox, QPlainTextEdit
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from desktop.pages.evaluation import EvaluationPage
from desktop.widgets.amend_dialog import AmendDialog
from engine.errors import RunError
from engine.evaluation.abstention import Abstention, CurvePoint
from engine.evaluation.job import Amend, CheckPinned, QuestionDetail, ReadPerQuestion, ReadQuestion
from engine.evaluation.publication import PublishedReport, WriteReport
from engine.evaluation.report import (
    Breakdown,
    Comparison,
    Difference,
    Part,
    PinnedReport,
    PinnedResult,
    QuestionResult,
    Report,
)
from engine.records import Amendment, Passage, Question
from engine.workspace.job import RunList
from tests.desktop.conftest import FakeClient
from tests.desktop.test_pages import KEPT, RUNS

SCORES = {"hit@1": 0.6, "ndcg@10": 0.7}
ANSWERS = {"exact_match": 0.2, "f1": 0.4, "answered": 0.9}
UNSURE = Difference(0.02, (-0.06, 0.1), 0.4, "not enough questions to tell", 40, 140)
REPORT = Report(
    run="run-1",
    split="test",
    questions=40,
    retrieval=SCORES,
    answers=ANSWERS,
    oracle_answers={"f1": 0.6},
    intervals={"f1": (0.3, 0.5)},
    against=Comparison(
        "base", "f1", 0.02, (-0.06, 0.1), 0.4, UNSURE.verdict, 140, {"f1": UNSURE}, SCORES, {"f1": 0.38}, {"f1": 0.5}
    ),
    baselines={"lexical": {"hit@1": 0.5, "f1": 0.35}, "base_generator": {"f1": 0.1}},
    per_question="",
    groups=12,
    with_evidence=40,
    parts=(Part("documents never seen", 40, 12, SCORES, ANSWERS, "f1", UNSURE, 0.38),),
    breakdowns=(
        Breakdown("question type", (Part("what", 30, 10, SCORES, ANSWERS), Part("how", 10, 4, SCORES, ANSWERS))),
        Breakdown("document", (Part("Lease", 40, 1, SCORES, ANSWERS, "f1", None, 0.38),)),
    ),
    abstention=Abstention(0.7, 0.1, 0.05, 0.0, 40, 0, (CurvePoint(0.5, 0.1, 0.9), CurvePoint(1.0, 0.4, 0.1))),
)
FINE = QuestionResult(
    "q1", "How much?", ("5 mg",), "give 5 mg", "5 mg", "give 10 mg", 0.0, 0.0, 0.8, 1.0, 0.4, 1,
    ("d:0",), ("d:0", "e:0"), 0.9, False, scores={"f1": 0.8}, against_scores={"f1": 0.4},
)  # fmt: skip
WORSE = replace(FINE, id="q2", question="How long?", flags=("got worse", "retrieval missed"), pinned=True)
DETAIL = QuestionDetail(
    FINE,
    "base",
    1,
    gold=(Passage("d:0", "d", "Handbook", "Give 5 mg <b>daily</b>.", 3, "", 0, 20),),
    retrieved=(
        Passage("d:0", "d", "Handbook", "Give 5 mg <b>daily</b>.", 3, "", 0, 20),
        Passage("e:0", "e", "Will", "Nothing.", None, "", 0, 8),
    ),
    against_retrieved=(Passage("e:0", "e", "Will", "Nothing.", None, "", 0, 8),),
    amendment=Amendment("q1"),
)


@pytest.fixture
def page(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> EvaluationPage:
    client.ends |= {
        "ReadReport": REPORT,
        "ReadPerQuestion": (FINE, WORSE),
        "ReadQuestion": DETAIL,
        "Amend": Amendment("q1", pinned=True),
        "ListQuestions": (Question("q1", "How much?", ("5 mg",), split="test"),),
    }
    made = EvaluationPage(jobs)
    qtbot.addWidget(made)
    made.show_runs(RUNS)
    qtbot.waitUntil(lambda: made.questions_model.rowCount() == 2)
    return made


def button(page: EvaluationPage, name: str) -> QAbstractButton:
    return next(found for found in page.findChildren(QAbstractButton) if found.accessibleName() == name)


def choose(page: EvaluationPage, name: str, text: str) -> None:
    box = next(found for found in page.findChildren(QComboBox) if found.accessibleName() == name)
    box.setCurrentIndex(box.findText(text))


def correcting(qtbot: QtBot, page: EvaluationPage) -> AmendDialog:
    """Press Correct…; return the dialog that opens."""
    button(page, "Correct the selected question").click()
    qtbot.waitUntil(lambda: page.findChild(AmendDialog) is not None)
    return page.findChild(AmendDialog)


def test_it_says_how_many_more_questions_would_tell_on_each_split(page: EvaluationPage) -> None:
    assert page.verdict.endswith("About 100 more questions would tell.")
    assert page._splits.text() == (
        "Documents never seen (40): not enough questions to tell, +2.0 (-6.0 to +10.0) points. "
        "About 100 more questions would tell."
    )


@pytest.mark.parametrize(
    ("chosen", "ids"),
    [
        ("Got worse", ["q2"]),
        ("Retrieval missed", ["q2"]),
        ("Reader missed", []),
        ("Pinned", ["q2"]),
        ("All questions", ["q1", "q2"]),
    ],
)
def test_the_questions_are_filtered_by_what_went_wrong(page: EvaluationPage, chosen: str, ids: list[str]) -> None:
    choose(page, "Show only", chosen)

    model = page.questions_model
    assert [model.record(row).id for row in range(model.rowCount())] == ids


def test_a_question_is_shown_with_both_answers_and_all_passages(
    qtbot: QtBot, page: EvaluationPage, client: FakeClient
) -> None:
    page.questions._table.selectRow(0)
    detail = page.questions.detail
    qtbot.waitUntil(lambda: "How much?" in detail.said)

    assert client.handed_of(ReadQuestion) == [ReadQuestion("q1", "run-1", "test")]
    assert "base: give 10 mg" in detail.said
    assert "Give 5 mg <b>daily</b>." in detail.gold  # text, no markup
    assert "1. GOLD · Handbook · page 3" in detail.found
    assert "2. Will" in detail.found


def test_a_question_is_pinned_excluded_and_corrected(qtbot: QtBot, page: EvaluationPage, client: FakeClient) -> None:
    assert not button(page, "Correct the selected question").isEnabled()
    page.questions._table.selectRow(0)
    qtbot.waitUntil(lambda: button(page, "Correct the selected question").isEnabled())

    button(page, "Ask the selected question of every new run").click()
    button(page, "Leave the selected question out").click()
    dialog = correcting(qtbot, page)
    done = dialog.buttons.button(QDialogButtonBox.StandardButton.Ok)
    (first,) = dialog.answers.fields
    first.setPlainText(" ")
    assert not done.isEnabled()  # the documents would not answer it then
    first.setPlainText(" five\nmilligrams ")
    dialog.reason.setText("both are right")
    done.click()

    assert client.handed_of(Amend) == [
        Amend("q1", pinned=True),
        Amend("q1", excluded=True),
        Amend("q1", answers=("five\nmilligrams",), reason="both are right"),
    ]
    qtbot.waitUntil(lambda: "Recorded" in page.notice.text)


def test_a_question_is_corrected_as_it_is_now(qtbot: QtBot, page: EvaluationPage, client: FakeClient) -> None:
    client.ends["ListQuestions"] = (Question("q1", "How much a\u00a0day?", ("10 mg\nin two doses",), split="test"),)
    page.questions._table.selectRow(0)
    qtbot.waitUntil(lambda: button(page, "Correct the selected question").isEnabled())
    dialog = correcting(qtbot, page)
    assert dialog.answers.answers == ("10 mg\nin two doses",)  # not 5 mg, as it was asked
    done, restore = (
        dialog.buttons.button(one)
        for one in (QDialogButtonBox.StandardButton.Ok, QDialogButtonBox.StandardButton.RestoreDefaults)
    )
    dialog.reason.setText("wrong dose")
    assert not done.isEnabled() and not restore.isEnabled()  # nothing would be recorded
    dialog.question.insertPlainText("So: ")
    done.click()
    assert client.handed_of(Amend) == [Amend("q1", question="So: How much a\u00a0day?", reason="wrong dose")]


def test_a_question_that_is_gone_is_not_corrected(qtbot: QtBot, page: EvaluationPage, client: FakeClient) -> None:
    client.ends["ListQuestions"] = ()
    page.questions._table.selectRow(0)
    qtbot.waitUntil(lambda: button(page, "Correct the selected question").isEnabled())
    button(page, "Correct the selected question").click()
    qtbot.waitUntil(lambda: "no longer in the workspace" in page.notice.text)


def test_the_breakdown_is_divided_as_chosen(page: EvaluationPage) -> None:
    model = page.breakdowns.model
    assert [model.record(row).name for row in range(model.rowCount())] == ["what", "how"]

    choose(page, "Divide the questions by", "By document")

    assert [model.record(row).name for row in range(model.rowCount())] == ["Lease"]


def test_the_plots_are_drawn(page: EvaluationPage) -> None:
    page.tabs.setCurrentWidget(page.plots)
    page.resize(1000, 900)
    page.show()

    assert page.plots.widget().grab().toImage().pixelColor(200, 120).isValid()
    assert len(page.plots.widget().children()) == 1 + 2 * 4  # layout; difference, baselines, risk, question type


def test_a_run_that_is_new_is_asked_the_pinned_questions(
    qtbot: QtBot, page: EvaluationPage, client: FakeClient
) -> None:
    assert client.handed_of(CheckPinned) == []
    result = PinnedResult("q2", "How long?", ("2 years",), "1 year", "2 years", 0.5, 1.0, 1, 1, True)
    client.ends["CheckPinned"] = PinnedReport("run-3", "run-1", (result,), ("How long?",))

    page.show_runs(RunList((*RUNS.runs, replace(KEPT, id="run-3")), "run-3"))

    assert client.handed_of(CheckPinned) == [CheckPinned("run-3")]
    qtbot.waitUntil(lambda: "1 of the 1 pinned questions got worse in run-3: How long?" in page.notice.text)


def test_the_report_is_written_or_why_not(qtbot: QtBot, page: EvaluationPage, client: FakeClient) -> None:
    client.ends["WriteReport"] = PublishedReport("/out/run-1-test.html", "p", "c", "j", "m")
    page.write_report("/out")
    qtbot.waitUntil(lambda: "/out/run-1-test.html" in page.notice.text)
    assert client.handed_of(WriteReport) == [WriteReport("/out", "run-1", "test")]

    client.ends["WriteReport"] = RunError("The disk is full.", hint="Make room.")
    page.write_report("/out")
    qtbot.waitUntil(lambda: "disk is full" in page.notice.text)


def test_the_model_card_is_shown_as_text(qtbot: QtBot, page: EvaluationPage, client: FakeClient) -> None:
    client.ends["ReadModelCard"] = "# Model card: run-1"
    button(page, "Model card").click()
    qtbot.waitUntil(lambda: bool(page.findChildren(QDialog)))

    assert page.findChild(QDialog).findChild(QPlainTextEdit).toPlainText() == "# Model card: run-1"


def test_what_is_evaluated_stays_chosen_until_its_report_is_there(
    qtbot: QtBot, page: EvaluationPage, client: FakeClient
) -> None:
    boxes = page.findChildren(QComboBox)[:3]
    choose(page, "Run to evaluate", "base (untuned)")
    page.start_evaluation()
    assert [box.isEnabled() for box in boxes] == [False] * 3
    page.show_runs(RunList((*RUNS.runs, replace(KEPT, id="run-3")), "run-3"))  # a training before it ended
    assert boxes[0].currentData() == "base"
    client.end("Evaluate", REPORT)
    qtbot.waitUntil(lambda: [box.isEnabled() for box in boxes] == [True] * 3)


def test_the_report_and_the_questions_shown_are_those_of_the_run_chosen_last(
    qtbot: QtBot, page: EvaluationPage, jobs: JobQueue, client: FakeClient
) -> None:
    del client.ends["ReadReport"], client.ends["ReadPerQuestion"]
    choose(page, "Run to evaluate", "base (untuned)")
    late_report = client.tickets["ReadReport"]
    choose(page, "Run to evaluate", "run-1 (answers now)")
    client.end("ReadReport", REPORT)
    qtbot.waitUntil(lambda: len(client.handed_of(ReadPerQuestion)) == 2)
    late_questions = client.tickets["ReadPerQuestion"]
    page.show_report(REPORT)
    client.end("ReadPerQuestion", (FINE, WORSE))
    client.tickets |= {"ReadReport": late_report, "ReadPerQuestion": late_questions}
    client.end("ReadReport", replace(REPORT, run="base", against=None))
    client.end("ReadPerQuestion", (FINE,))
    qtbot.waitUntil(lambda: not jobs._threads)
    assert "base: measured alone" not in page.verdict
    assert page.questions_model.rowCount() == 2


def test_another_workspace_finds_nothing_of_the_last_ones_evaluation(page: EvaluationPage) -> None:
    page.notice.tell("1 of the 1 pinned questions got worse in run-1: Does Smith pay?")
    page.start_over()
    assert page.notice.isHidden()
    assert page.questions_model.rowCount() == 0
    assert [box.count() for box in page.findChildren(QComboBox)[:2]] == [0, 0]
    assert not button(page, "Write report…").isEnabled()
