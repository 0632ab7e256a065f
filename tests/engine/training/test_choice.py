"""Which models a training starts from: a generator that can read the documents, the encoder that finds more in them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.device import Device
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import BETTER_ENCODER, CHAT_GENERATOR, DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary
from engine.retrieval.retriever import vectors_key
from engine.session import BASE, TUNED, Session
from engine.training import course, retriever_stage
from engine.training.choice import told_of_generator, tries_encoders, unreadable
from engine.training.course import lesson_questions, settings_of
from engine.training.job import EstimateTraining, Train
from engine.workspace.workspace import Workspace
from tests.engine.training.stopping import run_until

DOSE = {
    "el": "Η συνήθης δόση του φαρμάκου {0} είναι {0}0 χιλιοστόγραμμα μετά το φαγητό.",
    "pl": "Zwykła dawka leku {0}: {0}0 mg.",
}


def fill(session: Session, folder: Path, text: str) -> None:
    folder.mkdir()
    rows: list[dict[str, str]] = []
    for number in range(1, 12):
        dose = text.format(number)
        (folder / f"{number}.txt").write_text(dose * 3, encoding="utf-8")
        split = "train" if number < 10 else "validation"
        row = {"question": f"{dose.split()[0]} {number}?", "answer": dose, "context": dose, "document": f"{number}.txt"}
        rows.append({**row, "split": split})
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ImportFiles((str(folder),)).run(session, Monitor())


def test_a_generator_that_reads_the_script_is_trained_in_place_of_one_that_does_not(
    session: Session, tmp_path: Path
) -> None:
    fill(session, tmp_path / "in", DOSE["el"])
    training, _ = lesson_questions(session, "generator")
    assert unreadable(DEFAULT_GENERATOR, training, session) > 0.8
    assert unreadable(CHAT_GENERATOR, training, session) == 0
    job = Train("generator", preset="quick", learning_rate=3e-3)
    assert EstimateTraining(job).run(session, Monitor()).seconds > 0
    run = job.run(session, Monitor())
    assert f"{CHAT_GENERATOR} was trained in its place" in run.reason


def test_whoever_names_the_generator_gets_it_and_is_told(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "in", DOSE["el"])
    training, _ = lesson_questions(session, "generator")
    told = told_of_generator(Train("generator", DEFAULT_GENERATOR), session.run("active"), training, session)
    assert told.startswith(f" {DEFAULT_GENERATOR} has no tokens for") and "start from another" in told


@pytest.mark.parametrize("what", ["retriever", "generator", "all", "joint"])
def test_some_letters_without_a_token_are_put_back_from_the_passage(
    what: str, session: Session, tmp_path: Path
) -> None:
    fill(session, tmp_path / "in", DOSE["pl"])
    training, _ = lesson_questions(session, "generator")
    assert 0 < unreadable(DEFAULT_GENERATOR, training, session) < 0.5
    assert not told_of_generator(Train(what), session.run("active"), training, session)  # type: ignore[arg-type]  # one of them


SIGNS = {  # of an illness, and what a patient calls it: no word in common
    "myocardial infarction": "heart attack",
    "cephalalgia": "headache",
    "pyrexia": "fever",
    "hypertension": "high blood pressure",
    "dyspnoea": "trouble breathing",
    "emesis": "throwing up",
    "pruritus": "itching skin",
    "fracture": "broken bone",
    "contusion": "bruise",
    "insomnia": "sleepless nights",
    "neoplasm": "tumour",
    "obesity": "being too fat",
}
THOROUGH = Train("retriever", preset="thorough", epochs=1, batch_size=4)


def with_two_encoders(workspace: Workspace, tiny_models: Path, folder: Path, *, learned: str) -> Session:
    """A session whose library has both bundled encoders: the real MiniLM as `learned`, random weights as the other."""
    bundled = folder / "bundled"
    shutil.copytree(tiny_models, bundled)
    shutil.copytree(tiny_models / DEFAULT_ENCODER, bundled / BETTER_ENCODER)
    shutil.rmtree(bundled / learned)
    shutil.copytree(ModelLibrary.default().folder(DEFAULT_ENCODER), bundled / learned)
    for name in (DEFAULT_ENCODER, BETTER_ENCODER):
        description = bundled / name / "vademecum.json"
        description.write_text(json.dumps(json.loads(description.read_bytes()) | {"name": name}), encoding="utf-8")
    session = Session(
        workspace=workspace, library=ModelLibrary(bundled, folder / "imported"), device=Device.detect("cpu")
    )
    rows: list[dict[str, str]] = []
    for number, (illness, plain) in enumerate(SIGNS.items()):
        for ward in ("north", "south", "east"):
            context = f"Acute {illness} is seen by the {ward} team within {number + 1} hours."
            question = f"Who looks after {plain} in the {ward}?"
            split = "validation" if ward == "east" else "train"
            rows.append({"question": question, "answer": f"the {ward} team", "context": context, "split": split})
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    ImportFiles((str(folder / "questions.jsonl"),)).run(session, Monitor())
    return session


@pytest.fixture
def without_general_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an encoder forgets takes a real one long to measure, and says nothing of which is chosen."""
    monkeypatch.setattr(retriever_stage, "general_ndcg", lambda encoder: 0.8)


