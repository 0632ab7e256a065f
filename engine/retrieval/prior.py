"""How likely each retrieved passage is before the answer is known: π = softmax(score/τ), the score being the ranking's.

Where dense and lexical scores are combined, the combined score is the prior's; else the dense score is, as it comes.
Either is linear in the dense score, so joint training can differentiate it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.records import Fusion, Hit
from engine.retrieval.fusion import Candidates, dense_unit, fuse


@dataclass(frozen=True, slots=True)
class Line:
    """A prior score as a function of the dense one: `slope` · dense + `base`."""

    slope: float
    base: tuple[float, ...]  # one a candidate


def line(candidates: Candidates, fusion: Fusion) -> Line:
    """Return how the prior scores of a question's candidates follow from their dense scores."""
    if not _fused(fusion):
        return Line(1.0, (0.0,) * len(candidates.passage_ids))
    slope = fusion.weight / dense_unit(candidates, fusion)
    return Line(slope, tuple((fuse(candidates, fusion) - slope * candidates.dense).tolist()))


def log_priors(hits: Sequence[Hit], fusion: Fusion, *, temperature: float) -> np.ndarray:
    """Return log π of retrieved passages, one a hit."""
    scores = np.array([hit.score if _fused(fusion) or hit.dense is None else hit.dense for hit in hits], dtype=float)
    scores /= temperature
    return scores - np.logaddexp.reduce(scores) if len(scores) else scores


def _fused(fusion: Fusion) -> bool:
    return fusion.weight < 1.0
