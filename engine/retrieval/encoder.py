"""The encoder: texts → unit vectors, in length buckets and in the precision that is fastest here and still agrees."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext

import numpy as np
import safetensors.torch
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, DPRContextEncoder, DPRQuestionEncoder
from transformers.models.auto.modeling_auto import MODEL_MAPPING

from engine.device import Device, Precision, probe_precision
from engine.models.assembly import assemble
from engine.models.packing import read_weights
from engine.models.safety import TOKENIZER_CONFIG
from engine.models.sentence import SENTENCE, SentenceSettings
from engine.records import Passage

BATCH_TOKENS = 4096  # padded tokens in one forward pass
LENGTH_STEP = 16  # rows are padded to its multiples
MIN_COSINE = 0.999  # bf16 is used only where its vectors agree with fp32's this well
_PADDED_POSITIONS = frozenset({"roberta", "xlm-roberta", "mpnet"})  # their positions are counted from pad_token_id + 1

PROBE_TEXTS = (
    "The agreement may be terminated by either party with thirty days' notice. " * 8,
    "What is the dose?",
) * 4


Text = str | tuple[str, str]  # a text, or two that the encoder tells apart: a title and what stands under it

_POOLER = ("pooler.",)  # BERT's, for its next sentence: ours is `SentenceSettings.pooling`
_DPR = {"DPRQuestionEncoder": DPRQuestionEncoder, "DPRContextEncoder": DPRContextEncoder}


class Encoder:
    """A BERT-type sentence encoder with the pooling, prefixes and length limit of its training, or one of DPR's."""

    def __init__(self, files: Mapping[str, bytes], device: Device) -> None:
        """Raises ModelError where weights are missing."""
        settings = json.loads(files["config.json"])
        config = AutoConfig.for_model(**settings)
        architecture = next(iter(settings.get("architectures") or ()), "")
        self.is_dpr = architecture in _DPR
        self._takes_titles = architecture == "DPRContextEncoder"
        family = _DPR[architecture] if self.is_dpr else MODEL_MAPPING[type(config)]
        weights = read_weights(files["model.safetensors"])
        device.set_threads()
        self.device = device
        self.model = assemble(family, config, weights, unread=_POOLER).to(device.kind)
        self.tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode("utf-8"))
        self.tokenizer.encode_special_tokens = True  # control tokens in a document are text
        self.tokenizer.no_padding()
        self.sentence = SentenceSettings.from_bytes(files[SENTENCE]) if SENTENCE in files else SentenceSettings()
        positions = config.max_position_embeddings
        if config.model_type in _PADDED_POSITIONS:
            positions -= config.pad_token_id + 1
        self._most_tokens = min(json.loads(files[TOKENIZER_CONFIG])["model_max_length"], positions)
        self.tokenizer.enable_truncation(self._most_tokens)
        self.dimension: int = getattr(config, "projection_dim", 0) or config.hidden_size
        self._pad_id: int = config.pad_token_id or 0
        self._precision: Precision | None = None

    def input_of(self, passage: Passage) -> Text:
        """Return what is embedded of a passage."""
        return (passage.title, passage.text) if self._takes_titles else passage.indexed_text

    def token_ids(self, texts: Sequence[Text], *, questions: bool = False) -> list[list[int]]:
        """Tokenise passages, or questions, behind the encoder's prefix for them, cut to its length limit."""
        prefix = self.sentence.question_prefix if questions else self.sentence.passage_prefix
        shown = [prefix + text if isinstance(text, str) else text for text in texts]
        return [encoded.ids for encoded in self.tokenizer.encode_batch(shown)]

    def forward(self, rows: Sequence[Sequence[int]]) -> torch.Tensor:
        """Embed rows of token ids, a tensor of shape (len(rows), dimension), with gradients. Only DPR's are no unit
        vectors."""
        ids, mask = padded(rows, self._pad_id, step=LENGTH_STEP, most=self._most_tokens)
        mask = mask.to(self.device.kind)
        if self.is_dpr:
            return self.model(input_ids=ids.to(self.device.kind), attention_mask=mask).pooler_output.float()
        hidden = self.model(input_ids=ids.to(self.device.kind), attention_mask=mask).last_hidden_state  # (B, T, D)
        if self.sentence.pooling == "cls":
            return torch.nn.functional.normalize(hidden[:, 0].float(), dim=-1)
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(1).float() / weights.sum(1).float()
        return torch.nn.functional.normalize(pooled, dim=-1)

    def encode(
        self, texts: Sequence[Text], *, questions: bool = False, report: Callable[[int], None] | None = None
    ) -> np.ndarray:
        """Embed passages, or questions, float32 of shape (len(texts), dimension): unit vectors, but for DPR's.

        `report` is told after each batch how many are done.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        rows = self.token_ids(texts, questions=questions)
        done = 0
        with torch.inference_mode(), autocast(self.device, self.precision):
            for batch in length_buckets([len(row) for row in rows], BATCH_TOKENS):
                vectors[batch] = self.forward([rows[index] for index in batch]).cpu().numpy()
                done += len(batch)
                if report is not None:
                    report(done)
        return vectors

    @property
    def precision(self) -> Precision:
        """The probed precision: measured at the first use, on this machine."""
        if self._precision is None:
            self._precision = self._probe()
        return self._precision

    def weights(self) -> bytes:
        """The weights as safetensors."""
        return safetensors.torch.save(
            {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.state_dict().items()}
        )

    def _probe(self) -> Precision:
        rows = self.token_ids(PROBE_TEXTS)
        exact: list[torch.Tensor] = []

        def step(precision: Precision) -> float:
            with torch.inference_mode(), autocast(self.device, precision):
                vectors = self.forward(rows)
            if not exact:
                exact.append(vectors)
            worst = float(torch.nn.functional.cosine_similarity(vectors, exact[0], dim=-1).min())
            return 1.0 if worst >= MIN_COSINE else 0.0

        return probe_precision(step, self.device).precision


def autocast(device: Device, precision: Precision) -> torch.autocast | nullcontext[None]:
    """The context in which matrix products run in `precision`."""
    return torch.autocast(device.kind, dtype=torch.bfloat16) if precision == "bf16" else nullcontext()


def padded(
    rows: Sequence[Sequence[int]], padding: int, *, step: int, most: int | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask, both of shape (len(rows), length), padded on the right.

    The length is the longest row's, rounded up to a multiple of `step`: few shapes, so that kernels and freed blocks
    are used again. `most` is what the model takes at the most.
    """
    length = -(-max(len(row) for row in rows) // step) * step
    length = length if most is None else min(length, most)
    ids = torch.full((len(rows), length), padding, dtype=torch.long)
    mask = torch.zeros((len(rows), length), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    return ids, mask


def length_buckets(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Yield the indices of `lengths`, longest first, in batches whose padded size stays within `budget` tokens."""
    batch: list[int] = []
    longest = 0
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        longest = longest or max(lengths[index], 1)
        if batch and (len(batch) + 1) * longest > budget:
            yield batch
            batch, longest = [], max(lengths[index], 1)
        batch.append(index)
    if batch:
        yield batch
