"""The reranker: a cross-encoder reads a question and a passage together and says how well the passage answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from engine.device import Device, Precision, probe_precision
from engine.models.assembly import assemble
from engine.models.packing import read_weights
from engine.models.safety import TOKENIZER_CONFIG
from engine.retrieval.encoder import BATCH_TOKENS, LENGTH_STEP, PROBE_TEXTS, autocast, length_buckets, padded

MOST_DIFFERENCE = 0.02  # of a score, between bf16 and fp32, for bf16 to be used


class Reranker:
    """A BERT-type sequence classifier with one label, its logit made a score of 0 to 1."""

    def __init__(self, files: Mapping[str, bytes], device: Device) -> None:
        """Raises ModelError where weights are missing, those of the last layer among them."""
        settings = json.loads(files["config.json"])
        config = AutoConfig.for_model(**{**settings, "num_labels": 1})
        weights = read_weights(files["model.safetensors"])
        device.set_threads()
        family = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
        self.device = device
        self.model = assemble(family, config, weights).to(device.kind)
        self.tokenizer = Tokenizer.from_str(files["tokenizer.json"].decode("utf-8"))
        self.tokenizer.encode_special_tokens = True  # control tokens in a document are text
        self.tokenizer.no_padding()
        most = min(json.loads(files[TOKENIZER_CONFIG])["model_max_length"], config.max_position_embeddings)
        self._most_tokens = most - (config.pad_token_id + 1 if "roberta" in config.model_type else 0)
        self.tokenizer.enable_truncation(self._most_tokens, strategy="longest_first")
        self._pad_id: int = config.pad_token_id or 0
        self._takes_types = getattr(config, "type_vocab_size", 0) > 1
        self._precision: Precision | None = None

    def scores(self, question: str, texts: Sequence[str], *, check: Callable[[], None] = lambda: None) -> np.ndarray:
        """Return how well each text answers the question, 0 to 1, float64 of shape (len(texts),)."""
        encoded = self.tokenizer.encode_batch([(question, text) for text in texts])
        scores = np.empty(len(texts))
        with torch.inference_mode(), autocast(self.device, self.precision):
            for batch in length_buckets([len(one.ids) for one in encoded], BATCH_TOKENS):
                check()
                logits = self._logits([encoded[row].ids for row in batch], [encoded[row].type_ids for row in batch])
                scores[batch] = torch.sigmoid(logits).cpu().numpy()
        return scores

    @property
    def precision(self) -> Precision:
        """The probed precision: measured at the first use, on this machine."""
        if self._precision is None:
            self._precision = self._probe()
        return self._precision

    def _logits(self, rows: Sequence[Sequence[int]], types: Sequence[Sequence[int]]) -> torch.Tensor:
        """Score rows of token ids, a tensor of shape (len(rows),)."""
        ids, mask = padded(rows, self._pad_id, step=LENGTH_STEP, most=self._most_tokens)
        given = {"input_ids": ids, "attention_mask": mask}
        if self._takes_types:
            given["token_type_ids"] = padded(types, 0, step=LENGTH_STEP, most=self._most_tokens)[0]
        return self.model(**{name: value.to(self.device.kind) for name, value in given.items()}).logits[:, 0].float()

    def _probe(self) -> Precision:
        encoded = self.tokenizer.encode_batch([("What is the dose?", text) for text in PROBE_TEXTS])
        exact: list[torch.Tensor] = []

        def step(precision: Precision) -> float:
            with torch.inference_mode(), autocast(self.device, precision):
                scores = torch.sigmoid(self._logits([one.ids for one in encoded], [one.type_ids for one in encoded]))
            if not exact:
                exact.append(scores)
            return 1.0 if float((scores - exact[0]).abs().max()) <= MOST_DIFFERENCE else 0.0

        return probe_precision(step, self.device).precision
