"""Learning from the documents alone: a title or section heading asks, the passages that stand under it answer."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from engine.documents.splitter import SECTION_SEPARATOR
from engine.errors import TrainingError
from engine.evaluation.metrics import ndcg_at
from engine.jobs import Monitor
from engine.records import Passage, Question, Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.retriever import embed_missing
from engine.session import TUNED
from engine.training.answering import answering_as
from engine.training.chance import exceeds
from engine.training.forgetting import GENERAL, MOST_FORGOTTEN, general_ndcg
from engine.training.loop import train
from engine.training.retriever import Pair, RetrieverTask, fitted, interpolate
from engine.training.stage import Lesson

MEASURE = "headings ndcg@10"
SENTENCES = "sentences ndcg@10"  # a sentence asks for the rest of its passage: whether passages are still told apart
LEAST_HEADS = 20  # different ones: fewer teach nothing and measure nothing
MOST_UNDER_A_HEAD = 100  # passages: a heading over more says too little of each
PASSAGES_A_HEAD = 6
MOST_PAIRS = 3000
SENTENCES_ASKED = 150
POOL = 1000  # passages that the held-out headings are looked for among
EPOCHS = 1  # more learn the headings by heart
SURE = 1.645  # standard errors: one side, 95 %
_PREFIX = "heading:"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SENTENCE_WORDS = (6, 60)
_WORD = re.compile(r"[^\W\d_]{3,}")


def heading_questions(passages: Iterable[Passage], *, seed: int = 0) -> tuple[Question, ...]:
    """Return questions made of titles and headings, each with the passages under it as evidence, one of them first.

    None where there are too few different headings to learn and measure by.
    """
    under: dict[str, list[Passage]] = defaultdict(list)
    for passage in passages:
        under[_head(passage)].append(passage)
    chance = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
    questions: list[Question] = []
    telling = {head: held for head, held in under.items() if _WORD.search(head) and len(held) <= MOST_UNDER_A_HEAD}
    for head, held in telling.items():
        ids = [passage.id for passage in held]
        for passage in chance.sample(held, min(PASSAGES_A_HEAD, len(held))):
            evidence = (passage.id, *(one for one in ids if one != passage.id))
            questions.append(
                Question(_PREFIX + passage.id, head, (), evidence, group=head, document_id=passage.document_id)
            )
    if len(telling) < LEAST_HEADS:
        return ()
    return tuple(chance.sample(questions, min(MOST_PAIRS, len(questions))))


def are_headings(questions: Sequence[Question]) -> bool:
    """Whether these are no person's questions."""
    return bool(questions) and questions[0].id.startswith(_PREFIX)


def tune_on_headings(lesson: Lesson) -> Run:
    """Return the parent with an encoder that learnt which passages stand under which heading.

    It is kept only if it surely finds held-out ones better than the parent's, which may be another (by a one-sided test
    of 95 %: chance alone gains a little), tells single passages apart as well (what stands under one heading is not one
    answer) and forgets little. The fusion stays as it is: there is no question to tune it on. A generator named to
    start from waits for questions.
    """
    session, monitor = lesson.session, lesson.monitor
    passages = lesson.passages()
    files = session.model_files(lesson.run.encoder)
    encoder = Encoder(files, session.device)
    base = {name: tensor.detach().clone() for name, tensor in encoder.model.state_dict().items()}
    settings = replace(lesson.settings.retriever, epochs=EPOCHS, hard_negatives=0)
    check = HeldOut(lesson.validation, passages, monitor, seed=lesson.seed)
    parent, known = lesson.parent, encoder
    if parent.passage_encoder:
        raise TrainingError(
            f"Run {parent.id} embeds questions and passages with two encoders: headings can't tell which is better.",
            hint="Import questions, or promote another run first.",
        )
    if parent.encoder != lesson.run.encoder:
        known = Encoder(session.model_files(parent.encoder), session.device)
    untuned = check.gains(known)
    before = {MEASURE: float(untuned.mean()), **check.guarded(known)}
    pairs = _pairs(lesson.training, passages)
    task = RetrieverTask(encoder, pairs, fitted(settings, encoder, pairs), score=check.score, seed=lesson.seed)
    task.fit_memory(session.device)
    outcome = train(
        task,
        lesson.plan(settings, validations_per_epoch=2),
        run_id=lesson.run.id,
        workspace=session.workspace,
        device=session.device,
        monitor=monitor,
    )

    interpolate(encoder, base, check.gains, monitor, allows=lambda encoder: not suffers(before, check.guarded(encoder)))
    tuned = check.gains(encoder)
    after = {MEASURE: float(tuned.mean()), **check.guarded(encoder)}
    kept = exceeds(tuned - untuned, errors=SURE) and not suffers(before, after)
    run = replace(
        answering_as(lesson.run, parent),
        encoder=parent.encoder,
        passage_encoder=parent.passage_encoder,
        steps=lesson.run.steps + outcome.steps,
        best_step=outcome.best_step,
    )
    if kept:
        digest = session.workspace.objects.publish_folder({**files, "model.safetensors": encoder.weights()})
        run = replace(run, encoder=TUNED + digest, passage_encoder="")
        embed_missing(session, encoder, run.indexed_by, monitor)
    scores = {**after, "retriever kept": float(kept)}
    return replace(run, before={**run.before, **before}, after={**run.after, **scores})


