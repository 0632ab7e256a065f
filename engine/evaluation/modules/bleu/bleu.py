"""The `evaluate` module of corpus BLEU, by sacrebleu and with its signature."""

import datasets
import evaluate

from engine.evaluation import metrics


class Bleu(evaluate.Metric):
    """Predictions are answers; references at least one accepted answer each."""

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Bleu.__doc__,
            features=datasets.Features({"predictions": text, "references": datasets.Sequence(text)}),
        )

    def _compute(self, predictions: list[str], references: list[list[str]]) -> dict[str, object]:
        """The score, sacrebleu's signature, and a row of sufficient statistics a question for resampling."""
        found = metrics.bleu(predictions, references)
        return {
            "bleu": found.score,
            "signature": found.signature,
            "statistics": [list(row) for row in found.statistics],
        }
