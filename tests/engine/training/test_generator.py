"""What the generator learns from: the evidence alone or among others, wrong passages to refuse, all in every epoch."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from engine.generation.prompt import PromptWriter
from engine.generation.weights import load_generator, load_writer, with_verdict
from engine.jobs import Monitor
from engine.models.library import DEFAULT_GENERATOR, ModelLibrary
from engine.records import Hit, Passage, Question
from engine.settings import GeneratorSettings
from engine.training.generator import GeneratorTask, Grounded, example, ground, refusals

GOLD, SAME, OTHER = (
    Passage(f"d:{number}", "d", "T", text, None, "", 0, len(text))
    for number, text in enumerate(("Give 5 mg daily.", "As said, 5 mg daily is the dose.", "Give 15 mg at night."))
)
KNOWN = Question("q", "How much is given?", ("5 mg daily",), (GOLD.id,), "train")
PASSAGES = {passage.id: passage for passage in (GOLD, SAME, OTHER)}
SETTINGS = GeneratorSettings(batch_size=2)


@pytest.fixture
def writer(tiny_library: ModelLibrary) -> PromptWriter:
    return load_writer(with_verdict(tiny_library.files(DEFAULT_GENERATOR)))


def grounded(*questions: Question) -> list[Grounded]:
    return ground(questions, [[Hit(passage, 1.0) for passage in (SAME, OTHER, GOLD)]] * len(questions), PASSAGES)


def test_a_wrong_passage_is_refused_and_one_that_says_the_answer_too_is_not(writer: PromptWriter) -> None:
    assert refusals(grounded(KNOWN), writer, replace(SETTINGS, refusals=8), random.Random(0)) == [
        (writer.prompt(KNOWN.question, [OTHER]), writer.refusal)
    ]
    assert refusals(grounded(KNOWN), writer, replace(SETTINGS, refusals=0), random.Random(0)) == []


def test_what_the_documents_do_not_answer_is_refused_whatever_is_shown(writer: PromptWriter) -> None:
    unknown = replace(KNOWN, answers=(), evidence=(), unanswerable=True)
    (one,) = grounded(unknown)
    for seed in range(5):
        assert example(one, writer, SETTINGS, random.Random(seed))[1] == writer.refusal
    assert refusals([one], writer, SETTINGS, random.Random(0)) == []


def test_the_evidence_is_shown_alone_as_often_as_set(writer: PromptWriter) -> None:
    (one,) = grounded(KNOWN)
    alone = writer.prompt(KNOWN.question, [GOLD])
    chance = random.Random(0)
    shown = Counter(example(one, writer, SETTINGS, chance)[0] == alone for _ in range(400))
    assert shown[True] / 400 == pytest.approx(SETTINGS.alone_share, abs=0.08)
    assert example(one, writer, SETTINGS, chance)[1] == writer.target("5 mg daily")


@pytest.mark.parametrize("questions", [1, 5, 40])
def test_an_epoch_shows_every_question_and_a_refusal_of_each(
    questions: int, writer: PromptWriter, tiny_library: ModelLibrary
) -> None:
    asked = [replace(KNOWN, id=str(number), question=f"How much, case {number}?") for number in range(questions)]
    task = GeneratorTask(
        load_generator(tiny_library.files(DEFAULT_GENERATOR)),
        writer,
        training=grounded(*asked),
        validation=grounded(KNOWN),
        settings=SETTINGS,
        seed=0,
        monitor=Monitor(),
    )
    assert task.steps_per_epoch == -(-questions // 2)
    batches = [task.batch(step) for step in range(task.steps_per_epoch)]
    targets = Counter(tuple(target) for batch in batches for _, target in batch)
    assert targets == {tuple(writer.target("5 mg daily")): questions, tuple(writer.refusal or ()): questions}
    assert max(map(len, batches)) - min(map(len, batches)) <= 1
    assert task.batch(0) == batches[0]
