"""Fine-tuning the generator: grounded examples from what retrieval really returns, loss on the answer's tokens only."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from datasets import Dataset
from transformers import PreTrainedModel

from engine.device import Device
from engine.evaluation.metrics import squad_normalised
from engine.generation.likelihood import Example, answer_log_probabilities
from engine.generation.prompt import MAX_EVIDENCE, PromptWriter
from engine.jobs import Monitor
from engine.records import Hit, Passage, Question
from engine.retrieval.encoder import length_buckets
from engine.settings import GeneratorSettings
from engine.training.retriever import without_dropout
from engine.training.room import find_room

# Padded prompt tokens of one forward and backward pass: what bounds the memory.
PART_TOKENS = {"cpu": 2400, "cuda": 65_536}
PROBED_EXAMPLES = 3
ROOM_EXAMPLES = 64  # looked through for the longest prompt
STEPS_PER_BUCKET = 16  # batches among which examples are sorted by length
WRONG_AMONG = 8  # hits that wrong passages are drawn from


@dataclass(frozen=True, slots=True)
class Grounded:
    """A question with its evidence and the passages that retrieval returned beside it."""

    question: str
    answer: str  # "" where the documents don't answer
    evidence: tuple[Passage, ...]  # at most MAX_EVIDENCE; empty where the documents don't answer
    distractors: tuple[Passage, ...]


def ground(
    questions: Sequence[Question], found: Sequence[Sequence[Hit]], passages: Mapping[str, Passage]
) -> list[Grounded]:
    """Put each question together with its evidence and the wrong passages that the run's own retriever returned for it.

    The method is RAFT's (arXiv 2403.10131): what the generator will have to read is what it learns to read.
    """
    grounded: list[Grounded] = []
    for question, hits in zip(questions, found, strict=True):
        evidence = tuple(passages[one] for one in question.evidence[:MAX_EVIDENCE] if one in passages)
        wrong = tuple(hit.passage for hit in hits if hit.passage.id not in question.evidence)
        answer = "" if question.unanswerable or not question.answers else question.answers[0]
        grounded.append(Grounded(question.question, answer, evidence, wrong))
    return grounded


def example(one: Grounded, writer: PromptWriter, settings: GeneratorSettings, chance: random.Random) -> Example:
    """Return prompt and target ids of one training example.

    A share shows the evidence alone, the rest the evidence among distractors in random order.
    """
    wrong = one.distractors[:WRONG_AMONG]
    distractors = chance.sample(wrong, min(settings.distractors, len(wrong)))
    if not one.answer and writer.refusal is not None:
        return writer.prompt(one.question, distractors), writer.refusal
    if one.evidence and chance.random() < settings.alone_share:
        return writer.prompt(one.question, one.evidence), writer.target(one.answer)
    shown = [*one.evidence, *distractors]
    chance.shuffle(shown)
    return writer.prompt(one.question, shown), writer.target(one.answer)


def refusals(
    grounded: Sequence[Grounded], writer: PromptWriter, settings: GeneratorSettings, chance: random.Random
) -> list[Example]:
    """Return examples of a wrong passage each, whose whole target is the verdict that it doesn't answer.

    The passages are those the run's own retriever takes for the right one; one that says the answer too is left out.
    """
    made: list[Example] = []
    for one in grounded:
        answer = f" {squad_normalised(one.answer)} "
        wrong = [
            passage
            for passage in one.distractors[:WRONG_AMONG]
            if one.answer and answer not in f" {squad_normalised(passage.text)} "
        ]
        for passage in chance.sample(wrong, min(settings.refusals, len(wrong))):
            made.append((writer.prompt(one.question, [passage]), writer.refusal or writer.target("")))
    return made


class GeneratorTask:
    """Supervised fine-tuning of a sequence-to-sequence or causal model."""

    name = "generator"

    def __init__(
        self,
        model: PreTrainedModel,
        writer: PromptWriter,
        *,
        training: Sequence[Grounded],
        validation: Sequence[Grounded],
        settings: GeneratorSettings,
        seed: int,
        monitor: Monitor,
    ) -> None:
        self.model = model
        self.steps_per_epoch = max(1, -(-len(training) // settings.batch_size))
        self._writer = writer
        self._training = list(training)
        self._settings = settings
        self._seed = seed
        self._monitor = monitor
        self._part_tokens = PART_TOKENS[model.device.type]
        self._needed_bytes = 0
        self._epoch = -1
        self._examples = Dataset.from_dict({})
        self._batches: list[list[int]] = []
        fixed = random.Random(f"{seed} validation")
        self._validation = [
            *(example(one, writer, settings, fixed) for one in validation),
            *refusals(validation, writer, settings, fixed),
        ]
        without_dropout(model)
        freeze_position_bias(model)

    def fit_memory(self, device: Device) -> None:
        """Train in smaller parts, or recompute activations, where memory is short. Raises TrainingError where it is not
        enough for one question.
        """
        chance = random.Random(self._seed)
        drawn = [example(one, self._writer, self._settings, chance) for one in self._training[:ROOM_EXAMPLES]]
        few = drawn[:PROBED_EXAMPLES]
        longest = max(len(prompt) for prompt, _ in drawn)
        typical = max(sum(len(prompt) for prompt, _ in drawn) // len(drawn), 1)

        def probe() -> tuple[torch.Tensor, int]:
            return self._loss(few), len(few) * max(len(prompt) for prompt, _ in few)

        room = find_room(self.model, probe, device, wanted=self._part_tokens, longest=longest)
        if room.part_tokens < self._part_tokens or room.recomputed:
            whole, less = (max(1, tokens // typical) for tokens in (self._part_tokens, room.part_tokens))
            how = ", activations recomputed" if room.recomputed else ""
            self._monitor.progress(f"{room.sentence}: {whole} → {less} questions at a time{how}", 0, None)
        self._part_tokens, self._needed_bytes = room.part_tokens, room.taken_bytes

    @property
    def needed_bytes(self) -> int:
        """Memory that training takes beside the loaded model, as `fit_memory` settled it."""
        return self._needed_bytes

    def step_tokens(self) -> list[int]:
        """Return the padded prompt tokens of each step of the first epoch: what a step's time grows with."""
        self._prepare(0)
        sizes: list[int] = []
        for batch in self._batches:
            lengths = [len(prompt) for prompt in self._examples[batch]["prompt"]]
            parts = length_buckets(lengths, self._part_tokens)
            sizes.append(sum(len(part) * max(lengths[row] for row in part) for part in parts))
        return sizes

    def losses(self, step: int) -> Iterator[torch.Tensor]:
        """Cross-entropy over the answers' tokens of the step's batch, in parts that fit the memory."""
        batch = self.batch(step)
        tokens = sum(len(target) for _, target in batch)
        for part in self._parts(batch):
            yield self._loss(part) / tokens

    def batch(self, step: int) -> list[Example]:
        """Return the examples of a step: the same ones each time."""
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._prepare(epoch)
        rows = self._examples[self._batches[position]]
        return list(zip(rows["prompt"], rows["target"], strict=True))

    def probe(self) -> torch.Tensor:
        """The loss of a few training examples."""
        chance = random.Random(self._seed)
        few = [example(one, self._writer, self._settings, chance) for one in self._training[:PROBED_EXAMPLES]]
        return self._loss(few) / sum(len(target) for _, target in few)

    def validate(self) -> dict[str, float]:
        """Log-likelihood of an answer token on validation examples: minus the validation loss, so higher is better."""
        total = 0.0
        for part in self._parts(self._validation):
            self._monitor.check()
            total += self._loss(part).item()
        return {"validation_log_likelihood": -total / max(sum(len(target) for _, target in self._validation), 1)}

    def _parts(self, batch: Sequence[Example]) -> Iterator[list[Example]]:
        for rows in length_buckets([len(prompt) for prompt, _ in batch], self._part_tokens):
            yield [batch[row] for row in rows]

    def _prepare(self, epoch: int) -> None:
        """Draw the epoch's examples anew and sort them into batches of like length."""
        chance = random.Random(f"{self._seed} {epoch}")
        drawn = [example(one, self._writer, self._settings, chance) for one in self._training]
        drawn += refusals(self._training, self._writer, self._settings, chance)
        self._examples = Dataset.from_dict(
            {"prompt": [prompt for prompt, _ in drawn], "target": [target for _, target in drawn]}
        )
        order = list(range(len(drawn)))
        chance.shuffle(order)
        steps = self.steps_per_epoch
        ends = [len(order) * step // steps for step in range(steps + 1)]
        self._batches = []
        for first in range(0, steps, STEPS_PER_BUCKET):
            last = min(first + STEPS_PER_BUCKET, steps)
            bucket = sorted(order[ends[first] : ends[last]], key=lambda row: len(drawn[row][0]))
            self._batches += [
                bucket[ends[step] - ends[first] : ends[step + 1] - ends[first]] for step in range(first, last)
            ]
        chance.shuffle(self._batches)
        self._epoch = epoch

    def _loss(self, batch: Sequence[Example]) -> torch.Tensor:
        """Return the cross-entropy summed over the answers' tokens."""
        return -answer_log_probabilities(self.model, self._writer, batch).sum()


def freeze_position_bias(model: torch.nn.Module) -> None:
    """Keep T5's relative position biases as they are.

    A bias that needs a gradient keeps torch from its fused attention: 934 against 1,915 tokens a second on two cores.
    """
    for name, parameter in model.named_parameters():
        if "relative_attention_bias" in name:
            parameter.requires_grad_(False)
