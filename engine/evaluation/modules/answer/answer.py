"""The `evaluate` module of short answers: SQuAD's exact match and F1, and strict exact match."""

import datasets
import evaluate

from engine.evaluation import metrics


class Answer(evaluate.Metric):
    """Predictions are answers, "" where the model abstained; references the accepted answers, none: unanswerable."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Answer.__doc__,
            features=datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, list[float]]:
        """One value a question and metric, so that a report can show which questions failed."""
        pairs = list(zip(predictions, references, strict=True))
        return {
            "exact_match": [metrics.exact_match(prediction, answers) for prediction, answers in pairs],
            "strict_exact_match": [metrics.strict_exact_match(prediction, answers) for prediction, answers in pairs],
            "f1": [metrics.f1(prediction, answers) for prediction, answers in pairs],
        }
