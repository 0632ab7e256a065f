"""The `evaluate` module of cited spans: character-level precision, recall and F1."""

import datasets
import evaluate

from engine.evaluation import grounding


class Citations(evaluate.Metric):
    """Predictions are the cited spans of an answer; references the alternative sets of spans that are right."""

    def _info(self) -> evaluate.MetricInfo:
        number = datasets.Value("int64")
        spans = datasets.List({"document": datasets.Value("string"), "start": number, "end": number})
        return evaluate.MetricInfo(
            description=__doc__,
            citation="",
            inputs_description=Citations.__doc__,
            features=datasets.Features({"predictions": spans, "references": datasets.List(spans)}),
        )

    def _compute(
        self, predictions: list[list[dict[str, object]]], references: list[list[list[dict[str, object]]]]
    ) -> dict[str, list[float]]:
        """One value a question and metric, so that a report can show which questions failed."""
        found = [
            grounding.span_scores(_spans(cited), [_spans(alternative) for alternative in right])
            for cited, right in zip(predictions, references, strict=True)
        ]
        names = ("cited_precision", "cited_recall", "cited_f1")
        return {name: [scores[place] for scores in found] for place, name in enumerate(names)}


def _spans(rows: list[dict[str, object]]) -> list[tuple[str, int, int]]:
    return [(str(row["document"]), int(str(row["start"])), int(str(row["end"]))) for row in rows]
