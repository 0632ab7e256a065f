"""The `evaluate` module of support: which share of an answer's sentences and numbers stands in the passages."""

import datasets
import evaluate

from engine.evaluation import grounding


class Grounding(evaluate.Metric):
    """Predictions are answers that were given; references the texts of the passages that were read."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Grounding.__doc__,
            features=datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, list[float]]:
        """One value a question and metric, NaN where it does not apply."""
        pairs = list(zip(predictions, references, strict=True))
        found = {
            "support": [grounding.support(answer, passages) for answer, passages in pairs],
            "numbers_covered": [grounding.numbers_covered(answer, passages) for answer, passages in pairs],
        }
        return {name: [float("nan") if value is None else value for value in values] for name, values in found.items()}
