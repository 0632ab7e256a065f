"""Learning without questions: titles and headings, and the passages under them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import TrainingError
from engine.importing import ImportFiles
from engine.jobs import Monitor
from engine.models.library import CHAT_GENERATOR
from engine.records import Passage, Question
from engine.serving.job import Search
from engine.session import BASE, TUNED, Session
from engine.training import headings
from engine.training.headings import MEASURE, SENTENCES, are_headings, heading_questions
from engine.training.job import EstimateTraining, Train


def passage(number: int, title: str, section: str = "") -> Passage:
    return Passage(f"d{number}:0", f"d{number}", title, f"Text {number}.", None, section, 0, 7)


def test_a_heading_asks_for_every_passage_under_it_one_of_them_first() -> None:
    held = [passage(1, "Lease", "Part A › Notice"), passage(2, "Will", "Part B › Notice")]
    held += [passage(10 + number, f"Title number {number}") for number in range(headings.LEAST_HEADS)]
    made = {question.id: question for question in heading_questions(held)}
    assert made["heading:d1:0"].question == "Notice"
    assert made["heading:d1:0"].evidence == ("d1:0", "d2:0")
    assert made["heading:d2:0"].evidence == ("d2:0", "d1:0")
    assert are_headings(tuple(made.values()))


@pytest.mark.parametrize("title", ["Report", "2026-11", "§ 1"])
def test_headings_that_tell_nothing_apart_are_none(title: str) -> None:
    assert heading_questions([passage(number, title) for number in range(40)]) == ()


def fill(session: Session, folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        name = f"Rule {'abcdefghijklmnopqrstuvwxyz'[number % 26] * 4} {number}"
        (folder / f"{number}.md").write_text(f"# {name}\n\nThe ward keeps item {number} in place {number * 7}.")
    ImportFiles((str(folder),)).run(session, Monitor())


def test_another_encoder_is_held_against_the_parents_and_gives_way_to_it(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(session, tmp_path / "files", 40)
    base, other = session.run(BASE).encoder, tmp_path / "other-encoder"
    shutil.copytree(session.library.folder(base), other)
    (other / "vademecum.json").unlink()
    (other / "1_Pooling").mkdir(exist_ok=True)
    (other / "1_Pooling" / "config.json").write_text('{"pooling_mode_cls_token": true}')  # what tells the two apart
    session.library.import_model(other)
    monkeypatch.setattr(
        headings.HeldOut,
        "gains",
        lambda self, encoder: np.full(9, 0.5 if encoder.sentence.pooling == "cls" else 0.9),
    )
    run = Train("retriever", preset="quick", encoder=other.name).run(session, Monitor())
    assert (run.before[MEASURE], run.after[MEASURE]) == (pytest.approx(0.9), pytest.approx(0.5))
    assert (run.kept, run.encoder) == (False, base)


def test_documents_without_questions_train_the_retriever_alone(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files", 40)
    job = Train("all", preset="quick", learning_rate=1e-3, model=CHAT_GENERATOR)  # which waits for questions
    assert list(EstimateTraining(job).run(session, Monitor()).stages) == ["retriever"]
    run = job.run(session, Monitor())
    assert run.state == "finished"
    assert run.before.keys() == {MEASURE, SENTENCES, "general ndcg@10"}
    assert "Learnt from titles and headings, for want of questions to train on: weaker" in run.reason
    assert run.generator == session.run(BASE).generator
    assert run.kept == run.encoder.startswith(TUNED)
    assert session.workspace.runs.active == (run.id if run.kept else BASE)
    assert Search("item 7").run(session, Monitor()).run == session.workspace.runs.active


@pytest.mark.parametrize("falls", ["general", "sentence"])
def test_an_encoder_that_forgets_or_tells_passages_apart_worse_is_not_kept(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, falls: str
) -> None:
    fill(session, tmp_path / "files", 40)
    scores = {name: iter([0.5] + [0.4 if name == falls else 0.5] * 9) for name in ("general", "sentence")}
    monkeypatch.setattr(headings, "general_ndcg", lambda encoder: next(scores["general"]))
    monkeypatch.setattr(headings.HeldOut, "_sentence_score", lambda self, encoder: next(scores["sentence"]))
    monkeypatch.setattr(headings.HeldOut, "gains", lambda self, encoder: np.full(8, next(rising)))
    rising = iter(range(100))
    run = Train("retriever", preset="quick").run(session, Monitor())
    assert run.after[MEASURE] > run.before[MEASURE]
    assert not run.kept
    assert f"worse in what it could: {falls}" in run.reason
    assert run.encoder == session.run(BASE).encoder


@pytest.mark.parametrize(
    ("tuned", "kept"), [([0.6] * 8, True), ([0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5], False)], ids=["sure", "by chance"]
)
def test_what_chance_may_have_gained_is_not_kept(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tuned: list[float], kept: bool
) -> None:
    fill(session, tmp_path / "files", 40)
    monkeypatch.setattr(headings, "general_ndcg", lambda encoder: 0.8)
    monkeypatch.setattr(headings.HeldOut, "_sentence_score", lambda self, encoder: 0.5)
    told = iter([[0.5] * 8] + [tuned] * 20)
    monkeypatch.setattr(headings.HeldOut, "gains", lambda self, encoder: np.array(next(told)))
    run = Train("retriever", preset="quick").run(session, Monitor())
    assert run.after[MEASURE] > run.before[MEASURE]
    assert run.kept == kept
    assert ("not surely better" in run.reason) != kept


def test_a_generator_still_needs_questions(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "files", 40)
    with pytest.raises(TrainingError, match="no training questions"):
        Train("generator").run(session, Monitor())


def test_a_passage_is_looked_for_by_a_sentence_that_is_taken_out_of_it() -> None:
    text = "The first says one thing. The middle one says what is asked for here. The last says another."
    held = {f"d{number}:0": replace(passage(number, "T"), text=text.replace("one", str(number))) for number in range(3)}
    check = headings.HeldOut([Question("q", "T", (), ("d1:0",))], held, Monitor(), seed=0)
    found = {check._ids[row]: (asked, rest) for row, asked, rest in check._sentences}
    assert found["d1:0"] == (
        "The middle 1 says what is asked for here.",
        "The first says 1 thing. The last says another.",
    )
