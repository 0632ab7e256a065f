"""Fine-tuning the retriever: contrastive loss over in-batch and mined hard negatives, then fusion and interpolation."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from engine.device import Device
from engine.evaluation.metrics import ndcg_at
from engine.jobs import Monitor
from engine.questions.folding import TOKEN
from engine.records import Passage, Question
from engine.retrieval.encoder import Encoder, Text, autocast, length_buckets
from engine.retrieval.fusion import DENSE_ONLY, Candidates, metric_values, tune
from engine.retrieval.retriever import Retriever
from engine.settings import RetrieverSettings
from engine.training.chance import exceeds
from engine.training.room import BACKWARD, TRAINED_BYTES, kept_bytes_per_token

MINED = 30  # hits looked at for hard negatives
POOL_DEPTH = 10  # of each index's hits per validation question that enter the validation pool
PROBED_PAIRS = 4
PART_TOKENS = 4096  # padded tokens embedded at once with gradients
KEPT_SHARE = 0.25  # of the free memory, for what a step's first pass keeps for the second
STEPS_PER_EPOCH = 10  # at least, where a batch can be made smaller for it: few pairs need their steps too
LEAST_BATCH = 8
HARDEST = 10  # of the negatives mined, those drawn from
INTERPOLATIONS = (0.75, 0.5, 0.25)  # share of the tuned weights in a mixture with the base (WiSE-FT, arXiv 2109.01903)
GENTLER = (0.125, 0.0625, 0.0)  # tried in turn where all of those are refused
COOLER = (0.02, 0.01)  # temperatures tried beside the one asked for, where they are lower
FITTED_PAIRS = 96
CLEARLY_LESS = 1.2  # a lower temperature must divide the loss by more than that


@dataclass(frozen=True, slots=True)
class Pair:
    """A training question with a passage that answers it and passages that only look like it."""

    question: str
    positive: Text
    positive_ids: frozenset[str]  # all evidence of the question: never a negative
    positive_id: str
    negatives: tuple[tuple[str, Text], ...]  # passage id, what is embedded of it


def mine(
    questions: Sequence[Question],
    passages: Mapping[str, Passage],
    retriever: Retriever,
    settings: RetrieverSettings,
    monitor: Monitor,
) -> list[Pair]:
    """Pair each question with its evidence and with hard negatives from the hybrid index.

    A passage is never a negative if it is evidence, holds an accepted answer, or comes within `negative_margin` of the
    evidence's own cosine (NV-Retriever, arXiv 2407.15831): it may well be right. A question whose evidence was removed
    meanwhile is left out.
    """
    pairs: list[Pair] = []
    size = 64
    for start in range(0, len(questions), size):
        batch = questions[start : start + size]
        asked = [question.question for question in batch]
        known = [[passage_id for passage_id in question.evidence if passage_id in passages] for question in batch]
        found = zip(known, retriever.cosines(asked, known), retriever.search(asked, top_k=MINED), strict=True)
        for question, (evidence, cosines, hits) in zip(batch, found, strict=True):
            if not evidence:
                continue
            ceiling = (1 - settings.negative_margin) * max(cosines, default=0.0)
            negatives = [
                (hit.passage.id, retriever.encoder.input_of(hit.passage))
                for hit in hits
                if hit.passage.id not in evidence
                and (hit.dense or 0.0) < ceiling
                and not _holds(hit.passage.text, question.answers)
            ]
            positive = retriever.encoder.input_of(passages[evidence[0]])
            pairs.append(Pair(question.question, positive, frozenset(evidence), evidence[0], tuple(negatives)))
        monitor.progress("Mining hard negatives", min(start + size, len(questions)), len(questions))
    return pairs


def fitted(settings: RetrieverSettings, encoder: Encoder, pairs: Sequence[Pair]) -> RetrieverSettings:
    """Return `settings` with the temperature that suits the untuned encoder: the one asked for, or a lower one.

    Where an encoder's cosines lie close together (gte-small: .91 for the right passage, .85 for wrong ones), the loss
    at a higher temperature than it was trained at is high for every question, and what training does is to drive all
    texts apart. So the temperature is fitted as for calibration (Guo et al. 2017, arXiv 1706.04599), among `COOLER`.
    """
    some = pairs[:FITTED_PAIRS]
    questions = encoder.encode([one.question for one in some], questions=True)
    cosines = torch.from_numpy(questions @ encoder.encode([one.positive for one in some]).T)  # (N, N)

    def loss(temperature: float) -> float:
        total = 0.0
        for start in range(0, len(some), settings.batch_size):
            own = slice(start, start + settings.batch_size)
            batch = some[own]
            mean = contrast(cosines[own, own] / temperature, batch, [one.positive_id for one in batch])
            total += len(batch) * float(mean)
        return total

    temperatures = [settings.temperature, *(one for one in COOLER if one < settings.temperature)]
    losses = [loss(temperature) for temperature in temperatures]
    suits = next(row for row, one in enumerate(losses) if one <= CLEARLY_LESS * min(losses))
    return replace(settings, temperature=temperatures[suits])


class Validation:
    """Measures an encoder on validation questions over a pool of passages: nDCG@10 of its rankings."""

    def __init__(
        self, questions: Sequence[Question], passages: Mapping[str, Passage], retriever: Retriever, monitor: Monitor
    ) -> None:
        self._monitor = monitor
        self._fusion = retriever.fusion
        self.questions = [question.question for question in questions]
        self.evidence = [question.evidence for question in questions]
        found = retriever.candidates(self.questions)
        pool: dict[str, None] = {}
        for question, one in zip(questions, found, strict=True):
            pool.update(dict.fromkeys(question.evidence))
            for scores in (one.dense, one.lexical):
                pool.update(dict.fromkeys(one.passage_ids[row] for row in np.argsort(-scores)[:POOL_DEPTH]))
        self._ids = [passage_id for passage_id in pool if passage_id in passages]
        self._texts = [retriever.encoder.input_of(passages[passage_id]) for passage_id in self._ids]
        self._lexical: list[np.ndarray] = []
        for one in found:
            score_of = dict(zip(one.passage_ids, one.lexical.tolist(), strict=True))
            self._lexical.append(np.array([score_of.get(passage_id, 0.0) for passage_id in self._ids]))

    def gains(self, encoder: Encoder) -> np.ndarray:
        """Return nDCG@10 of each question, shape (Q,): the mean of the ranking fused as is best for this encoder and
        of the dense one alone.

        Words find much of what the encoder finds, so that few questions tell from the fused ranking what it learnt.
        """
        candidates = self._candidates(encoder)
        fusion = tune(candidates, self.evidence, metric=ndcg_at, known=self._fusion)
        both = [metric_values(candidates, self.evidence, one, metric=ndcg_at) for one in (fusion, DENSE_ONLY)]
        return np.mean(both, axis=0)

    def _candidates(self, encoder: Encoder) -> list[Candidates]:
        vectors = encoder.encode(self._texts, report=lambda done: self._monitor.check())
        asked = encoder.encode(self.questions, questions=True)
        ids = tuple(self._ids)
        return [
            Candidates(ids, vectors @ vector, lexical) for vector, lexical in zip(asked, self._lexical, strict=True)
        ]


class RetrieverTask:
    """Multiple-negatives ranking (InfoNCE): each question against every passage of the batch."""

    name = "retriever"

    def __init__(
        self,
        encoder: Encoder,
        pairs: Sequence[Pair],
        settings: RetrieverSettings,
        *,
        score: Callable[[Encoder], float],
        seed: int,
    ) -> None:
        """`score` measures the encoder on validation questions, higher is better."""
        self.model = encoder.model
        batch_size = min(settings.batch_size, max(LEAST_BATCH, len(pairs) // STEPS_PER_EPOCH))
        self.steps_per_epoch = max(1, -(-len(pairs) // batch_size))
        self._encoder = encoder
        self._pairs = list(pairs)
        self._score = score
        self._settings = settings
        self._seed = seed
        self._kept_tokens = 0
        self.needed_bytes = 0  # of memory, beside the loaded model
        self.kept_bytes = 0  # and what more is taken where there is room
        without_dropout(self.model)

    def fit_memory(self, device: Device) -> None:
        """Let a step's first pass keep for the second what a share of the free memory holds: that is embedded once."""
        _, rows, _ = self._batch(0)
        texts = [[rows[index] for index in part] for part in _parts(rows)]

        def probe() -> tuple[torch.Tensor, int]:
            with autocast(device, self._encoder.precision):
                return self._encoder.forward(texts[0]).sum(), _tokens(texts[0])

        each = kept_bytes_per_token(self.model, probe)
        self._kept_tokens = min(sum(map(_tokens, texts)), int(KEPT_SHARE * device.free_memory_bytes() / each))
        parameters = sum(parameter.numel() for parameter in self.model.parameters())
        self.needed_bytes = round(TRAINED_BYTES * parameters + BACKWARD * each * PART_TOKENS)
        self.kept_bytes = round(each * self._kept_tokens)

    def losses(self, step: int) -> Iterator[torch.Tensor]:
        """Cross-entropy of the right passage among all of the batch, at the settings' temperature.

        Gradients are cached (GradCache, arXiv 2101.06983): all texts are embedded, the loss is differentiated down to
        the vectors, and each part of the batch then carries its share on into the weights. A part that there is no
        memory to keep is embedded without gradients and again with them. The gradient is the whole batch's.
        """
        batch, rows, passage_ids = self._batch(step)
        parts = _parts(rows)
        texts = [[rows[index] for index in part] for part in parts]
        vectors = torch.empty((len(rows), self._encoder.dimension), device=self._encoder.device.kind)  # (B + P, D)
        kept: dict[int, torch.Tensor] = {}
        room = self._kept_tokens
        for place, part in enumerate(parts):
            room -= _tokens(texts[place])
            with torch.set_grad_enabled(room >= 0):
                embedded = self._encoder.forward(texts[place])
            vectors[part] = embedded.detach()
            if room >= 0:
                kept[place] = embedded
        loss = self._contrast(vectors.requires_grad_(), batch, passage_ids)
        (gradient,) = torch.autograd.grad(loss, vectors)
        for place, part in enumerate(parts):
            embedded = kept.pop(place) if place in kept else self._encoder.forward(texts[place])
            carried = (embedded * gradient[part]).sum()
            yield carried - carried.detach() + loss.detach() / len(parts)  # the loss by value, the cached gradient

    def _batch(self, step: int) -> tuple[list[Pair], list[list[int]], list[str]]:
        """Return the pairs of a step, and their texts as `_rows` does."""
        epoch, position = divmod(step, self.steps_per_epoch)
        order = list(range(len(self._pairs)))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        batch = [self._pairs[row] for row in order[position :: self.steps_per_epoch]]
        return batch, *self._rows(batch, random.Random(f"{self._seed} {step}"))

    def probe(self) -> torch.Tensor:
        """The loss of a few pairs."""
        batch = self._pairs[:PROBED_PAIRS]
        rows, passage_ids = self._rows(batch, random.Random(self._seed))
        return self._contrast(self._encoder.forward(rows), batch, passage_ids)

    def _rows(self, batch: Sequence[Pair], choose: random.Random) -> tuple[list[list[int]], list[str]]:
        """Return the batch's token ids, questions first, and the ids of the passages that follow them."""
        passages = [(pair.positive_id, pair.positive) for pair in batch]
        for pair in batch:
            hardest = pair.negatives[:HARDEST]
            passages += choose.sample(hardest, min(self._settings.hard_negatives, len(hardest)))
        questions = self._encoder.token_ids([pair.question for pair in batch], questions=True)
        return questions + self._encoder.token_ids([text for _, text in passages]), [one for one, _ in passages]

    def _contrast(self, vectors: torch.Tensor, batch: Sequence[Pair], passage_ids: Sequence[str]) -> torch.Tensor:
        with torch.autocast(vectors.device.type, enabled=False):  # at this temperature bf16 would lose what is learnt
            scores = vectors[: len(batch)] @ vectors[len(batch) :].T / self._settings.temperature  # (B, P)
        return contrast(scores, batch, passage_ids)

    def validate(self) -> dict[str, float]:
        """nDCG@10 on the validation pool, of the fused ranking and the dense one: their mean."""
        return {"validation_ndcg@10": self._score(self._encoder)}


