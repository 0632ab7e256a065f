"""Reading: from retrieved passages to a draft of an answer, the passages read together or each on its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.evaluation.metrics import f1
from engine.generation.generator import Generated, Generator
from engine.generation.prompt import PromptWriter
from engine.records import Hit, Passage

_LEAST = 1e-6  # a probability is taken for at least that, and at most for as much less than one


@dataclass(frozen=True, slots=True)
class Draft:
    """What the generator wrote, before it is judged."""

    text: str  # "" where it found no answer
    likelihood: float  # geometric mean of the tokens' probabilities, 0 to 1
    agreement: float  # 0 to 1: how much of the answer the passages read say, each weighted by its trust
    doubt: float  # the least log-odds that they don't answer, over what was weighed; 0 without a verdict
    read: tuple[Passage, ...]  # what it was written from, best first


@dataclass(frozen=True, slots=True)
class Weighing:
    """How passages are weighed against each other, and their answers."""

    temperature: float  # divides the retriever's scores
    doubt: float  # how much the log-odds that it doesn't answer count against a passage
    trust: float  # how much an answer's own log-probability counts


def drafted(generated: Generated, read: Sequence[Passage], writer: PromptWriter, *, doubt: float = 0.0) -> Draft:
    """The draft of an answer from one input."""
    text = writer.restored(generated.text, read)
    return Draft(text, generated.likelihood, float(bool(text)), doubt, tuple(read))


def read_together(
    generator: Generator, asked: Sequence[tuple[str, Sequence[Hit]]], *, stopped: Callable[[], bool]
) -> list[Draft]:
    """Answer each question from all of its passages in one input."""
    shown = [[hit.passage for hit in hits] for _, hits in asked]
    prompts = [generator.writer.prompt(question, read) for (question, _), read in zip(asked, shown, strict=True)]
    written = generator.generate(prompts, max_tokens=generator.writer.most_answer_tokens, stopped=stopped)
    doubted = refused(generator, prompts)
    return [
        drafted(one, read, generator.writer, doubt=float(doubt))
        for one, read, doubt in zip(written, shown, doubted, strict=True)
    ]


def doubts(generator: Generator, asked: Sequence[tuple[str, Sequence[Hit]]]) -> list[np.ndarray]:
    """Return, for each question, the log-odds that each of its passages alone doesn't answer."""
    prompts = [generator.writer.prompt(question, [hit.passage]) for question, hits in asked for hit in hits]
    ends = np.cumsum([len(hits) for _, hits in asked])
    return np.split(refused(generator, prompts), ends[:-1])


def refused(generator: Generator, prompts: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the log-odds that what each prompt shows doesn't answer, by the generator's verdict; 0 without one.

    One pass of the decoder over a word or two costs a fraction of writing an answer.
    """
    target = generator.writer.refusal
    if target is None:
        return np.zeros(len(prompts))
    probabilities = np.exp(generator.score(prompts, [target] * len(prompts))).clip(_LEAST, 1 - _LEAST)
    return np.log(probabilities) - np.log1p(-probabilities)


def best_passages(hits: Sequence[Hit], doubted: np.ndarray, how: Weighing, *, passages: int) -> list[int]:
    """Return the places of the passages to read: found high, and not doubted; best first."""
    weights = _log_weights(hits, doubted, how)
    return [int(place) for place in np.argsort(-weights, kind="stable")[:passages]]


def chosen_draft(
    hits: Sequence[Hit],
    doubted: np.ndarray,
    answers: Sequence[Generated],
    places: Sequence[int],
    how: Weighing,
) -> Draft:
    """Choose among the `answers` written from the passages at `places` the one that they together bear out best.

    RAG-Sequence (Lewis et al. 2020) weights each passage's answers by p(passage | question) and adds up what agrees;
    an answer that differs by one word from another adds nothing there. So answers agree here by their token F1: the
    choice of the least expected loss under that measure (minimum Bayes risk). p(passage | question) is the softmax of
    the fused score, less the generator's own doubt; the answer's probability is taken per token, or short answers would
    always win.
    """
    least = float(doubted.min()) if len(doubted) else 0.0
    sure = np.log(np.maximum([one.likelihood for one in answers], 1e-9))
    weights = _softmax(_log_weights(hits, doubted, how)[list(places)] + how.trust * sure)
    read = tuple(hits[place].passage for place in places)
    spoken = [row for row, one in enumerate(answers) if one.text]
    if not spoken:
        return Draft("", answers[0].likelihood if answers else 0.0, 0.0, least, read)
    agreement = [
        sum(weights[other] * f1(answers[other].text, [answers[row].text]) for other in spoken) for row in spoken
    ]
    place = int(np.argmax(agreement))
    best = spoken[place]
    first = (read[best], *(passage for row, passage in enumerate(read) if row != best))
    return Draft(answers[best].text, answers[best].likelihood, float(agreement[place]), least, first)


def read_apart(
    generator: Generator,
    asked: Sequence[tuple[str, Sequence[Hit]]],
    how: Weighing,
    *,
    passages: int,
    stopped: Callable[[], bool],
) -> list[Draft]:
    """Weigh all passages of each question, answer from the best ones, each on its own, and choose an answer."""
    doubted = doubts(generator, asked)
    chosen = [best_passages(hits, one, how, passages=passages) for (_, hits), one in zip(asked, doubted, strict=True)]
    written = written_apart(generator, asked, chosen, stopped=stopped)
    return [
        chosen_draft(hits, one, answers, places, how)
        for (_, hits), one, answers, places in zip(asked, doubted, written, chosen, strict=True)
    ]


def written_apart(
    generator: Generator,
    asked: Sequence[tuple[str, Sequence[Hit]]],
    chosen: Sequence[Sequence[int]],
    *,
    stopped: Callable[[], bool],
) -> list[list[Generated]]:
    """Answer each question from each of its passages at the `chosen` places alone."""
    writer = generator.writer
    read = [
        (question, hits[place].passage)
        for (question, hits), places in zip(asked, chosen, strict=True)
        for place in places
    ]
    prompts = [writer.prompt(question, [passage]) for question, passage in read]
    written = generator.generate(prompts, max_tokens=writer.most_answer_tokens, stopped=stopped)
    answers = iter(
        [
            replace(one, text=writer.restored(one.text, [passage]))
            for one, (_, passage) in zip(written, read, strict=True)
        ]
    )
    return [[next(answers) for _ in places] for places in chosen]


def _log_weights(hits: Sequence[Hit], doubted: np.ndarray, how: Weighing) -> np.ndarray:
    return np.array([hit.score for hit in hits]) / how.temperature - how.doubt * doubted


def _softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max()) if len(values) else values
    return raised / raised.sum() if len(values) else raised
