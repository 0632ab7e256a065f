"""The retriever's batch: cached gradients are the whole batch's, and evidence is never a negative."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.device import Device, Precision
from engine.jobs import Monitor
from engine.models.library import DEFAULT_ENCODER, ModelLibrary
from engine.records import Fusion, Hit, Passage, Question
from engine.retrieval.encoder import Encoder, autocast
from engine.retrieval.fusion import Candidates
from engine.settings import RetrieverSettings
from engine.training import retriever
from engine.training.retriever import Pair, RetrieverTask, Validation, fitted, interpolate, mine

CPU = Device.detect("cpu")


def pair(number: int, *, positive_ids: frozenset[str] = frozenset()) -> Pair:
    return Pair(
        f"What is the dose of drug {number}?",
        f"The dose of drug {number} is {number}0 mg. " * (number + 1),
        positive_ids | {f"p{number}"},
        f"p{number}",
        ((f"n{number}", f"Drug {number} is dispensed at room {number}. " * 3),),
    )


@pytest.fixture
def encoder(library: ModelLibrary) -> Encoder:
    return Encoder(library.files(DEFAULT_ENCODER), CPU)


class _Reader:
    """An encoder that would embed a passage's text."""

    def input_of(self, passage: Passage) -> str:
        return passage.text


def test_validation_counts_the_dense_ranking_beside_the_fused_one() -> None:
    texts = {"right": (0.6, 0.8), "wrong": (0.8, 0.6)}  # what the encoder makes of them, beside the question's (1, 0)
    passages = {name: Passage(name, "d", "", name, None, "", 0, 5) for name in texts}

    class ByWords:
        encoder = _Reader()
        fusion = Fusion(0.2)

        def candidates(self, questions: list[str]) -> list[Candidates]:
            return [Candidates(("right", "wrong"), np.array([0.6, 0.8]), np.array([5.0, 0.0]))]

    class Told:
        def encode(self, asked: list[str], *, questions: bool = False, report: object = None) -> np.ndarray:
            return np.array([(1.0, 0.0) if questions else texts[text] for text in asked], dtype=np.float32)

    validation = Validation([Question("1", "?", ("yes",), ("right",))], passages, ByWords(), Monitor())  # type: ignore[arg-type]
    (gain,) = validation.gains(Told())  # type: ignore[arg-type]
    assert gain == pytest.approx((1 + 1 / np.log2(3)) / 2)  # words have it first, the encoder second


def task_of(encoder: Encoder, pairs: list[Pair]) -> RetrieverTask:
    settings = RetrieverSettings(batch_size=max(2, len(pairs)), hard_negatives=1)
    return RetrieverTask(encoder, pairs, settings, score=lambda encoder: 0.0, seed=0)


def step_gradient(task: RetrieverTask, precision: Precision = "fp32") -> tuple[float, torch.Tensor, int]:
    task.model.zero_grad()
    values: list[float] = []
    parts = task.losses(0)
    while True:
        with autocast(CPU, precision):
            part = next(parts, None)
        if part is None:
            break
        part.backward()
        values.append(part.item())
    gradient = torch.cat([one.grad.flatten() for one in task.model.parameters() if one.grad is not None])
    return sum(values), gradient, len(values)


