"""The pages: what they show of what the worker says, and what they hand to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPlainTextEdit,
    QSpinBox,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop.job_queue import JobQueue
from desktop.pages.chat import ChatPage
from desktop.pages.documents import DocumentsPage, import_sentence
from desktop.pages.evaluation import EvaluationPage
from desktop.pages.models import ModelsPage
from desktop.pages.questions import QuestionsPage
from desktop.pages.training import TrainingPage
from desktop.widgets.password_dialog import PasswordDialog
from engine.errors import DocumentError, TrainingError
from engine.evaluation.job import Evaluate
from engine.evaluation.report import Comparison, QuestionResult, Report
from engine.evaluation.significance import Difference
from engine.exporting.job import ExportRun, ImportRun, Packaged
from engine.importing import ImportReport
from engine.jobs import Measured, Progress, Skipped, Token
from engine.records import Answer, Asking, Citation, Document, Fusion, ModelInfo, Question, Run
from engine.serving.job import AnswerQuestion
from engine.serving.trial import Trial
from engine.training.job import Estimate, EstimateTraining, Train
from engine.worker.ticket import Broken, End, Stopped
from engine.workspace.documents import DocumentRow, RemovalReport
from engine.workspace.job import DismissSkipped, DocumentList, ListRuns, Promote, Promotion, RemoveDocuments, RunList
from engine.workspace.scope import Scope
from tests.benchmarks.driving import drop
from tests.desktop.conftest import FakeClient

ROW = DocumentRow(
    *("d", "Handbook", "/d.pdf", "pdf", 12, 40, "0", "", 9000, "de", ("Plans not opened.",)),
    near_duplicate_of="Old handbook",
    similarity=0.93,
)
BAD = Skipped("/scans/old.pdf", "It is damaged.")
REPORT = ImportReport(1, 0, 0, 40, 3, 0, 2, (Skipped("qa.csv line 7", "No question."),), 1.5)
KEPT = Run(
    "run-1",
    "all",
    "object:a",
    "object:b",
    Fusion(),
    steps=9,
    seconds=70,
    kept=True,
    reason="Better.",
    after={"f1": 0.5},
)
HALF = Run("run-2", "generator", "a", "b", Fusion(), state="interrupted")
RUNS = RunList((KEPT, HALF), "run-1")


def cells(page: object) -> list[str]:
    model = page.table_model
    return [model.index(row, column).data() for row in range(model.rowCount()) for column in range(model.columnCount())]


def choose_row(page: object, row: int) -> None:
    page.table.selectRow(row)


def button(page: QWidget, name: str) -> QAbstractButton:
    return next(found for found in page.findChildren(QAbstractButton) if found.accessibleName() == name)


def box(page: QWidget, name: str) -> QComboBox:
    return next(found for found in page.findChildren(QComboBox) if found.accessibleName() == name)


def choose(page: QWidget, name: str, value: str) -> None:
    box(page, name).setCurrentIndex(box(page, name).findData(value))


def test_documents_and_unreadable_files_share_one_list(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["ListDocuments"] = DocumentList((ROW,), (BAD,))
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    page.reload()
    qtbot.waitUntil(lambda: page.table_model.rowCount() == 2)
    assert cells(page) == [
        *("old.pdf", "pdf", "", "", "", "", "Left out: It is damaged."),
        *(
            "Handbook",
            "pdf",
            "12",
            "40",
            "German",
            "",
            "Ready · nearly the same as Old handbook (93 %) · Plans not opened.",
        ),
    ]


def test_dropped_files_are_handed_on(qtbot: QtBot, jobs: JobQueue, tmp_path: Path) -> None:
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    with qtbot.waitSignal(page.paths_dropped) as dropped:
        drop(page.drop_area, [tmp_path / "ä b.pdf", tmp_path])
    assert dropped.args == [(str(tmp_path / "ä b.pdf"), str(tmp_path))]


def test_removing_asks_first(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["RemoveDocuments"] = RemovalReport(1, 40, 2, 0, ("run-1",))
    client.ends["ListDocuments"] = DocumentList((), ())
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    page.show_list(DocumentList((ROW,), ()))
    choose_row(page, 0)
    button(page, "Remove the selected documents").click()
    box = page.findChild(QMessageBox)
    assert client.handed_of(RemoveDocuments) == []
    box.button(QMessageBox.StandardButton.Ok).click()
    with qtbot.waitSignal(page.documents_removed) as removed:
        qtbot.waitUntil(lambda: "run-1" in page.notice.text)
    assert removed.args == [("d",)]
    assert client.handed_of(RemoveDocuments) == [RemoveDocuments(("d",))]


def test_an_unreadable_file_can_not_be_opened_and_its_line_is_taken_away(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient
) -> None:
    client.ends["DismissSkipped"] = DocumentList((), ())
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    page.show_list(DocumentList((), (BAD,)))
    choose_row(page, 0)
    assert not button(page, "Open the selected document").isEnabled()
    button(page, "Remove the selected documents").click()
    assert client.handed_of(DismissSkipped) == [DismissSkipped(("/scans/old.pdf",))]
    qtbot.waitUntil(lambda: page.table_model.rowCount() == 0)
    assert client.handed_of(RemoveDocuments) == []


def test_the_window_of_a_document_closes_when_it_is_removed_and_when_another_workspace_opens(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient
) -> None:
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    for name in ("d", "e", "f"):
        client.ends["ReadDocument"] = Document(name, name, f"/{name}.txt", "0", "txt", "One.")
        page._open_record(replace(ROW, id=name))
        qtbot.waitUntil(lambda name=name: page.findChild(QDialog, name) is not None)
    page._show_removal(("d",), RemovalReport(1, 40, 2, 0, ()))
    qtbot.waitUntil(lambda: page.findChild(QDialog, "d") is None)
    assert page.findChild(QDialog, "e").isVisible()
    page.show_list(DocumentList((ROW,), ()))
    page.start_over()
    assert page.table_model.rowCount() == 0
    qtbot.waitUntil(lambda: not page.findChildren(QDialog))


def test_an_import_is_told_in_a_sentence() -> None:
    assert import_sentence(REPORT) == (
        "Documents: 1 added · Questions: 3 added, 2 with evidence · 1 left out; the list says why · 2 s"
    )
    assert ", 2 with evidence, 1 without and not trained on" in import_sentence(
        replace(REPORT, questions_without_evidence=1)
    )
    nothing = ImportReport(0, 0, 0, 0, 0, 0, 0, (), 0.1)
    assert import_sentence(nothing) == "Nothing was found that can be imported."


def test_what_no_list_shows_is_told_where_the_import_is() -> None:
    gone = Skipped("/gone", "There is no file or folder /gone. Check the name and import it again.")
    left_out = replace(REPORT, skipped=(gone, *REPORT.skipped), unreached=(gone,))
    assert import_sentence(left_out).endswith(f" · 1 left out; the list says why · 2 s\n/gone: {gone.reason}")
    alone = replace(ImportReport(0, 0, 0, 0, 0, 0, 0, (gone,), 0.1), unreached=(gone,))
    assert import_sentence(alone).startswith("Nothing was found that can be imported.\n/gone: There is no")
    many = replace(alone, skipped=(gone,) * 5, unreached=(gone,) * 5)
    assert import_sentence(many).endswith("2 more were not reached; the Questions page lists them all.")


def test_questions_show_split_and_evidence(qtbot: QtBot, jobs: JobQueue) -> None:
    page = QuestionsPage(jobs)
    qtbot.addWidget(page)
    page.show_list(
        (
            Question("1", "How much?", ("5 mg", "five"), ("d:0",)),
            Question("2", "Why?", (), split="test", unanswerable=True),
        )
    )
    assert cells(page) == [
        *("How much?", "5 mg / five", "training", "1 passage", ""),
        *("Why?", "(not answerable from the documents)", "test", "none found", ""),
    ]


def test_problems_of_an_import_are_listed(qtbot: QtBot, jobs: JobQueue) -> None:
    page = QuestionsPage(jobs)
    qtbot.addWidget(page)
    page.show_import(REPORT)
    assert page.problems == "qa.csv line 7: No question."


def test_a_training_is_described_by_the_form(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    generator = ModelInfo("SmolLM2", "causal", 135_000_000, "", "", "", "", True)
    encoder = ModelInfo("gte", "encoder", 33_000_000, "", "", "", "", True)
    page.form.show_models((generator, encoder))
    choose(page, "Train", "all")
    choose(page, "Answering model to start from", "SmolLM2")
    choose(page, "Search model to start from", "gte")
    choose(page, "How thoroughly", "quick")
    epochs, batch_size = (
        next(found for found in page.form.findChildren(QSpinBox) if found.accessibleName() == name)
        for name in ("Epochs", "Batch size")
    )
    (rate,) = page.form.findChildren(QDoubleSpinBox)
    assert not epochs.isVisibleTo(page)  # an expert opens it
    page.form.findChild(QToolButton).click()
    assert epochs.isVisibleTo(page)
    epochs.setValue(4)
    batch_size.setValue(16)
    rate.setValue(50)
    described = Train("all", "SmolLM2", "quick", 4, 16, pytest.approx(5e-5), encoder="gte")
    assert page.form.job == described
    choose(page, "Train", "generator")
    button(page, "Start training").click()
    assert client.handed_of(Train) == [replace(described, what="generator", encoder="")]


def test_a_model_that_has_changed_is_not_offered(qtbot: QtBot, jobs: JobQueue) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    models = tuple(
        ModelInfo(name, "causal", 135_000_000, "", "", "", "", name == "whole") for name in ("whole", "changed")
    )
    page.form.show_models(models)
    offered = box(page, "Answering model to start from")
    assert [offered.itemData(row) for row in range(offered.count())] == ["", "whole"]


def test_what_a_training_takes_is_said_before_it_starts(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["EstimateTraining"] = Estimate(780.0, 3 * 2**30, 12 * 2**30, {"generator": 780.0})
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    assert client.handed_of(EstimateTraining) == []  # nobody sees it
    page.show()
    qtbot.waitUntil(lambda: page.estimate.text() == "About 13 min and 3.0 GB of memory; 12.0 GB are free.")
    client.ends["EstimateTraining"] = TrainingError("There are no training questions.", hint="Import some.")
    choose(page, "Train", "retriever")
    qtbot.waitUntil(lambda: page.estimate.text() == "There are no training questions. Import some.")
    assert client.handed_of(EstimateTraining) == [EstimateTraining(Train("all")), EstimateTraining(Train("retriever"))]


def test_a_training_that_starts_ends_the_reckoning(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: "EstimateTraining" in client.tickets)
    page.start_training(Train("all"))
    qtbot.waitUntil(lambda: [type(thread.ticket.job) for thread in jobs.heavy] == [Train])
    assert page.estimate.text() == ""


@pytest.mark.parametrize("end", [Stopped(), Broken("Traceback")])
def test_a_reckoning_without_a_result_says_nothing_until_the_page_is_seen_again(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient, end: End
) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: "EstimateTraining" in client.tickets)
    assert page.estimate.text() == "Reckoning time and memory…"
    with qtbot.waitSignal(jobs.heavy_ended):
        client.tickets["EstimateTraining"].end(end)
    assert page.estimate.text() == ""
    page.hide()
    page.show()
    qtbot.waitUntil(lambda: len(client.handed_of(EstimateTraining)) == 2)


def test_what_a_training_takes_is_reckoned_anew_when_the_page_is_seen_again(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient
) -> None:
    client.ends["EstimateTraining"] = Estimate(780.0, 3 * 2**30, 12 * 2**30, {"generator": 780.0})
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.show()
    qtbot.waitUntil(lambda: page.estimate.text().startswith("About 13 min"))
    client.ends["EstimateTraining"] = Estimate(60.0, 3 * 2**30, 12 * 2**30, {"generator": 60.0})
    page.hide()
    page.show()
    qtbot.waitUntil(lambda: page.estimate.text().startswith("About 1 min"))


def test_an_imported_rag_checkpoint_is_trained_jointly(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    rag = ModelInfo("rag-nq", "rag", 500_000_000, "", "", "", "", True)
    page.form.show_models((rag,))
    assert box(page, "Answering model to start from").findData("rag-nq") == -1  # only joint training takes it
    client.ends |= {"ImportModel": Trial("rag-nq", True, "", 1.0, "", 0, 0, 0), "ListModels": (rag,)}
    page.import_model("/models/rag-nq")
    qtbot.waitUntil(lambda: box(page, "Answering model to start from").currentData() == "rag-nq")
    assert box(page, "Train").currentText() == "Joint (advanced)"
    choose(page, "Joint training assumes", "token")
    button(page, "Start training").click()
    assert client.handed_of(Train) == [Train("joint", "rag-nq", "balanced", objective="token")]


def test_a_run_is_exported_and_an_imported_one_is_listed(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.show_runs(RunList((Run("all-1", "all", "e", "g", Fusion(), kept=True),), "all-1"))
    assert not button(page, "Export the selected run").isEnabled()
    page.table.selectRow(0)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: ("/out/all-1.vademecum", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *given: ("/in/other.vademecum", ""))
    client.ends |= {name: Packaged("/out/all-1.vademecum", "d", 1, "all-1") for name in ("ExportRun", "ImportRun")}
    button(page, "Export the selected run").click()
    qtbot.waitUntil(lambda: "not encrypted" in page.stage)
    assert client.handed_of(ExportRun) == [ExportRun("all-1", "/out/all-1.vademecum")]
    button(page, "Import a run").click()
    qtbot.waitUntil(lambda: bool(client.handed_of(ListRuns)))
    assert client.handed_of(ImportRun) == [ImportRun("/in/other.vademecum")]


def test_curves_grow_while_a_training_runs(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.start_training(Train("all"))
    client.tell("Train", Measured(1, {"retriever/train_loss": 2.0}), Measured(2, {"retriever/train_loss": 1.5}))
    client.tell("Train", Progress("Training the retriever", 2, 9, 70.0))
    qtbot.waitUntil(lambda: page.stage == "Training the retriever · 2 / 9 · about 1 min left")
    assert page.curves.points("retriever/train_loss") == [(1, 2.0), (2, 1.5)]


def test_a_running_training_is_paused_resumed_and_cancelled(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.start_training(Train("all"))
    pause, cancel = button(page, "Pause the training"), button(page, "Cancel the training")
    pause.click()
    assert page.stage == "Paused"
    pause.click()
    assert client.sent == ["pause", "resume"]
    cancel.click()
    qtbot.waitUntil(lambda: page.stage.startswith("Cancelled"))
    assert button(page, "Start training").isEnabled()


def test_a_refused_training_says_why(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["Train"] = TrainingError("There are 3 questions.", hint="Add more: 8 at least.")
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.start_training(Train("all"))
    qtbot.waitUntil(lambda: page.notice.text == "There are 3 questions. Add more: 8 at least.")


def test_a_training_ended_by_a_bug_says_so(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    (soon,) = (label for label in page.curves.findChildren(QLabel) if "appear here soon" in label.text())
    page.start_training(Train("all"))
    client.tell("Train", Progress("Training", 3, 10, 5.0))
    qtbot.waitUntil(lambda: page.stage == "Training · 3 / 10 · about 5 s left")
    assert not soon.isHidden()
    client.tickets["Train"].end(Broken("Traceback"))
    qtbot.waitUntil(lambda: page.stage.startswith("Stopped by a mistake in the program."))
    assert soon.isHidden()  # none will come
    assert button(page, "Start training").isEnabled()


def test_the_curves_shown_are_those_asked_for_last(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page._show_points_of(KEPT)
    first = client.tickets["ReadPoints"]
    page._show_points_of(HALF)
    client.end("ReadPoints", (Measured(7, {"train_loss": 2.0}),))
    qtbot.waitUntil(lambda: page.curves.points("generator/train_loss") == [(7, 2.0)])
    client.tickets["ReadPoints"] = first
    client.end("ReadPoints", (Measured(9, {"train_loss": 1.0}),))
    qtbot.waitUntil(lambda: not jobs._threads)
    assert page.curves.points("retriever/train_loss") == []
    assert (page.stage, page.curves.points("generator/train_loss")) == ("Curves of run-2", [(7, 2.0)])


def test_another_workspace_finds_nothing_told_of_the_last_ones_runs(qtbot: QtBot, jobs: JobQueue) -> None:
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.show_runs(RUNS)
    page.notice.tell("run-1: better on the matter of Smith.")
    page.start_over()
    assert (page.notice.isHidden(), page.stage, page.table_model.rowCount()) == (True, "", 0)


def test_an_interrupted_run_is_resumed(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["ReadPoints"] = (Measured(1, {"train_loss": 2.0}),)
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.show_runs(RUNS)
    choose_row(page, 0)
    button(page, "Resume the selected run").click()
    assert client.handed_of(Train) == [Train("generator", resume="run-2")]
    qtbot.waitUntil(lambda: page.curves.points("generator/train_loss") == [(1, 2.0)])


def test_another_run_is_made_to_answer(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["Promote"] = Promotion("base", "run-1")
    page = TrainingPage(jobs)
    qtbot.addWidget(page)
    page.show_runs(RUNS)
    choose_row(page, 2)
    with qtbot.waitSignal(page.active_changed):
        button(page, "Answer with the selected run").click()
    assert client.handed_of(Promote) == [Promote("base")]
    assert page.notice.text == "base answers now, in place of run-1."


def report() -> Report:
    difference = Difference(0.2, (0.1, 0.3), 0.001, "better", 100, 0)
    against = Comparison(
        "base", "f1", 0.2, (0.1, 0.3), 0.001, "better", 0, {"f1": difference}, {"hit@1": 0.4}, {"f1": 0.3}, {"f1": 0.4}
    )
    return Report(
        "run-1", "test", 100, {"hit@1": 0.5}, {"f1": 0.5}, {"f1": 0.6}, {"f1": (0.4, 0.6)}, against,
        {"lexical": {"hit@1": 0.3}, "dense": {"hit@1": 0.2}, "hybrid": {"hit@1": 0.35}}, "", groups=20,
    )  # fmt: skip


def result() -> QuestionResult:
    return QuestionResult(
        "q", "How much?", ("5 mg",), "5 mg", "5 mg", "water", 1.0, 1.0, 1.0, 1.0, 0.0, 2, ("d:0",), ("d:0",), 0.9, False
    )


def test_an_evaluation_is_told_with_its_verdict(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends |= {"ReadReport": report(), "Evaluate": report(), "ReadPerQuestion": (result(),)}
    page = EvaluationPage(jobs)
    qtbot.addWidget(page)
    page.show_runs(RUNS)
    page.start_evaluation()
    qtbot.waitUntil(lambda: page.questions_model.rowCount() == 1)
    assert client.handed_of(Evaluate) == [Evaluate("run-1", "test", "base")]
    assert page.verdict == (
        "run-1 is better than base: +20.0 points of F1, words in common (95 % interval +10.0 to +30.0)."
    )
    row = page.metrics_model.record(1)
    assert (row.name, row.other, row.ours, row.interval) == ("F1, words in common", "30.0", "50.0", "40.0 – 60.0")
    assert row.difference == "+20.0 (+10.0 to +30.0)"
    assert page.metrics_model.record(0).lexical == "30.0"


def test_only_finished_runs_are_offered_for_evaluation(qtbot: QtBot, jobs: JobQueue) -> None:
    page = EvaluationPage(jobs)
    qtbot.addWidget(page)
    page.show_runs(RUNS)
    run = page.findChildren(QComboBox)[0]
    assert [run.itemText(row) for row in range(run.count())] == ["run-1 (answers now)", "base (untuned)"]


def test_an_answer_streams_and_its_citation_opens_the_page(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    client.ends["ReadDocument"] = Document("d", "Handbook", "/d.pdf", "0", "pdf", "One.\nThen give 5 mg.", (0, 5))
    page = ChatPage(jobs)
    qtbot.addWidget(page)
    page.input.setPlainText("How much?")
    qtbot.keyClick(page.input, Qt.Key.Key_Return)
    client.tell("AnswerQuestion", Token("5 "), Token("mg"))
    qtbot.waitUntil(lambda: page.conversation.toPlainText().endswith("5 mg"))
    citation = Citation("d:5", "d", "Handbook", 2, 10, 19, "give 5 mg")
    client.end("AnswerQuestion", Answer("How much?", "5 mg", False, 0.9, (citation,), (), "base", False, {}))
    qtbot.waitUntil(lambda: not page.conversation.streams)
    page.conversation.open_citation(0)
    qtbot.waitUntil(lambda: page.passage_view.marked_text == "give 5 mg")
    assert page.passage_view.place == "Page 2 of 2"
    assert client.handed_of(AnswerQuestion) == [AnswerQuestion("How much?")]


def test_what_is_chosen_and_what_was_asked_goes_with_the_next_question(
    qtbot: QtBot, jobs: JobQueue, client: FakeClient
) -> None:
    page = ChatPage(jobs)
    qtbot.addWidget(page)
    page.manner.sureness.setCurrentIndex(1)
    page.manner.extractive.setChecked(True)
    for question in ("What is heparin?", "And its dose?"):
        page.input.setPlainText(question)
        page.ask()
        client.end("AnswerQuestion", Answer(question, "5 mg", False, 0.9, (), (), "base", False, {}))
        qtbot.waitUntil(lambda: not page.conversation.streams)
        qtbot.waitUntil(lambda: button(page, "Ask").isVisibleTo(page))
    first, second = client.handed_of(AnswerQuestion)
    assert first.asking == Asking(risk=0.1, extractive=True)
    assert second.asking == Asking(risk=0.1, extractive=True, earlier=("What is heparin?",))
    button(page, "New conversation").click()
    assert page.conversation.toPlainText() == ""
    page.input.setPlainText("And its dose?")
    page.ask()
    assert client.handed_of(AnswerQuestion)[-1].asking.earlier == ()


CITED = Citation("d:5", "d", "Handbook", 2, 10, 19, "give 5 mg")
CITING = Answer("How much?", "5 mg", False, 0.9, (CITED,), (), "base", False, {})


@pytest.fixture
def cited(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> ChatPage:
    """A chat in which a citation is open."""
    client.ends |= {
        "ReadDocument": Document("d", "Handbook", "/d.pdf", "0", "pdf", "One.\nThen give 5 mg.", (0, 5)),
        "AnswerQuestion": CITING,
    }
    page = ChatPage(jobs)
    qtbot.addWidget(page)
    page.input.setPlainText("How much?")
    page.ask()
    qtbot.waitUntil(lambda: bool(page.conversation.citations))
    page.conversation.open_citation(0)
    qtbot.waitUntil(lambda: page.passage_view.isVisibleTo(page))
    return page


def test_a_removed_document_is_shown_and_looked_in_no_longer(qtbot: QtBot, cited: ChatPage, client: FakeClient) -> None:
    cited.scope.choose(Scope(("d", "e")))
    cited.forget_documents(("d",))
    assert not cited.passage_view.isVisibleTo(cited)
    assert cited.scope.scope == Scope(("e",))
    assert cited._notice.text == "What was removed is no longer looked in: answers come from document e."
    client.ends["ReadDocument"] = DocumentError("There is no document d.", hint="List the documents to see their ids.")
    cited.conversation.open_citation(0)
    qtbot.waitUntil(lambda: cited._notice.text.startswith("“Handbook” was removed or has changed since"))
    assert not cited.passage_view.isVisibleTo(cited)


def test_a_quote_is_marked_where_it_stands_now_or_said_to_be_gone(
    qtbot: QtBot, cited: ChatPage, client: FakeClient
) -> None:
    def show(text: str) -> None:
        client.ends["ReadDocument"] = Document("d", "Handbook", "/d.pdf", "1", "pdf", text, (0, 5))
        cited.conversation.open_citation(0)

    show("One.\nNever more. Then give 5 mg.")
    qtbot.waitUntil(lambda: "Never" in cited.passage_view._document.text)
    assert cited.passage_view.marked_text == "give 5 mg"
    show("One.\nThen give 50 g.")
    qtbot.waitUntil(lambda: "no longer says what was quoted" in cited._notice.text)
    assert cited.passage_view.marked_text == ""


def test_another_workspace_finds_nothing_of_the_last_one_in_the_chat(cited: ChatPage) -> None:
    cited._notice.tell("The matter of Smith")
    cited.input.setPlainText("Does Smith pay?")
    cited.start_over()
    assert cited.conversation.toPlainText() == cited.input.toPlainText() == ""
    assert cited._notice.isHidden()
    assert not cited.passage_view.isVisibleTo(cited)


def test_a_new_conversation_stops_the_answer_of_the_last_one(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = ChatPage(jobs)
    qtbot.addWidget(page)
    page.input.setPlainText("First?")
    page.ask()
    first = client.tickets["AnswerQuestion"]
    button(page, "New conversation").click()
    assert first.cancel_asked
    page.input.setPlainText("Second?")
    page.ask()
    client.tell("AnswerQuestion", Token("5 mg"))
    qtbot.waitUntil(lambda: page.conversation.toPlainText().endswith("5 mg"))
    assert "Stopped." not in page.conversation.toPlainText()
    assert button(page, "Stop the answer").isVisibleTo(page)


def test_a_question_is_not_asked_while_another_is_answered(qtbot: QtBot, jobs: JobQueue, client: FakeClient) -> None:
    page = ChatPage(jobs)
    qtbot.addWidget(page)
    for question in ("First?", "Second?"):
        page.input.setPlainText(question)
        page.ask()
    assert client.handed_of(AnswerQuestion) == [AnswerQuestion("First?")]
    assert page.input.toPlainText() == "Second?"
    button(page, "Stop the answer").click()
    qtbot.waitUntil(lambda: "Stopped." in page.conversation.toPlainText())


def test_every_control_has_a_name_for_screen_readers(qtbot: QtBot, jobs: JobQueue) -> None:
    kinds = (QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QPlainTextEdit)
    qts_own = ("QTableCornerButton", "QHeaderView", "QComboBoxListView")
    nameless = []
    for make in (DocumentsPage, QuestionsPage, TrainingPage, EvaluationPage, ChatPage, ModelsPage):
        page = make(jobs)
        qtbot.addWidget(page)
        for control in page.findChildren(QWidget):
            shown = control.metaObject().className()
            inner = control.objectName().startswith("qt_") or isinstance(control.parent(), (QComboBox, QLineEdit))
            if isinstance(control, kinds) and not inner and shown not in qts_own and not control.accessibleName():
                nameless.append(f"{make.__name__}: {shown} {control.objectName()}")
    assert nameless == []


def test_a_protected_file_asks_for_its_password_and_hands_it_on(qtbot: QtBot, jobs: JobQueue) -> None:
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    page.ask_for_password((Skipped("/f/secret.pdf", "secret.pdf is protected with a password.", "password"),))
    dialog = page.findChild(PasswordDialog)
    assert dialog is not None
    dialog.password.setText("open sesame")
    with qtbot.waitSignal(page.password_given) as given:
        dialog.accept()
    assert given.args == [("/f/secret.pdf",), "open sesame"]


def test_how_sure_a_recognised_document_is_stands_in_the_list(qtbot: QtBot, jobs: JobQueue) -> None:
    page = DocumentsPage(jobs)
    qtbot.addWidget(page)
    row = DocumentRow("d", "Letter", "/f/l.png", "image", 1, 2, "0", "", 90, notes=("Recognised, 70% sure.",))
    page.show_list(DocumentList((row,), ()))
    assert "Ready · Recognised, 70% sure." in cells(page)
