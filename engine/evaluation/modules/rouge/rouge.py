"""The `evaluate` module of ROUGE-1, ROUGE-2 and ROUGE-L, by rouge-score."""

import datasets
import evaluate

from engine.evaluation import metrics


class Rouge(evaluate.Metric):
    """Predictions are answers; references at least one accepted answer each, of which the best counts."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Rouge.__doc__,
            features=datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, list[float]]:
        """One value a question and type, so that a report can show which questions failed."""
        rouge = metrics.rouge_scorer()
        scores = [rouge(prediction, answers) for prediction, answers in zip(predictions, references, strict=True)]
        return {name: [score[name] for score in scores] for name in metrics.ROUGE_TYPES}