def _parts(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """The places of rows that are embedded at once, the longest first."""
    return list(length_buckets([len(row) for row in rows], PART_TOKENS))


def _tokens(texts: Sequence[Sequence[int]]) -> int:
    """The padded tokens of texts embedded at once."""
    return len(texts) * max(map(len, texts))


def contrast(scores: torch.Tensor, batch: Sequence[Pair], passage_ids: Sequence[str]) -> torch.Tensor:
    """Return the mean cross-entropy of each pair's own passage, the first of `passage_ids` in turn, among all.

    `scores` has the shape (B, P). Other evidence of a question counts for nothing.
    """
    others = [
        [passage_id in pair.positive_ids and row != column for column, passage_id in enumerate(passage_ids)]
        for row, pair in enumerate(batch)
    ]
    scores = scores.masked_fill(torch.tensor(others, device=scores.device), float("-inf"))
    return torch.nn.functional.cross_entropy(scores, torch.arange(len(batch), device=scores.device))


def interpolate(
    encoder: Encoder,
    base: Mapping[str, torch.Tensor],
    gains: Callable[[Encoder], np.ndarray],
    monitor: Monitor,
    *,
    allows: Callable[[Encoder], bool] = lambda encoder: True,
) -> float:
    """Mix the tuned weights with the base's, leave the chosen mixture in the encoder, return its share of the tuned.

    `gains` measures an encoder on each validation question, shape (Q,), higher is better. A mixture forgets less than
    the tuned end and is better on texts it has not seen, so the least share is chosen that is not worse than the best
    by more than one standard error of their paired difference (the rule of Breiman et al. 1984 for simpler models).
    What `allows` refuses is not chosen: where it refuses all, smaller shares are tried, down to the base itself.
    """
    tuned = {name: tensor.detach().clone() for name, tensor in encoder.model.state_dict().items()}

    def allowed(share: float) -> bool:
        encoder.model.load_state_dict(_mixed(base, tuned, share))
        return allows(encoder)

    shares = monitor.track((1.0, *INTERPOLATIONS), "Choosing the mixture with the base")
    reached = {share: gains(encoder) for share in shares if allowed(share)}
    if reached:
        best = max(reached.values(), key=np.mean)
        chosen = min(share for share, values in reached.items() if not exceeds(best - values, errors=1))
    else:
        chosen = next((share for share in GENTLER if allowed(share)), 0.0)
    encoder.model.load_state_dict(_mixed(base, tuned, chosen))
    return chosen


def without_dropout(model: torch.nn.Module) -> None:
    """Turn dropout off: in few epochs it regularises little, and on a CPU its random numbers cost half the time."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        for name in ("dropout", "attention_dropout", "dropout_prob"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)


def _mixed(
    base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    return {
        name: torch.lerp(base[name].to(tensor.device), tensor, share) if tensor.is_floating_point() else tensor
        for name, tensor in tuned.items()
    }


def _holds(text: str, answers: Sequence[str]) -> bool:
    words = _words(text)
    return any(answer in words for answer in map(_words, answers) if answer.strip())


def _words(text: str) -> str:
    """The words with a space around each, so that only whole ones are found; a sign alone is none."""
    return f" {' '.join(TOKEN.findall(unicodedata.normalize('NFC', text).casefold()))} "
