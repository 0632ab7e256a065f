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
        pairs = zip(predictions, references, strict=True)
        found = [metrics.answer_match(prediction, answers) for prediction, answers in pairs]
        return {name: [one[name] for one in found] for name in ("exact_match", "strict_exact_match", "f1")}
