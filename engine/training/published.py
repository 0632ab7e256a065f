"""Fine-tuning a published RAG checkpoint with transformers' own classes and their own loss.

What they get wrong or leave open is settled here: fewer passages than `n_docs` (they return the last one for a missing
one), a padding that is the end token (they then lose the end token and the passages' prior), and inputs that are cut
where the question stands. The index is the `custom` one, in memory, over the workspace's own vectors.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from transformers import (
    BatchEncoding,
    DPRConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    RagConfig,
    RagRetriever,
    RagSequenceForGeneration,
    RagTokenForGeneration,
)
from transformers.models.rag.retrieval_rag import CustomHFIndex

from engine.generation.prompt import PromptWriter
from engine.jobs import Monitor
from engine.records import Passage, Question
from engine.retrieval.encoder import Encoder, padded
from engine.retrieval.index import passage_dataset
from engine.settings import JointSettings
from engine.workspace.workspace import Workspace

FAMILIES: dict[str, type[PreTrainedModel]] = {"sequence": RagSequenceForGeneration, "token": RagTokenForGeneration}
STAGE = "joint, index"
PART_QUESTIONS = 2  # of one forward and backward pass
LENGTH_STEP = 8


class PassageRetriever(RagRetriever):
    """transformers' retriever over the workspace's passages, its inputs written so that the question is never cut."""

    def __init__(self, config: RagConfig, index: CustomHFIndex, *, writer: PromptWriter, encoder: Encoder) -> None:
        unused = PreTrainedTokenizerFast(tokenizer_object=encoder.tokenizer)  # questions are known by their text
        super().__init__(config, unused, unused, index=index)
        self.asked: list[str] = []
        self._writer = writer

    def postprocess_docs(
        self, docs: Any, input_strings: Any, prefix: Any, n_docs: int, return_tensors: str | None = None
    ) -> tuple[Tensor, Tensor]:
        """Write the generator's inputs as they are written when a question is answered."""
        rows = [
            self._writer.prompt(question, [_passage(title, text)])
            for question, found in zip(self.asked, docs, strict=True)
            for title, text in zip(found["title"], found["text"], strict=True)
        ]
        return padded(rows, self._writer.end_id, step=LENGTH_STEP)


