"""The whole road in the window, with the real worker and the real models: drop, train, watch, evaluate, ask, open."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QComboBox, QPushButton
from pytestqt.qtbot import QtBot

from desktop.app import Desk
from desktop.garbage import GarbageCollector
from desktop.preferences import Preferences
from desktop.theme import apply_theme
from desktop.widgets.training_numbers import TrainingNumbers
from engine.worker.protocol import Opening
from tests.benchmarks.driving import drop
from tests.engine.training.published_folders import make_published

SAMPLE = Path(__file__).parents[2] / "resources" / "sample"
QUESTIONS = {"train": 16, "validation": 4, "test": 5}
SOON_MS, LATER_MS = 60_000, 400_000

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def materials(tmp_path: Path) -> Path:
    """A folder of medical articles, a damaged file among them, and a file with a few questions about them."""
    folder = tmp_path / "ward ä 中"
    shutil.copytree(SAMPLE / "medicine", folder / "articles")
    (folder / "articles" / "scan.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    lines = [json.loads(line) for line in (SAMPLE / "questions.jsonl").read_text("utf-8").splitlines()]
    names = {path.name for path in (SAMPLE / "medicine").iterdir()}
    chosen = [
        record
        for split, number in QUESTIONS.items()
        for record in [line for line in lines if line["split"] == split and Path(line["document"]).name in names][
            :number
        ]
    ]
    assert len(chosen) == sum(QUESTIONS.values())
    chosen.append({"answer": "a record without its question"})
    text = "".join(json.dumps(record) + "\n" for record in chosen)
    (folder / "questions.jsonl").write_text(text, encoding="utf-8")
    return folder


def end_work(desk: Desk) -> None:
    """End what still runs, so that closing the window asks no one."""
    desk.jobs.close()
    QApplication.processEvents()


@pytest.fixture
def desk(qtbot: QtBot, qapp: QApplication, tmp_path: Path) -> Iterator[Desk]:
    apply_theme(qapp)
    desk = Desk(Preferences(tmp_path / "window.ini"), data_path=tmp_path / "data")
    qtbot.addWidget(desk.window, before_close_func=lambda _: end_work(desk))
    desk.window.show()
    collector = GarbageCollector(desk)
    yield desk
    collector.stop()


def press(qtbot: QtBot, page: object, name: str) -> None:
    button = next(found for found in page.findChildren(QPushButton) if found.accessibleName() == name)
    qtbot.waitUntil(button.isEnabled, timeout=SOON_MS)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def choose(page: object, name: str, value: str) -> None:
    box = next(found for found in page.findChildren(QComboBox) if found.accessibleName() == name)
    box.setCurrentIndex(box.findData(value))


def test_a_person_drops_trains_evaluates_asks_and_opens_a_citation(
    qtbot: QtBot, desk: Desk, materials: Path, tmp_path: Path
) -> None:
    with qtbot.waitSignal(desk.opener.opened, timeout=SOON_MS):
        desk.opener._open(Opening(str(tmp_path / "Ward 3"), create=True, name="Ward 3"))
    assert desk.window.windowTitle() == "Ward 3 – Vademecum"

    drop(desk.documents.drop_area, [materials / "articles"])
    with qtbot.waitSignal(desk.importer.indexed, timeout=LATER_MS):
        pass
    documents = desk.documents.table_model
    qtbot.waitUntil(lambda: documents.rowCount() == 18, timeout=SOON_MS)
    titles = [documents.headerData(column, Qt.Orientation.Horizontal) for column in range(documents.columnCount())]
    states = [documents.index(row, titles.index("State")).data() for row in range(documents.rowCount())]
    assert states.count("Ready") == 17
    assert sum(state.startswith("Left out:") for state in states) == 1

    desk.window.show_page(desk.questions)
    drop(desk.questions.drop_area, [materials / "questions.jsonl"])
    qtbot.waitUntil(lambda: desk.questions.table_model.rowCount() == sum(QUESTIONS.values()), timeout=SOON_MS)
    assert "questions.jsonl" in desk.questions.problems
    qtbot.waitUntil(lambda: not desk.jobs.heavy, timeout=LATER_MS)

    training = desk.training
    desk.window.show_page(training)
    choose(training, "How thoroughly", "quick")
    press(qtbot, training, "Start training")
    for curve in ("retriever/train_loss", "generator/train_loss"):
        qtbot.waitUntil(lambda curve=curve: bool(training.curves.points(curve)), timeout=LATER_MS)
        assert desk.jobs.heavy, "the curve grows while the training runs"
    qtbot.waitUntil(lambda: not desk.jobs.heavy, timeout=LATER_MS)
    assert training.stage.startswith("Finished in")
    assert training.curves.points("retriever/validation_ndcg@10")
    qtbot.waitUntil(lambda: training.table_model.rowCount() == 2, timeout=SOON_MS)
    run = training.table_model.record(0)
    assert run.reason in training.notice.text

    evaluation = desk.evaluation
    desk.window.show_page(evaluation)
    press(qtbot, evaluation, "Evaluate")
    qtbot.waitUntil(lambda: evaluation.questions_model.rowCount() == QUESTIONS["test"], timeout=LATER_MS)
    assert run.id in evaluation.verdict
    assert evaluation.metrics_model.rowCount() > 10
    qtbot.waitUntil(lambda: not desk.jobs.heavy, timeout=SOON_MS)

    chat = desk.chat
    desk.window.show_page(chat)
    chat.input.setPlainText("What does the word Chikungunya mean?")
    qtbot.keyClick(chat.input, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not chat.conversation.streams, timeout=LATER_MS)
    citation = chat.conversation.citations[0]
    chat.conversation.anchorClicked.emit(QUrl("citation:0"))
    qtbot.waitUntil(lambda: chat.passage_view.marked_text != "", timeout=SOON_MS)
    assert " ".join(chat.passage_view.marked_text.split()) == " ".join(citation.quote.split())


@pytest.fixture
def tiny_world(tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window's worker knows two-layer models only, and keeps what is imported in the test's own folder."""
    monkeypatch.setenv("VADEMECUM_MODELS", str(tiny_models))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data home"))