def suffers(before: Mapping[str, float], after: Mapping[str, float]) -> str:
    """Return what an encoder does worse than before by more than is allowed; "" for nothing."""
    return next((name for name in (SENTENCES, GENERAL) if after[name] < before[name] - MOST_FORGOTTEN), "")


class HeldOut:
    """Measures an encoder on headings it did not learn from: the passages are embedded without title and section."""

    def __init__(
        self, questions: Sequence[Question], passages: Mapping[str, Passage], monitor: Monitor, *, seed: int
    ) -> None:
        self._monitor = monitor
        evidence = {question.question: frozenset(question.evidence) for question in questions}
        self._heads = list(evidence)
        self._evidence = list(evidence.values())
        chance = random.Random(seed)  # noqa: S311 - a reproducible draw, not a secret
        asked = sorted(frozenset[str]().union(*self._evidence) & passages.keys())
        others = sorted(passages.keys() - set(asked))
        pool = asked[:POOL] + chance.sample(others, max(0, min(POOL - len(asked), len(others))))
        self._ids = pool
        self._texts = [passages[one].text for one in pool]
        self._sentences = [
            found for row in chance.sample(range(len(pool)), len(pool)) if (found := self._sentence(row))
        ]
        del self._sentences[SENTENCES_ASKED:]

    def guarded(self, encoder: Encoder) -> dict[str, float]:
        """Return what must not suffer."""
        return {SENTENCES: self._sentence_score(encoder), GENERAL: general_ndcg(encoder)}

    def _sentence(self, row: int) -> tuple[int, str, str] | None:
        """A passage's row, its middle sentence, and the passage without it; None where it has too few sentences."""
        sentences = _SENTENCE_END.split(self._texts[row])
        middle = len(sentences) // 2
        least, most = _SENTENCE_WORDS
        if len(sentences) < 3 or not least <= len(sentences[middle].split()) <= most:
            return None
        return row, sentences[middle], " ".join(sentences[:middle] + sentences[middle + 1 :])

    def _sentence_score(self, encoder: Encoder) -> float:
        """nDCG@10 of finding a passage by a sentence taken out of it (the inverse cloze task, Lee et al. 2019)."""
        if not self._sentences:
            return 0.0
        texts = list(self._texts)
        for row, _, rest in self._sentences:
            texts[row] = rest
        vectors = encoder.encode(texts, report=lambda done: self._monitor.check())
        asked = encoder.encode([sentence for _, sentence, _ in self._sentences], questions=True)
        gains: list[float] = []
        for (row, _, _), scores in zip(self._sentences, asked @ vectors.T, strict=True):
            ranked = [self._ids[one] for one in np.argsort(-scores, kind="stable")[:10]]
            gains.append(ndcg_at(ranked, (self._ids[row],)))
        return float(np.mean(gains))

    def score(self, encoder: Encoder) -> float:
        """Return nDCG@10 of the dense ranking, the mean over the held-out headings."""
        return float(self.gains(encoder).mean())

    def gains(self, encoder: Encoder) -> np.ndarray:
        """Return nDCG@10 of the dense ranking of each held-out heading, shape (H,)."""
        vectors = encoder.encode(self._texts, report=lambda done: self._monitor.check())
        scores = encoder.encode(self._heads, questions=True) @ vectors.T  # (H, P)
        ranked = [[self._ids[row] for row in np.argsort(-one, kind="stable")[:10]] for one in scores]
        return np.array([ndcg_at(ids, held) for ids, held in zip(ranked, self._evidence, strict=True)])


def _pairs(questions: Sequence[Question], passages: Mapping[str, Passage]) -> list[Pair]:
    """The passage's bare text: with its title before it the heading would be found by its letters."""
    return [
        Pair(
            question.question,
            passages[question.evidence[0]].text,
            frozenset(question.evidence),
            question.evidence[0],
            (),
        )
        for question in questions
    ]


def _head(passage: Passage) -> str:
    return passage.section.rsplit(SECTION_SEPARATOR, 1)[-1] if passage.section else passage.title