class PublishedTask:
    """RagSequenceForGeneration or RagTokenForGeneration, fine-tuned end to end by its own loss."""

    name = "joint"

    def __init__(
        self,
        *,
        workspace: Workspace,
        run_id: str,
        question_encoder: Encoder,
        passage_encoder: Encoder,
        generator: PreTrainedModel,
        writer: PromptWriter,
        passages: Mapping[str, Passage],
        vectors: tuple[Sequence[str], np.ndarray],
        training: Sequence[Question],
        validation: Sequence[Question],
        settings: JointSettings,
        seed: int,
        monitor: Monitor,
    ) -> None:
        """`vectors` are the passages' at the start: their ids, and float32 of shape (ids, D)."""
        assert writer.layout is not None  # only published checkpoints have this task
        self.steps_per_epoch = max(1, -(-len(training) // settings.batch_size))
        self._workspace = workspace
        self._run_id = run_id
        self._question_encoder = question_encoder
        self._passage_encoder = passage_encoder
        self._writer = writer
        self._passages = passages
        self._vectors = vectors
        self._training = list(training)
        self._validation = list(validation)
        self._settings = settings
        self._seed = seed
        self._monitor = monitor
        self._epoch = -1
        self._device = question_encoder.device.kind
        described = generator.config.to_dict()
        self.padding = loss_padding(described)
        config = RagConfig(
            question_encoder=_described(question_encoder.model.config),
            generator={**described, "pad_token_id": self.padding},
            n_docs=min(writer.layout.passages, len(passages)),
            retrieval_vector_size=question_encoder.dimension,
            index_name="custom",
            bos_token_id=generator.config.bos_token_id,
        )
        self.model = FAMILIES[writer.layout.reading](
            config=config, question_encoder=question_encoder.model, generator=generator
        )
        self.model.set_context_encoder_for_training(passage_encoder.model)

    def losses(self, step: int) -> Iterator[Tensor]:
        """The mean of transformers' loss over the batch of the step, in parts that fit the memory."""
        epoch, position = divmod(step, self.steps_per_epoch)
        self._refresh(epoch, step)
        order = list(range(len(self._training)))
        random.Random(f"{self._seed} {epoch}").shuffle(order)
        size = self._settings.batch_size
        batch = [self._training[row] for row in order[position * size : (position + 1) * size]]
        for start in range(0, len(batch), PART_QUESTIONS):
            yield self._loss(batch[start : start + PART_QUESTIONS]).sum() / len(batch)

    def probe(self) -> Tensor:
        """The loss of one question."""
        self._refresh(0, 0)
        return self._loss(self._training[:1]).sum()

    def validate(self) -> dict[str, float]:
        """The marginal log-likelihood of a token of the validation answers."""
        self._refresh(max(self._epoch, 0), 0)
        total = tokens = 0.0
        for question in self._validation:
            self._monitor.check()
            total += float(self._loss([question]).sum())
            tokens += len(self._writer.target(question.answers[0]))
        return {"validation_marginal": -total / max(tokens, 1.0)}

    def _loss(self, batch: Sequence[Question]) -> Tensor:
        """Return transformers' loss of each question, (B,)."""
        retriever = self.model.retriever
        retriever.asked = [question.question for question in batch]
        ids, mask = padded(self._question_encoder.token_ids(retriever.asked, questions=True), 0, step=LENGTH_STEP)
        labels, _ = padded([self.labels(question.answers[0]) for question in batch], self.padding, step=1)
        return self.model(
            input_ids=ids.to(self._device),
            attention_mask=mask.to(self._device),
            labels=labels.to(self._device),
        ).loss

    def labels(self, answer: str) -> list[int]:
        """Return the decoder's whole sequence: its start token, then what is to be written.

        The loss adds the passages' prior at the second written token, so an answer of one token needs its end token.
        """
        return [self.model.generator.config.decoder_start_token_id, *self._writer.target(answer)]

    def _refresh(self, epoch: int, step: int) -> None:
        """Index the passages with the encoder of the epoch's start; a resumed training reads the published vectors."""
        if epoch == self._epoch:
            return
        ids, vectors = self._vectors
        if epoch > 0:
            vectors = self._stored(epoch)
            if vectors is None:
                vectors = self._encoded(list(ids), step, epoch)
        rows = [self._passages[passage_id] for passage_id in ids]
        dataset = passage_dataset([row.title for row in rows], [row.text for row in rows], vectors)
        index = CustomHFIndex(self._question_encoder.dimension, dataset)
        retriever = PassageRetriever(self.model.config, index, writer=self._writer, encoder=self._question_encoder)
        retriever.set_ctx_encoder_tokenizer(self._tokenised)  # type: ignore[arg-type]  # a callable is all it takes
        self.model.set_retriever(retriever)
        self._epoch = epoch

    def _tokenised(self, titles: Sequence[str], texts: Sequence[str], **unused: Any) -> BatchEncoding:
        shown = [self._passage_encoder.input_of(_passage(*both)) for both in zip(titles, texts, strict=True)]
        ids, mask = padded(self._passage_encoder.token_ids(shown), 0, step=LENGTH_STEP)
        return BatchEncoding({"input_ids": ids, "attention_mask": mask})

    def _encoded(self, ids: list[str], step: int, epoch: int) -> np.ndarray:
        vectors = self._passage_encoder.encode(
            [self._passage_encoder.input_of(self._passages[passage_id]) for passage_id in ids],
            report=lambda done: self._monitor.progress("Refreshing the index", done, len(ids)),
        )
        head = json.dumps({"epoch": epoch}).encode().ljust(_HEAD)
        digest = self._workspace.objects.publish([head, vectors.tobytes()])
        self._workspace.runs.save_checkpoint(self._run_id, step=step, digest=digest, stage=STAGE)
        return vectors

    def _stored(self, epoch: int) -> np.ndarray | None:
        held = self._workspace.runs.latest_checkpoint(self._run_id, stage=STAGE)
        if held is None:
            return None
        data = self._workspace.objects.read(held.digest)
        if json.loads(data[:_HEAD])["epoch"] != epoch:
            return None
        return np.frombuffer(data[_HEAD:], dtype=np.float32).reshape(len(self._vectors[0]), -1)


_HEAD = 64  # bytes


def loss_padding(generator: Mapping[str, Any]) -> int:
    """Return the id that transformers' loss may leave out: the padding, unless that ends answers too.

    Then any id that no answer holds does: the opening token's, or the last of the vocabulary.
    """
    end = generator["eos_token_id"]
    ends = set(end) if isinstance(end, list) else {end}
    taken = {*ends, generator.get("bos_token_id"), generator.get("decoder_start_token_id")}
    padding = generator.get("pad_token_id")
    return (
        int(padding)
        if padding is not None and padding not in ends
        else max(token for token in range(generator["vocab_size"]) if token not in taken)
    )


def _described(config: DPRConfig) -> dict[str, Any]:
    return {**config.to_dict(), "model_type": "dpr"}


def _passage(title: str, text: str) -> Passage:
    """A passage as the retriever's dataset knows it: what is written and embedded needs no more."""
    return Passage("", "", title, text, None, "", 0, len(text))