def test_a_published_checkpoint_is_imported_tuned_evaluated_and_asked(
    tiny_world: None, qtbot: QtBot, desk: Desk, tmp_path: Path
) -> None:
    drugs = ("amoxicillin", "heparin", "insulin", "digoxin", "warfarin", "codeine", "ramipril", "morphine")
    answer = "by mouth after meals"
    texts = {drug: f"The usual dose of {drug} is small. It is given {answer}. " for drug in drugs}
    folder = tmp_path / "drugs"
    folder.mkdir()
    for drug, text in texts.items():
        (folder / f"{drug}.txt").write_text(text, encoding="utf-8")
    asked = [
        {"question": f"How is {drug} given?", "answer": answer, "context": texts[drug], "split": split}
        for split, count in (("train", 8), ("validation", 1), ("test", 1))
        for drug in drugs[:count]
    ]
    records = [json.dumps({"id": str(number), **record}) for number, record in enumerate(asked)]
    (tmp_path / "questions.jsonl").write_text("\n".join(records), encoding="utf-8")
    checkpoint = make_published(tmp_path / "rag-tiny", texts=[*texts.values(), "How is given? / // "])
    with qtbot.waitSignal(desk.opener.opened, timeout=SOON_MS):
        desk.opener._open(Opening(str(tmp_path / "Drugs"), create=True, name="Drugs"))
    drop(desk.documents.drop_area, [folder])
    with qtbot.waitSignal(desk.importer.indexed, timeout=LATER_MS):
        pass
    drop(desk.questions.drop_area, [tmp_path / "questions.jsonl"])
    qtbot.waitUntil(lambda: desk.questions.table_model.rowCount() == len(asked), timeout=SOON_MS)
    qtbot.waitUntil(lambda: not desk.jobs.heavy, timeout=LATER_MS)

    training = desk.training
    desk.window.show_page(training)
    training.import_model(str(checkpoint))
    qtbot.waitUntil(lambda: training.form.job.model == "rag-tiny", timeout=LATER_MS)
    assert training.form.job.what == "joint"
    numbers = training.form.findChild(TrainingNumbers)
    for control, value in zip(numbers.findChildren(QAbstractSpinBox), (24, 4, 4000), strict=True):
        control.setValue(value)
    press(qtbot, training, "Start training")
    qtbot.waitUntil(lambda: bool(training.curves.points("joint/train_loss")), timeout=LATER_MS)
    qtbot.waitUntil(lambda: not desk.jobs.heavy, timeout=LATER_MS)
    losses = [value for _, value in training.curves.points("joint/train_loss")]
    assert losses[-1] < losses[0] / 2

    desk.window.show_page(desk.evaluation)
    press(qtbot, desk.evaluation, "Evaluate")
    qtbot.waitUntil(lambda: desk.evaluation.questions_model.rowCount() == 1, timeout=LATER_MS)
    qtbot.waitUntil(lambda: not desk.jobs.heavy, timeout=LATER_MS)

    desk.window.show_page(desk.chat)
    desk.chat.input.setPlainText("How is heparin given?")
    qtbot.keyClick(desk.chat.input, Qt.Key.Key_Return)
    qtbot.waitUntil(
        lambda: not desk.chat.conversation.streams and bool(desk.chat.conversation.citations), timeout=LATER_MS
    )
    assert answer in desk.chat.conversation.toPlainText()