def fit_to(task: RetrieverTask, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settle what a step keeps where there is memory for this share of its first step."""
    monkeypatch.setattr(Device, "free_memory_bytes", lambda device: 2**40)
    task.fit_memory(CPU)
    monkeypatch.setattr(
        Device, "free_memory_bytes", lambda device: 1.01 * share * task.kept_bytes / retriever.KEPT_SHARE
    )
    task.fit_memory(CPU)


@pytest.mark.parametrize("kept", [0, 0.5, 1])
def test_cached_gradients_equal_the_whole_batch(kept: float, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    task = task_of(encoder, [pair(number) for number in range(6)])
    whole_loss, whole, parts = step_gradient(task)
    assert parts == 1
    monkeypatch.setattr(retriever, "PART_TOKENS", 64)
    fit_to(task, kept, monkeypatch)
    loss, cached, parts = step_gradient(task)
    assert parts > 3
    assert loss == pytest.approx(whole_loss, rel=1e-5)
    assert torch.allclose(cached, whole, rtol=1e-3, atol=1e-6)
    assert whole.abs().max() > 1e-3


def test_what_there_is_memory_to_keep_is_embedded_once(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retriever, "PART_TOKENS", 64)
    embedded: list[int] = []
    forward = encoder.forward

    def counted(rows: list[list[int]]) -> torch.Tensor:
        embedded.append(len(rows))
        return forward(rows)

    monkeypatch.setattr(encoder, "forward", counted)
    times: list[float] = []
    for kept in (0, 0.5, 1):
        task = task_of(encoder, [pair(number) for number in range(6)])
        fit_to(task, kept, monkeypatch)
        embedded.clear()
        step_gradient(task)
        times.append(sum(embedded) / 18)
    assert times[0] == 2
    assert 1 < times[1] < 2
    assert times[2] == 1


def test_bf16_loses_no_part_of_the_gradient(encoder: Encoder) -> None:
    task = task_of(encoder, [pair(number) for number in range(6)])
    exact = step_gradient(task)[1]
    rounded = step_gradient(task, "bf16")[1]
    assert torch.nn.functional.cosine_similarity(exact, rounded, dim=0) > 0.98
    assert rounded.norm() == pytest.approx(exact.norm().item(), rel=0.1)


def test_evidence_of_a_question_is_never_its_negative(encoder: Encoder) -> None:
    strangers = step_gradient(task_of(encoder, [pair(1), pair(2)]))[0]
    shared = [pair(1, positive_ids=frozenset({"p2", "n2", "n1"})), pair(2, positive_ids=frozenset({"p1", "n1", "n2"}))]
    alone = step_gradient(task_of(encoder, shared))[0]
    assert strangers > 0
    assert alone == pytest.approx(0, abs=1e-6)


class _Told:
    """A retriever that finds these passages, at these cosines."""

    encoder = _Reader()

    def __init__(self, cosine: dict[str, float], texts: dict[str, str]) -> None:
        self._cosine = cosine
        self.passages = {name: Passage(name, "d", "", text, None, "", 0, len(text)) for name, text in texts.items()}

    def cosines(self, questions: list[str], passage_ids: list[list[str]]) -> list[np.ndarray]:
        return [np.array([self._cosine[one] for one in ids]) for ids in passage_ids]

    def search(self, questions: list[str], *, top_k: int) -> list[list[Hit]]:
        found = [Hit(one, 1.0, dense=self._cosine[name]) for name, one in self.passages.items() if name != "missed"]
        return [found for _ in questions]


def mined(told: _Told, *questions: Question) -> list[list[str]]:
    pairs = mine(questions, told.passages, told, RetrieverSettings(), Monitor())  # type: ignore[arg-type]  # it finds
    return [[name for name, _ in pair.negatives] for pair in pairs]


def test_what_is_as_near_as_the_evidence_is_no_negative_even_where_the_search_missed_that() -> None:
    cosine = {"missed": 0.5, "found": 0.8, "nearer": 0.9, "near": 0.6, "far": 0.4}
    told = _Told(cosine, {name: f"It is {name}." for name in cosine})
    assert mined(
        told, Question("1", "?", ("yes",), ("missed",)), Question("2", "?", ("yes",), ("found", "missed"))
    ) == [
        ["far"],
        ["near", "far"],
    ]


def test_a_question_whose_evidence_was_removed_meanwhile_is_left_out() -> None:
    told = _Told({"right": 0.9, "wrong": 0.1}, {"right": "It is.", "wrong": "It is not."})
    assert mined(told, Question("1", "?", ("x",), ("gone",)), Question("2", "?", ("x",), ("gone", "right"))) == [
        ["wrong"]
    ]


def test_an_answer_is_held_whichever_way_its_accents_are_encoded() -> None:
    texts = {"right": "It is.", "café": "Au cafe\u0301 noir."}
    told = _Told({"right": 0.9, "café": 0.1}, texts)
    assert mined(told, Question("1", "?", ("caf\u00e9",), ("right",))) == [[]]


@pytest.mark.parametrize(
    ("answer", "negatives"),
    [
        ("no", ["known", "year", "dose"]),
        ("5", ["known", "year", "dose", "stop"]),
        ("%", ["known", "year", "dose", "stop"]),
        ("2.5 mg", ["known", "year", "stop"]),
        ("終止", ["known", "year", "dose"]),
    ],
)
def test_a_passage_that_holds_an_answer_word_for_word_is_no_negative(answer: str, negatives: list[str]) -> None:
    texts = {
        "right": "It is.",
        "known": "It is known.",
        "year": "Since 2015.",
        "dose": "It is 2.5mg.",
        "stop": "No: 合同可以在三十天内終止。",
    }
    told = _Told(dict.fromkeys(texts, 0.1) | {"right": 0.9}, texts)
    assert mined(told, Question("1", "?", (answer,), ("right",))) == [negatives]


ALIKE = np.array([0.6, 0.9, 0.3, 1.0, 0.5, 0.4])


@pytest.mark.parametrize(
    ("gains", "chosen"),
    [
        pytest.param([ALIKE, ALIKE, ALIKE, ALIKE], 0.25, id="alike"),
        pytest.param([ALIKE, ALIKE - 0.1, ALIKE - 0.2, ALIKE - 0.3], 1.0, id="the tuned end is surely better"),
        pytest.param([ALIKE, ALIKE[::-1] - 0.01, ALIKE - 0.2, ALIKE - 0.3], 0.75, id="less, but within the error"),
        pytest.param([ALIKE - 0.1, ALIKE, ALIKE[::-1] - 0.01, ALIKE - 0.2], 0.5, id="a mixture is best"),
    ],
)
def test_the_least_share_that_is_not_surely_worse_is_chosen(
    encoder: Encoder, gains: list[np.ndarray], chosen: float
) -> None:
    base = {name: torch.zeros_like(tensor) for name, tensor in encoder.model.state_dict().items()}
    name, tuned = next((name, one.clone()) for name, one in encoder.model.state_dict().items() if one.ndim == 2)
    told = iter(gains)
    assert interpolate(encoder, base, lambda encoder: next(told), Monitor()) == chosen
    assert torch.allclose(encoder.model.state_dict()[name], chosen * tuned)


class _Spread:
    """An encoder that takes question 0 for question 1: cosine 1 to a question's passage, `wrong` to all others."""

    def __init__(self, wrong: float) -> None:
        self._wrong = wrong

    def encode(self, texts: list[str], *, questions: bool = False) -> np.ndarray:
        rows = [int(text.split()[1].strip(".?")) for text in texts]
        vectors = np.sqrt(1 - self._wrong) * np.eye(16)[[max(row, 1) if questions else row for row in rows]]
        vectors[:, -1] = np.sqrt(self._wrong)
        return vectors.astype(np.float32)


@pytest.mark.parametrize(
    ("wrong", "asked", "suits"),
    [(0.2, 0.05, 0.05), (0.9, 0.05, 0.02), (0.96, 0.05, 0.01), (0.96, 0.02, 0.01), (0.96, 0.005, 0.005)],
)
def test_a_lower_temperature_suits_an_encoder_whose_cosines_lie_close_together(
    wrong: float, asked: float, suits: float
) -> None:
    pairs = [Pair(f"Question {row}?", f"Passage {row}.", frozenset({f"p{row}"}), f"p{row}", ()) for row in range(8)]
    settings = fitted(RetrieverSettings(temperature=asked), _Spread(wrong), pairs)  # type: ignore[arg-type]  # it can encode
    assert settings.temperature == pytest.approx(suits)


def test_a_single_pair_leaves_the_temperature_as_it_is(encoder: Encoder) -> None:
    assert fitted(RetrieverSettings(), encoder, [pair(0)]) == RetrieverSettings()


def test_other_evidence_in_the_batch_does_not_lower_the_temperature() -> None:
    both = frozenset({"p0", "p1"})
    pairs = [Pair(f"Question {row}?", "Passage 1.", both, f"p{row}", ()) for row in range(2)]
    assert fitted(RetrieverSettings(), _Spread(0.9), pairs).temperature == 0.05  # type: ignore[arg-type]  # nothing is wrong
