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


def weighed(hits: Sequence[Hit], doubted: np.ndarray, how: Weighing) -> list[Hit]:
    """Return the hits in the order they are read: the first len(doubted) weighed, the others after them as found.

    A weighed hit's score is the fused one less its doubt, in the units of the fused one; it stays above the others'.
    """
    scores = np.array([hit.score for hit in hits[: len(doubted)]]) - how.temperature * how.doubt * doubted
    others = list(hits[len(doubted) :])
    if others and len(scores):
        scores += max(others[0].score - float(scores.min()), 0.0)
    order = np.argsort(-scores, kind="stable")
    read = [replace(hits[place], score=float(scores[place]), doubt=float(doubted[place])) for place in order]
    return [*read, *others]


def chosen_draft(hits: Sequence[Hit], answers: Sequence[Generated], how: Weighing) -> Draft:
    """Choose among the `answers`, written from the first of the weighed hits, the one that they together bear out best.

    RAG-Sequence (Lewis et al. 2020) weights each passage's answers by p(passage | question) and adds up what agrees;
    an answer that differs by one word from another adds nothing there. So answers agree here by their token F1: the
    choice of the least expected loss under that measure (minimum Bayes risk). p(passage | question) is the softmax of
    the fused score, less the generator's own doubt; the answer's probability is taken per token, or short answers would
    always win.
    """
    least = least_doubt(hits)
    sure = np.log(np.maximum([one.likelihood for one in answers], 1e-9))
    scores = np.array([hit.score for hit in hits[: len(answers)]])
    weights = _softmax(scores / how.temperature + how.trust * sure)
    read = tuple(hit.passage for hit in hits[: len(answers)])
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
    """Answer from the first `passages` of each question's weighed hits, each on its own, and choose an answer."""
    written = written_apart(generator, [(question, hits[:passages]) for question, hits in asked], stopped=stopped)
    return [chosen_draft(hits, answers, how) for (_, hits), answers in zip(asked, written, strict=True)]


def written_apart(
    generator: Generator, asked: Sequence[tuple[str, Sequence[Hit]]], *, stopped: Callable[[], bool]
) -> list[list[Generated]]:
    """Answer each question from each of its passages alone."""
    writer = generator.writer
    read = [(question, hit.passage) for question, hits in asked for hit in hits]
    prompts = [writer.prompt(question, [passage]) for question, passage in read]
    written = generator.generate(prompts, max_tokens=writer.most_answer_tokens, stopped=stopped)
    answers = iter(
        [
            replace(one, text=writer.restored(one.text, [passage]))
            for one, (_, passage) in zip(written, read, strict=True)
        ]
    )
    return [[next(answers) for _ in hits] for _, hits in asked]


def least_doubt(hits: Sequence[Hit]) -> float:
    """Return the least log-odds that a passage doesn't answer, over those weighed; 0 where none was."""
    return min((hit.doubt for hit in hits if hit.doubt is not None), default=0.0)


def _softmax(values: np.ndarray) -> np.ndarray:
    raised = np.exp(values - values.max()) if len(values) else values
    return raised / raised.sum() if len(values) else raised
