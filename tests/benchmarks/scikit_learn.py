"""Compares our metrics with scikit-learn on 500 drawn sets: `python -m tests.benchmarks.scikit_learn`.

With any interpreter that has scikit-learn and numpy. It is no dependency: transformers imports it where it is
installed, and that would be measured in everybody's start.
"""

from __future__ import annotations

import random

import numpy as np
from sklearn.metrics import (  # type: ignore[import-not-found]  # not installed where types are checked
    label_ranking_average_precision_score,
    ndcg_score,
    precision_recall_curve,
    precision_recall_fscore_support,
    recall_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from engine.evaluation import abstention, grounding, metrics

SETS = 500
PASSAGES = 30
CHARACTERS = 80


def main() -> None:
    """Print the largest difference of all."""
    source = random.Random(0)
    worst = max(max(_knowing(source), _ranking(source), _spans(source)) for _ in range(SETS))
    print(f"largest difference over {SETS} sets: {worst:.2e}")
    assert worst <= 1e-9


def _knowing(source: random.Random) -> float:
    count = source.randint(2, 60)
    confidences = [round(source.random(), source.choice([1, 3])) for _ in range(count)]
    right = [source.random() < confidence for confidence in confidences]
    if not 0 < sum(right) < count:
        return 0.0
    ours = abstention.auroc(confidences, right)
    assert ours is not None
    precision, _, thresholds = precision_recall_curve(right, confidences)
    risk = {float(threshold): 1 - float(one) for threshold, one in zip(thresholds, precision, strict=False)}
    curve = abstention.risk_coverage(confidences, right, questions=count)
    apart = [abs(risk[point.confidence] - point.risk) for point in curve]
    covered = [float(np.mean(np.array(confidences) >= point.confidence)) for point in curve]
    apart += [abs(share - point.coverage) for share, point in zip(covered, curve, strict=True)]
    return max(abs(ours - roc_auc_score(right, confidences)), *apart)


def _ranking(source: random.Random) -> float:
    ids = [str(number) for number in range(PASSAGES)]
    source.shuffle(ids)
    evidence = set(source.sample(ids, source.randint(1, 5)))
    one = source.choice(ids)
    scores = np.arange(PASSAGES, 0, -1.0)[None, :]
    relevant = np.array([[float(name in evidence) for name in ids]])
    only = np.array([[float(name == one) for name in ids]])
    first = (np.arange(PASSAGES) < 20).astype(float)
    return max(
        abs(metrics.ndcg_at(ids, evidence, k=10) - ndcg_score(relevant, scores, k=10)),
        abs(metrics.recall_at(ids, evidence, k=20) - recall_score(relevant[0], first)),
        abs(metrics.reciprocal_rank_at(ids, {one}, k=PASSAGES) - label_ranking_average_precision_score(only, scores)),
        *(
            abs(
                metrics.hit_at(ids, {one}, k=k)
                - top_k_accuracy_score([ids.index(one)], scores, k=k, labels=list(range(PASSAGES)))
            )
            for k in (1, 5, 20)
        ),
    )


def _spans(source: random.Random) -> float:
    (a, b), (c, d), (e, f) = (sorted(source.sample(range(CHARACTERS), 2)) for _ in range(3))
    said, gold = np.zeros(CHARACTERS), np.zeros(CHARACTERS)
    said[a:b] = said[c:d] = gold[e:f] = 1
    expected = precision_recall_fscore_support(gold, said, average="binary", zero_division=0)[:3]
    ours = grounding.span_scores([("d", a, b), ("d", c, d)], [[("d", e, f)]])
    return max(abs(one - float(other)) for one, other in zip(ours, expected, strict=True))


if __name__ == "__main__":
    main()
