"""Which generator a training starts from where the documents are in a script that the default one has no tokens for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import CHAT_GENERATOR, DEFAULT_GENERATOR
from engine.session import Session
from engine.training.choice import told_of_generator, unreadable
from engine.training.course import lesson_questions
from engine.training.job import EstimateTraining, Train

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
