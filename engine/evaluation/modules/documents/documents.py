"""The `evaluate` module of the wrong-document rate among the first passage and the first five."""

import datasets
import evaluate

from engine.evaluation import metrics


class Documents(evaluate.Metric):
    """Predictions are the documents of the ranked passages, best first; references the documents with evidence."""

    def _info(self) -> evaluate.MetricInfo:
        ids = datasets.Sequence(datasets.Value("string"))
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Documents.__doc__,
            features=datasets.Features({"predictions": ids, "references": ids}),
        )

    def _compute(self, predictions: list[list[str]], references: list[list[str]]) -> dict[str, list[float]]:
        """One value a question and metric, so that a report can show which questions failed."""
        pairs = [(list(ranked), set(evidence)) for ranked, evidence in zip(predictions, references, strict=True)]
        return {
            f"wrong_document@{k}": [metrics.wrong_document_at(ranked, right, k=k) for ranked, right in pairs]
            for k in (1, 5)
        }
