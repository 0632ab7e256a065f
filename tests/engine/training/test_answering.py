"""How a run answers is chosen on validation questions, kept with it, and obeyed when it answers."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import QuestionError
from engine.evaluation.outcome import Asker
from engine.generation.confidence import NAMES
from engine.generation.rag import open_rag
from engine.generation.weights import with_verdict
from engine.importing import ImportFiles
from engine.jobs import Event, Monitor, Token
from engine.models.library import DEFAULT_GENERATOR
from engine.records import REFUSAL, Answer, Asking, Run
from engine.serving.job import Search
from engine.session import TUNED, Session
from engine.settings import TrainSettings
from engine.training.answering import (
    FOUND,
    READ,
    USUAL,
    HowRead,
    best_reading,
    calibrated,
    reading_of,
    surely_best,
    whole_documents,
)
from engine.training.stage import Lesson
from engine.workspace.scope import EVERYTHING, Scope

QUESTIONS = 32
APART = HowRead("apart", 2, 4, 0.2, 0.3, 1.0)


@pytest.fixture
def asked(session: Session, tmp_path: Path) -> Session:
    rows = []
    for number in range(QUESTIONS):
        text = f"The code of drug{number} is {number + 100}. It is kept in room {number} of the ward."
        (tmp_path / f"drug{number}.txt").write_text(text, encoding="utf-8")
        rows.append(
            {
                "question": f"What is the code of drug{number}?",
                "answer": str(number + 100),
                "context": text,
                "document": f"drug{number}.txt",
                "split": "validation",
            }
        )
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    paths = [*tmp_path.glob("drug*.txt"), tmp_path / "questions.jsonl"]
    ImportFiles(tuple(map(str, paths))).run(session, Monitor())
    return session


def reading_apart(session: Session) -> Run:
    return replace(session.run("base"), **asdict(APART))


def test_the_way_of_reading_is_chosen_among_those_tried(asked: Session) -> None:
    validation = asked.workspace.questions.list("validation")
    run = reading_apart(asked)
    lesson = Lesson(
        session=asked,
        monitor=Monitor(),
        run=run,
        parent=run,
        training=(),
        validation=validation,
        settings=TrainSettings(),
        seed=0,
        seconds=None,
    )
    hits = open_rag(asked, run, Monitor()).retriever.search([one.question for one in validation], top_k=8)
    tried = (HowRead("together", 1), APART)
    chosen, scores = best_reading(lesson, run, hits, tried=tried)
    assert chosen in tried and scores.keys() == {"f1", "exact_match", FOUND, READ}
    assert reading_of(replace(run, **asdict(chosen))) == chosen


def test_the_usual_way_of_reading_is_left_for_a_surely_better_one_only() -> None:
    usual, together = np.full(10, 0.5), HowRead("together", 3)
    lucky = usual + np.array([0.5, -0.4] * 5)
    assert surely_best({together: lucky, USUAL: usual}) == USUAL
    assert surely_best({together: usual + 0.1, USUAL: usual}) == together
    assert surely_best({together: usual, APART: lucky}) == APART  # where the usual one was not tried


def test_a_run_learns_when_not_to_answer_and_the_risk_is_obeyed(asked: Session) -> None:
    run = reading_apart(asked)
    calibration = calibrated(asked, run, asked.workspace.questions.list("validation"), Monitor())
    assert calibration is not None
    assert calibration.names == NAMES and calibration.questions == 3 * QUESTIONS
    assert 0 < calibration.risk < 1
    rag = open_rag(asked, replace(run, id="learnt", calibration=calibration), Monitor())
    question = "What is the code of drug7?"
    given = rag.answer(question, monitor=Monitor(), asking=Asking(risk=1.0))
    withheld = rag.answer(question, monitor=Monitor(), asking=Asking(risk=0.0))
    assert 0 < given.confidence < 1 and given.confidence == withheld.confidence
    assert withheld.abstained and withheld.answer == REFUSAL and withheld.citations == () and withheld.hits
    assert not withheld.cached  # another risk is another question to the cache


def test_too_few_questions_calibrate_nothing(asked: Session) -> None:
    few = asked.workspace.questions.list("validation")[:29]
    assert calibrated(asked, reading_apart(asked), few, Monitor()) is None


@pytest.mark.parametrize("how", [APART, HowRead("apart", 1, 4), HowRead("together", 2)])
def test_without_calibration_a_sure_verdict_that_nothing_answers_is_obeyed(
    how: HowRead, asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = with_verdict(asked.model_files(DEFAULT_GENERATOR))
    generator = TUNED + asked.workspace.objects.publish_folder(files)
    rag = open_rag(asked, replace(asked.run("base"), generator=generator, **asdict(how)), Monitor())
    declined: dict[tuple[float, float | None], bool] = {}
    for refused in (0.95, 0.6):
        sure = math.log(refused)
        monkeypatch.setattr(rag.generator, "score", lambda prompts, targets, sure=sure: [sure] * len(prompts))
        for risk in (None, 1.0):
            question = f"What is the code of drug7, for {refused} and {risk}?"
            alone = rag.answer(question, monitor=Monitor(), asking=Asking(risk=risk))
            (batched,) = rag.answer_many([question], monitor=Monitor(), asking=Asking(risk=risk))
            assert alone.abstained == batched.abstained
            declined[refused, risk] = alone.abstained
    assert declined == {(0.95, None): True, (0.95, 1.0): False, (0.6, None): False, (0.6, 1.0): False}


@pytest.mark.parametrize("passages", [1, 2])
def test_an_answer_read_apart_is_the_same_alone_and_in_a_batch(asked: Session, passages: int) -> None:
    rag = open_rag(asked, replace(reading_apart(asked), passages_per_answer=passages), Monitor())
    heard: list[Event] = []
    alone = rag.answer("What is the code of drug7?", monitor=Monitor(listen=heard.append))
    (batched,) = rag.answer_many(["What is the code of drug7?"], monitor=Monitor())
    assert (alone.answer, alone.abstained) == (batched.answer, batched.abstained)
    assert alone.confidence == pytest.approx(batched.confidence, rel=0.05)
    assert "".join(event.text for event in heard if isinstance(event, Token)).strip()


def test_a_follow_up_is_searched_for_as_a_question_that_stands_alone(asked: Session) -> None:
    rag = open_rag(asked, reading_apart(asked), Monitor())
    earlier = Asking(earlier=("What is the code of drug7?",))
    answer = rag.answer("In which room is it kept?", monitor=Monitor(), asking=earlier)
    assert answer.question == "In which room is it kept?" and "drug7" in answer.searched
    assert any("drug7 " in hit.passage.text for hit in answer.hits)
    asked_at_once = ["In which room is it kept?", "What is the code of drug5?"]
    batched, alone = rag.answer_many(asked_at_once, monitor=Monitor(), asking=earlier)
    assert (batched.question, batched.searched, batched.hits) == (answer.question, answer.searched, answer.hits)
    assert (alone.question, alone.searched) == ("What is the code of drug5?", "")
    assert rag.answer("In which room is it kept?", monitor=Monitor()).searched == ""


def test_a_changed_document_is_never_answered_from_the_cache(asked: Session, tmp_path: Path) -> None:
    run = reading_apart(asked)
    question = "What is the code of drug7?"
    assert not open_rag(asked, run, Monitor()).answer(question, monitor=Monitor()).cached
    assert open_rag(asked, run, Monitor()).answer(question, monitor=Monitor()).cached
    assert (
        not open_rag(asked, run, Monitor()).answer(question, monitor=Monitor(), asking=Asking(extractive=True)).cached
    )
    other = replace(run, trust=0.0)
    assert not open_rag(asked, other, Monitor()).answer(question, monitor=Monitor()).cached
    (tmp_path / "new.txt").write_text("The code of drug7 is 9000 now.", encoding="utf-8")
    ImportFiles((str(tmp_path / "new.txt"),)).run(asked, Monitor())
    assert not open_rag(asked, run, Monitor()).answer(question, monitor=Monitor()).cached


def test_a_question_repeated_in_a_conversation_comes_from_the_cache(asked: Session) -> None:
    rag, question = open_rag(asked, reading_apart(asked), Monitor()), "What is the code of drug7?"

    def ask(question: str, *earlier: str) -> Answer:
        return rag.answer(question, monitor=Monitor(), asking=Asking(earlier=earlier))

    ask(question)
    assert ask(question, "What is the code of drug5?").cached
    ask("Where is it kept?", question)
    assert not ask("Where is it kept?", "What is the code of drug5?").cached
    assert ask("Where is it kept?", "Who wrote the list of the ward?", question).cached


def test_an_answer_during_which_the_documents_change_is_not_kept(asked: Session) -> None:
    question, workspace = "What is the code of drug7?", asked.workspace
    document = workspace.documents.list()[7].id
    workspace.selection.tag([document], add=["ward"])
    within = Scope(tags=("ward",))

    def ask(meanwhile: Callable[[], object], *, scope: Scope = EVERYTHING) -> Answer:
        monitor = Monitor(listen=lambda event: meanwhile() if isinstance(event, Token) else None)
        return open_rag(asked, reading_apart(asked), Monitor()).answer(question, monitor=monitor, scope=scope)

    ask(lambda: workspace.selection.tag([document], remove=["ward"]), scope=within)
    with pytest.raises(QuestionError):  # nothing has the tag any more
        ask(lambda: None, scope=within)
    rag = open_rag(asked, reading_apart(asked), Monitor())
    (asked.workspace.path.parent / "late.txt").write_text("The code of drug7 is 9000 now.", encoding="utf-8")
    ImportFiles((str(asked.workspace.path.parent / "late.txt"),)).run(asked, Monitor())
    rag.answer(question, monitor=Monitor())  # without the document that came after its index was read
    assert not ask(lambda: None).cached
    workspace.answers.clear()
    ask(lambda: workspace.documents.remove([document]))
    assert workspace.answers.clear() == 0


def test_another_version_with_other_bundled_models_answers_anew(
    asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    rag, question = open_rag(asked, reading_apart(asked), Monitor()), "What is the code of drug7?"
    rag.answer(question, monitor=Monitor())
    assert rag.answer(question, monitor=Monitor()).cached
    monkeypatch.setattr("engine.generation.rag.__version__", "999")
    assert not rag.answer(question, monitor=Monitor()).cached


def test_a_search_is_in_the_order_in_which_passages_are_read_where_the_run_says_so(
    asked: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = TUNED + asked.workspace.objects.publish_folder(with_verdict(asked.model_files(DEFAULT_GENERATOR)))
    fields = {**asdict(APART), "passages_weighed": 8, "doubt": 0.8, "weighs_search": True}
    run = replace(asked.run("base"), id="weighs", generator=generator, **fields)
    asked.workspace.runs.add(run)
    asked.workspace.runs.add(replace(run, id="does-not", weighs_search=False))
    question = "What is the code of drug7?"
    found = Search(question, 8, "does-not").run(asked, Monitor()).hits
    answering = found[6].passage  # as the generator will say
    rag = open_rag(asked, run, Monitor())

    def score(prompts: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[float]:
        texts = [rag.generator.writer.text(prompt) for prompt in prompts]
        return [math.log(0.01 if answering.text in text else 0.99) for text in texts]

    monkeypatch.setattr(rag.generator, "score", score)
    weighed = Search(question, 8, "weighs").run(asked, Monitor()).hits
    assert weighed[0].passage == answering
    assert {hit.passage.id for hit in weighed} == {hit.passage.id for hit in found}
    assert [hit.score for hit in weighed] == sorted((hit.score for hit in weighed), reverse=True)
    assert Search(question, 3, "weighs").run(asked, Monitor()).hits == weighed[:3]  # all eight are looked through
    assert Search(question, 8, "does-not").run(asked, Monitor()).hits == found
    dense = [Search(question, 8, name, "dense").run(asked, Monitor()).hits for name in ("weighs", "does-not")]
    assert dense[0] == dense[1]
    assert rag.answer(question, monitor=Monitor()).hits[0].passage == answering
    asker = Asker(asked, Monitor(), asked.workspace.index_version, asked.workspace.answers.clearings())
    asked_again = [one for one in asked.workspace.questions.list("validation") if one.question == question]
    for name, hits in (("weighs", weighed), ("does-not", found)):
        (evaluated,) = asker.hits(asked.run(name), asked_again)
        assert [hit.passage.id for hit in evaluated[:8]] == [hit.passage.id for hit in hits]


def test_all_parts_of_a_document_are_hidden_together(session: Session, tmp_path: Path) -> None:
    rows = [
        {"id": f"{name}#{part}", "title": f"Article {name}", "text": f"{name} says {part}."}
        for name in "ABCDEFGHIJKL"
        for part in (0, 1)
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = {"question": "What?", "answer": "0", "context": "A says 0.", "document": "A#0", "split": "validation"}
    (tmp_path / "q.jsonl").write_text(json.dumps(asked), encoding="utf-8")
    ImportFiles((str(tmp_path / "corpus.jsonl"), str(tmp_path / "q.jsonl"))).run(session, Monitor())
    (hidden,) = whole_documents(session, session.workspace.questions.list("validation"))
    passages = session.workspace.documents.passages_by_id(hidden)
    assert {passage.document_id for passage in passages.values()} == {"A#0", "A#1"}