@pytest.mark.usefixtures("without_general_check")
@pytest.mark.parametrize("learned", [BETTER_ENCODER, DEFAULT_ENCODER])
def test_a_thorough_training_starts_from_the_encoder_that_finds_more_in_these_documents(
    learned: str, workspace: Workspace, tiny_models: Path, tmp_path: Path
) -> None:
    session = with_two_encoders(workspace, tiny_models, tmp_path, learned=learned)
    run = run_until(THOROUGH, session, lambda event: event.step > 0)
    assert (run.encoder, run.settings["encoder"]) == (learned, learned)
    without = workspace.vectors.missing(vectors_key(session, BETTER_ENCODER))
    assert (len(without) < len(workspace.documents.passages())) == (learned == BETTER_ENCODER)  # kept only if chosen


@pytest.mark.usefixtures("without_general_check")
def test_a_stopped_thorough_training_goes_on_with_the_encoder_it_chose(
    workspace: Workspace, tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = with_two_encoders(workspace, tiny_models, tmp_path, learned=BETTER_ENCODER)
    stopped = run_until(THOROUGH, session, lambda event: event.step > 0)
    monkeypatch.setattr(course, "better_encoder", None)  # whoever asks again fails
    again = run_until(Train(resume=stopped.id), session, lambda event: event.step > 1)
    assert (again.id, again.encoder, again.settings["encoder"]) == (stopped.id, BETTER_ENCODER, BETTER_ENCODER)


def test_the_estimate_of_a_thorough_training_is_the_slower_encoders(
    workspace: Workspace, tiny_models: Path, tmp_path: Path
) -> None:
    session = with_two_encoders(workspace, tiny_models, tmp_path, learned=BETTER_ENCODER)
    told, named, balanced = (
        EstimateTraining(job).run(session, Monitor()).memory_bytes
        for job in (THOROUGH, replace(THOROUGH, encoder=BETTER_ENCODER), replace(THOROUGH, preset="balanced"))
    )
    assert told == pytest.approx(named, rel=0.2)
    assert told > balanced + 10 * 2**20


@pytest.mark.parametrize(
    ("job", "encoder", "asked", "tries"),
    [
        pytest.param(THOROUGH, DEFAULT_ENCODER, 30, True, id="thorough"),
        pytest.param(replace(THOROUGH, what="all", model=DEFAULT_GENERATOR), DEFAULT_ENCODER, 30, True, id="all"),
        pytest.param(replace(THOROUGH, preset="balanced"), DEFAULT_ENCODER, 30, False, id="balanced"),
        pytest.param(replace(THOROUGH, what="generator"), DEFAULT_ENCODER, 30, False, id="answers only"),
        pytest.param(replace(THOROUGH, encoder=DEFAULT_ENCODER), DEFAULT_ENCODER, 30, False, id="one is named"),
        pytest.param(replace(THOROUGH, model=DEFAULT_ENCODER), DEFAULT_ENCODER, 30, False, id="named as the model"),
        pytest.param(THOROUGH, TUNED + "0" * 64, 30, False, id="the active run's is tuned"),
        pytest.param(THOROUGH, DEFAULT_ENCODER, 29, False, id="too few questions to tell"),
    ],
)
def test_encoders_are_tried_only_where_a_choice_is_left(
    job: Train, encoder: str, asked: int, tries: bool, workspace: Workspace, tiny_models: Path, tmp_path: Path
) -> None:
    session = with_two_encoders(workspace, tiny_models, tmp_path, learned=BETTER_ENCODER)
    questions = sum(lesson_questions(session, "retriever"), ())[:asked]
    parent = replace(session.run(BASE), encoder=encoder)
    assert tries_encoders(job, settings_of(job), parent, questions, session) == tries
    shutil.rmtree(session.library.bundled / BETTER_ENCODER)  # as where set-up left it out
    assert not tries_encoders(job, settings_of(job), parent, questions, session)
