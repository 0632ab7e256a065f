"""What tuning forgets: how well an encoder still ranks the bundled sample's passages for the sample's questions."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from engine.evaluation.metrics import ndcg_at
from engine.retrieval.encoder import Encoder

GENERAL = "general ndcg@10"  # what is forgotten shows here
MOST_FORGOTTEN = 0.01  # of what is measured here and fell by more, less is taken
SAMPLE = Path(__file__).resolve().parents[2] / "resources" / "sample" / "questions.jsonl"


def general_ndcg(encoder: Encoder) -> float:
    """Return nDCG@10 of the dense ranking on the general check set: medicine and law, 91 questions.

    A workspace made from the sample itself has trained on part of it; there it says nothing.
    """
    asked = [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]
    passages = list(dict.fromkeys(question["context"] for question in asked))
    scores = (
        encoder.encode([question["question"] for question in asked], questions=True) @ encoder.encode(passages).T
    )  # (Q, P)
    return float(
        np.mean(
            [
                ndcg_at([passages[row] for row in np.argsort(-ranked, kind="stable")], (question["context"],))
                for question, ranked in zip(asked, scores, strict=True)
            ]
        )
    )
