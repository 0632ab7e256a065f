"""The untuned retriever's weight follows the questions, without any training."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.jobs import Monitor
from engine.records import Document, Fusion, Passage, Question
from engine.retrieval.base_fusion import current_run
from engine.retrieval.job import BuildIndex
from engine.serving.job import Search
from engine.session import Session

WORDS = [f"{first}{second}" for first in ("alpha", "beta", "gamma", "delta", "omega") for second in "abcdefgh"]


@pytest.fixture
def asked(session: Session) -> Session:
    """Forty documents of one passage, each with a question that shares its rarest word."""
    for word in WORDS:
        passage = Passage(f"{word}:0", word, "", f"The dose of {word} is 5 mg.", None, "", 0, 20)
        session.workspace.documents.add(Document(word, "", f"/{word}", word, "txt", passage.text), [passage])
    return session


def ask(session: Session, count: int, split: str = "train") -> None:
    session.workspace.questions.add_many(
        [
            Question(f"q{word}", f"How much {word}?", ("5 mg",), (f"{word}:0",), split=split, document_id=word)  # type: ignore[arg-type]
            for word in WORDS[:count]
        ]
    )


@pytest.mark.parametrize(("count", "enough"), [(29, False), (30, True)])
def test_thirty_labelled_questions_are_enough_for_a_weight(asked: Session, count: int, enough: bool) -> None:
    ask(asked, count)
    BuildIndex().run(asked, Monitor())
    assert (asked.run("base").fusion != Fusion()) is enough


def test_a_search_tunes_the_weight_when_questions_came_since(asked: Session) -> None:
    Search("alphaa").run(asked, Monitor())
    assert asked.run("base").fusion == Fusion()
    ask(asked, 40)
    Search("alphaa").run(asked, Monitor())
    tuned = asked.run("base").fusion
    assert tuned.weight < 0.5  # the words decide, the tiny model knows nothing


def test_test_questions_tune_nothing(asked: Session) -> None:
    ask(asked, 40, "test")
    assert current_run(asked, "base", Monitor()).fusion == Fusion()


def test_the_same_questions_are_not_measured_again(asked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(asked, 40)
    current_run(asked, "base", Monitor())
    monkeypatch.setattr("engine.retrieval.base_fusion.untuned_fusion", lambda *a: pytest.fail("measured again"))
    assert current_run(asked, "base", Monitor()).fusion != Fusion()


def test_a_trained_run_keeps_its_own_weight(asked: Session) -> None:
    run = replace(asked.run("base"), id="r", fusion=Fusion(0.9))
    asked.workspace.runs.add(run)
    ask(asked, 40)
    assert current_run(asked, "r", Monitor()).fusion == run.fusion
