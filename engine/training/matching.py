"""Learning the lexical score: how much phrases, near words and length count beside BM25, from training questions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from engine.jobs import Monitor
from engine.records import Matching, Question
from engine.retrieval.fusion import MIN_QUESTIONS_FOR_WEIGHT
from engine.retrieval.lexical import PLAIN, LexicalIndex

DEPTH = 100  # passages a question's evidence competes with
MOST_QUESTIONS = 2000  # three numbers need no more
STEPS = 150
RATE = 0.2
START = (5.0, 1.0, 1.0, 0.0)  # of BM25, phrases, near pairs and length


def learn_matching(questions: Sequence[Question], lexical: LexicalIndex, monitor: Monitor) -> Matching:
    """Return the matching under which the evidence stands out most among BM25's best passages.

    Minimises the listwise softmax cross-entropy (ListNet, Cao et al. 2007) of a linear score of three learnt weights.
    Plain BM25 where fewer than 30 questions have evidence among those passages, or the evidence does not rise. Three
    numbers fitted to hundreds of questions need no held-out ones; a few dozen of those would be the noisier judge.
    """
    features: list[np.ndarray] = []
    evidence: list[np.ndarray] = []
    for question in monitor.track(questions[:MOST_QUESTIONS], "Learning to match words"):
        ids, found = lexical.features(question.question, top_k=DEPTH)
        right = np.isin(ids, question.evidence)
        if right.any() and not right.all() and found[:, 0].max() > 0:
            features.append(found / found[:, 0].max())
            evidence.append(right)
    if len(features) < MIN_QUESTIONS_FOR_WEIGHT:
        return PLAIN
    stacked = _stacked(features)
    present = _stacked([np.ones(len(one), bool) for one in features])
    weights = _fitted(stacked, _stacked(evidence), present)
    plain = torch.tensor([1.0, 0.0, 0.0, 0.0])
    rise = _reciprocal_rank(stacked @ weights, _stacked(evidence)) - _reciprocal_rank(
        stacked @ plain, _stacked(evidence)
    )
    bm25, phrase, near, length = weights.tolist()
    return Matching(phrase / bm25, near / bm25, length / bm25) if rise > 0 and bm25 > 0 else PLAIN


def _fitted(features: torch.Tensor, evidence: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """Fit four weights on features (Q, P, 4), evidence (Q, P) and which rows are passages, not padding (Q, P)."""
    weights = torch.tensor(START, requires_grad=True)
    optimizer = torch.optim.Adam([weights], lr=RATE)
    for _ in range(STEPS):
        scores = (features @ weights).masked_fill(~present, float("-inf"))  # (Q, P)
        loss = (scores.logsumexp(1) - scores.masked_fill(~evidence, float("-inf")).logsumexp(1)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            weights[:3].clamp_(min=0.0)  # a match never counts against a passage
    return weights.detach()


def _reciprocal_rank(scores: torch.Tensor, evidence: torch.Tensor) -> float:
    """Mean reciprocal rank of the best evidence; padding, of score 0, ranks last."""
    best = scores.masked_fill(~evidence, float("-inf")).amax(1, keepdim=True)  # (Q, 1)
    return float((1 / (1 + (scores > best).sum(1))).mean())


def _stacked(rows: Sequence[np.ndarray]) -> torch.Tensor:
    """Stack arrays of different lengths, padded with zeros."""
    stacked = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(row) for row in rows], batch_first=True)
    return stacked.float() if stacked.is_floating_point() else stacked
