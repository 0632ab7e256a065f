"""The `evaluate` module of retrieval: hit@k, recall@20, MRR@10, nDCG@10."""

import datasets
import evaluate

from engine.evaluation import metrics


class Retrieval(evaluate.Metric):
    """Predictions are ranked passage ids, best first; references the ids of the evidence passages."""

    def _info(self) -> evaluate.MetricInfo:
        ids = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Retrieval.__doc__,
            features=datasets.Features({"predictions": ids, "references": ids}),
        )

    def _compute(self, predictions: list[list[str]], references: list[list[str]]) -> dict[str, list[float]]:
        """One value a question and metric, so that a report can show which questions failed."""
        pairs = [(list(ranked), set(evidence)) for ranked, evidence in zip(predictions, references, strict=True)]
        return {
            **{f"hit@{k}": [metrics.hit_at(ranked, evidence, k=k) for ranked, evidence in pairs] for k in (1, 5, 20)},
            "recall@20": [metrics.recall_at(ranked, evidence, k=20) for ranked, evidence in pairs],
            "mrr@10": [metrics.reciprocal_rank_at(ranked, evidence, k=10) for ranked, evidence in pairs],
            "ndcg@10": [metrics.ndcg_at(ranked, evidence, k=10) for ranked, evidence in pairs],
        }
