"""The `evaluate` module of abstention: AUROC, risk and coverage, over- and under-refusal."""

from dataclasses import asdict

import datasets
import evaluate

from engine.evaluation import abstention


class Abstention(evaluate.Metric):
    """Predictions are confidence and whether it was declined; references whether it is right and can be answered."""

    def _info(self) -> evaluate.MetricInfo:
        yes = datasets.Value("bool")
        predictions = {"confidence": datasets.Value("float64"), "declined": yes}
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Abstention.__doc__,
            features=datasets.Features({"predictions": predictions, "references": {"right": yes, "answerable": yes}}),
        )

    def _compute(self, predictions: list[dict[str, object]], references: list[dict[str, object]]) -> dict[str, object]:
        """All of `abstention.Abstention`, by its fields' names."""
        found = abstention.abstention(
            confidences=[float(str(one["confidence"])) for one in predictions],
            declined=[bool(one["declined"]) for one in predictions],
            right=[bool(one["right"]) for one in references],
            answerable=[bool(one["answerable"]) for one in references],
        )
        return asdict(found)
