"""Joint training: question encoder, passage encoder and generator learn together through the retrieved passages."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from engine.generation.likelihood import Example, answer_log_probabilities
from engine.generation.prompt import PromptWriter
from engine.jobs import Monitor
from engine.records import Passage, Question
from engine.retrieval.encoder import BATCH_TOKENS, Encoder, Text, length_buckets
from engine.settings import JointSettings
from engine.training.candidates import Shortlist
from engine.training.generator import PART_TOKENS
from engine.training.marginal import LOSSES, Objective, gradients, ranking_loss, reading_loss

PROBED_QUESTIONS = 1
SHARPNESS_RATE = 100.0  # the temperature's logarithm moves this much faster than a weight: it has but one step a batch

ScoreTargets = Callable[[Sequence[Sequence[int]], Sequence[Sequence[int]]], Sequence[float]]


class Pair(nn.Module):
    """What is trained, as one module: encoder, a passage encoder where there is one, generator and temperature."""

    def __init__(
        self, question: Encoder, passage: Encoder, generator: PreTrainedModel | None, *, temperature: float
    ) -> None:
        """Without `generator` only the retriever learns."""
        super().__init__()
        self.question = question.model
        self.passage = passage.model if passage is not question else None
        self.generator = generator
        self.sharpness = nn.Parameter(torch.zeros((), device=question.device.kind))
        self._temperature = temperature

    def scale(self, sharpness: Tensor) -> Tensor:
        """1/τ as a function of the parameter that is learnt."""
        return (SHARPNESS_RATE * sharpness).exp() / self._temperature

    @property
    def temperature(self) -> float:
        """τ."""
        return 1 / float(self.scale(self.sharpness.detach()))


@dataclass(frozen=True, slots=True)
class _Read:
    """A batch of questions, each with its K passages."""

    questions: list[Question]
    passages: list[list[Passage]]  # K a question
    gold: Tensor  # (B,) place of the evidence among the K, −1 where it is unknown
    slopes: Tensor  # (B, 1)
    bases: Tensor  # (B, K)
    examples: list[Example]  # B·K, a question's K one after the other


class JointTask:
    """RAG-Sequence, RAG-Token or LSR over the passages that the fresh encoder puts first among the stale index's.

    Every part of a step goes through its model twice: without gradients, to know what each vector and each token's
    log-probability weighs in the loss, then with them in parts that fit the memory. The sum is the exact gradient.
    """

    name = "joint"

    def __init__(
        self,
        pair: Pair,
        *,
        question_encoder: Encoder,
        passage_encoder: Encoder,
        writer: PromptWriter,
        shortlist: Shortlist,
        passages: Mapping[str, Passage],
        training: Sequence[Question],
        validation: Sequence[Question],
        objective: Objective,
        settings: JointSettings,
        seed: int,
        monitor: Monitor,
        score: ScoreTargets | None = None,
    ) -> None:
        """`score` tells a fixed generator's log-likelihood of targets: what LSR learns from."""
        self.model = pair
        self.steps_per_epoch = max(1, -(-len(training) // settings.batch_size))
        self._question_encoder = question_encoder
        self._passage_encoder = passage_encoder
        self._writer = writer
        self._shortlist = shortlist
        self._passages = passages
        self._training = list(training)
        self._validation = list(validation)
        self._objective: Objective = objective
        self._settings = settings
        self._seed = seed
        self._monitor = monitor
        self._score = score
        self._scored: dict[tuple[str, str], float] = {}  # question, passage → mean log-probability of a token
        self._device = question_encoder.device.kind
        self._parts = PART_TOKENS[self._device]

    def losses(self, step: int) -> Iterator[Tensor]:
        """Yield parts whose gradients add up to the loss's; the first is worth the loss, the others 0."""
        epoch, position = divmod(step, self.steps_per_epoch)
        self._shortlist.refresh(epoch, step)
        order = list(range(len(self._training)))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        size = self._settings.batch_size
        yield from self._step([self._training[row] for row in order[position * size : (position + 1) * size]])

    def probe(self) -> Tensor:
        """The supervised loss of one question read from its passages."""
        self._shortlist.open()
        read = self._read(self._training[:PROBED_QUESTIONS], with_gold=True)
        if self.model.generator is None:
            return self._passage_encoder.forward(self._texts(read)[0]).pow(2).mean() * 0 + 1.0
        return -answer_log_probabilities(self.model.generator, self._writer, read.examples[:1]).mean()

    def validate(self) -> dict[str, float]:
        """The marginal log-likelihood of validation answers, an answer's token each; the evidence gets no help."""
        total = tokens = 0.0
        for start in range(0, len(self._validation), self._settings.batch_size):
            self._monitor.check()
            read = self._read(self._validation[start : start + self._settings.batch_size], with_gold=False)
            logs, mask = self._logs(read)
            asked, told = self._vectors(read)
            scores = self._scores(asked, told, self.model.sharpness, read)
            total += float(LOSSES[self._objective](scores, logs, mask)) * len(read.questions)
            tokens += float(mask.sum()) if self._objective != "lsr" else len(read.questions)
        return {"validation_marginal": -total / max(tokens, 1.0)}

    def _step(self, batch: Sequence[Question]) -> Iterator[Tensor]:
        settings = self._settings
        with torch.no_grad():
            read = self._read(batch, with_gold=True)
            logs, mask = self._logs(read)
            asked, told = self._vectors(read)
        own, others = self._columns(read)

        def loss(asked: Tensor, told: Tensor, sharpness: Tensor, logs: Tensor) -> Tensor:
            scores = self._scores(asked, told, sharpness, read)  # (B, K)
            every = asked @ told.flatten(0, 1).T * self.model.scale(sharpness)  # (B, B·K)
            ranking = ranking_loss(every, own, others)
            reading = reading_loss(logs, mask, read.gold) if self.model.generator is not None else 0.0
            return LOSSES[self._objective](scores, logs, mask) + settings.gold_weight * (ranking + reading)

        worth, (of_asked, of_told, of_sharpness, of_logs) = gradients(loss, asked, told, self.model.sharpness, logs)
        yield _weighted(self.model.sharpness, of_sharpness) + worth
        yield _weighted(self._question_encoder.forward(self._asked(read)), of_asked)
        rows, which = self._texts(read)
        weights = torch.zeros(len(rows), of_told.shape[2], device=self._device)
        weights.index_add_(0, torch.tensor(which, device=self._device), of_told.flatten(0, 1))
        for part in length_buckets([len(row) for row in rows], self._parts):
            yield _weighted(self._passage_encoder.forward([rows[one] for one in part]), weights[part])
        if self.model.generator is None or self._objective == "lsr":
            return
        flat = of_logs.flatten(0, 1)  # (B·K, T)
        for part in length_buckets([len(prompt) for prompt, _ in read.examples], self._parts):
            examples = [read.examples[one] for one in part]
            weight = torch.cat([flat[one, : len(read.examples[one][1])] for one in part])
            yield _weighted(answer_log_probabilities(self.model.generator, self._writer, examples), weight)

    def _read(self, batch: Sequence[Question], *, with_gold: bool) -> _Read:
        """Choose the K passages of each question: the fresh encoder's best of the shortlist.

        In training the evidence takes the last place where it is not among them: it is known, so it is learnt from.
        """
        listed = [self._shortlist.of(question) for question in batch]
        most = min(min(len(one.passage_ids) for one in listed), self._settings.passages)
        if self._score is not None:  # cached scores make every listed passage cheap to read
            most = min(len(one.passage_ids) for one in listed)
        texts = {
            passage_id: self._passage_encoder.input_of(self._passages[passage_id])
            for one in listed
            for passage_id in one.passage_ids
        }
        fresh = dict(zip(texts, self._encoded(list(texts.values()), self._passage_encoder), strict=True))
        asked = self._encoded([question.question for question in batch], self._question_encoder, questions=True)
        chosen: list[list[Passage]] = []
        gold: list[int] = []
        bases: list[list[float]] = []
        for question, one, vector in zip(batch, listed, asked, strict=True):
            dense = torch.stack([fresh[passage_id] for passage_id in one.passage_ids]) @ vector  # (L,)
            base = torch.tensor(one.line.base, device=dense.device)
            order = (one.line.slope * dense + base).argsort(descending=True).tolist()[:most]
            ids = [one.passage_ids[row] for row in order]
            held = [one.line.base[row] for row in order]
            known = [passage_id for passage_id in question.evidence if passage_id in self._passages]
            if with_gold and known and not set(known) & set(ids):
                ids[-1], held[-1] = known[0], float(base.mean())
            gold.append(next((place for place, passage_id in enumerate(ids) if passage_id in known), -1))
            chosen.append([self._passages[passage_id] for passage_id in ids])
            bases.append(held)
        examples = [
            (self._writer.prompt(question.question, [passage]), self._writer.target(question.answers[0]))
            for question, passages in zip(batch, chosen, strict=True)
            for passage in passages
        ]
        slopes = [[one.line.slope] for one in listed]
        return _Read(
            list(batch),
            chosen,
            torch.tensor(gold, device=self._device),
            torch.tensor(slopes, device=self._device),
            torch.tensor(bases, device=self._device),
            examples,
        )

    def _logs(self, read: _Read) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities of the answers' tokens (B, K, T) and which are tokens (B, T).

        For LSR, one number a passage: the mean, from the cache of the fixed generator's scores.
        """
        size, many = len(read.questions), len(read.passages[0])
        if self._score is not None:
            return self._cached(read).view(size, many, 1), torch.ones(size, 1, device=self._device)
        assert self.model.generator is not None  # only LSR does without
        longest = max(len(target) for _, target in read.examples)
        logs = torch.zeros(size * many, longest, device=self._device)
        mask = torch.zeros(size * many, longest, device=self._device)
        for part in length_buckets([len(prompt) for prompt, _ in read.examples], self._parts):
            examples = [read.examples[one] for one in part]
            found = answer_log_probabilities(self.model.generator, self._writer, examples)
            lengths = [len(target) for _, target in examples]
            for one, length, values in zip(part, lengths, found.split(lengths), strict=True):
                logs[one, :length] = values
                mask[one, :length] = 1
        return logs.view(size, many, -1), mask.view(size, many, -1)[:, 0]

    def _cached(self, read: _Read) -> Tensor:
        assert self._score is not None
        keys = [
            (question.id, passage.id)
            for question, passages in zip(read.questions, read.passages, strict=True)
            for passage in passages
        ]
        missing = [place for place, key in enumerate(keys) if key not in self._scored]
        if missing:
            examples = [read.examples[place] for place in missing]
            sums = self._score([prompt for prompt, _ in examples], [target for _, target in examples])
            for place, (_, target), total in zip(missing, examples, sums, strict=True):
                self._scored[keys[place]] = total / len(target)
        return torch.tensor([self._scored[key] for key in keys], device=self._device)

    def _vectors(self, read: _Read) -> tuple[Tensor, Tensor]:
        """Return the vectors of the questions (B, D) and of their passages (B, K, D)."""
        rows, which = self._texts(read)
        told = torch.cat(
            [self._passage_encoder.forward([rows[one] for one in part]) for part in self._order(rows)]
        )  # in the order of the parts
        placed = torch.empty_like(told)
        placed[[one for part in self._order(rows) for one in part]] = told
        asked = self._question_encoder.forward(self._asked(read))
        return asked, placed[which].view(len(read.questions), len(read.passages[0]), -1)

    def _order(self, rows: Sequence[Sequence[int]]) -> list[list[int]]:
        return list(length_buckets([len(row) for row in rows], self._parts))

    def _encoded(self, texts: Sequence[Text], encoder: Encoder, *, questions: bool = False) -> list[Tensor]:
        rows = encoder.token_ids(texts, questions=questions)
        vectors: list[Tensor] = [torch.empty(0)] * len(rows)
        with torch.no_grad():
            for part in length_buckets([len(row) for row in rows], BATCH_TOKENS):
                for one, vector in zip(part, encoder.forward([rows[one] for one in part]), strict=True):
                    vectors[one] = vector
        return vectors

    def _asked(self, read: _Read) -> list[list[int]]:
        return self._question_encoder.token_ids([one.question for one in read.questions], questions=True)

    def _texts(self, read: _Read) -> tuple[list[list[int]], list[int]]:
        """Return the token ids of the batch's passages, each once, and which of them each of the B·K is."""
        flat = [passage for passages in read.passages for passage in passages]
        places = {passage_id: place for place, passage_id in enumerate(dict.fromkeys(one.id for one in flat))}
        texts = {passage.id: self._passage_encoder.input_of(passage) for passage in flat}
        return self._passage_encoder.token_ids(list(texts.values())), [places[passage.id] for passage in flat]

    def _scores(self, asked: Tensor, told: Tensor, sharpness: Tensor, read: _Read) -> Tensor:
        dense = torch.einsum("bd,bkd->bk", asked, told)
        return (read.slopes * dense + read.bases) * self.model.scale(sharpness)

    def _columns(self, read: _Read) -> tuple[Tensor, Tensor]:
        """Return the column of each question's evidence among the B·K passages, and which others hold it too."""
        flat = [passage.id for passages in read.passages for passage in passages]
        many = len(read.passages[0])
        own = torch.where(
            read.gold >= 0, torch.arange(len(read.gold), device=self._device) * many + read.gold, read.gold
        )
        others = torch.tensor(
            [
                [passage_id in question.evidence and column != int(place) for column, passage_id in enumerate(flat)]
                for question, place in zip(read.questions, own, strict=True)
            ],
            device=self._device,
        )
        return own, others


def _weighted(values: Tensor, weights: Tensor) -> Tensor:
    """Return a tensor worth 0 whose gradient with respect to `values` is `weights`."""
    surrogate = (values * weights.to(values.dtype)).sum()
    return surrogate - surrogate.detach()
