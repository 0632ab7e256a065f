"""The measures of a report as a table, and the sentence that says what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from desktop.models.record_table import Column, RecordTable
from desktop.wording import metric, metric_explained, points

if TYPE_CHECKING:
    from engine.evaluation.report import Report


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One line of the table of measures; numbers as they are shown."""

    group: str
    name: str
    explained: str
    lexical: str
    hybrid: str
    base: str
    other: str
    ours: str
    interval: str
    difference: str
    verdict: str


class Measures(QObject):
    """The table's model and the words around it."""

    def __init__(self) -> None:
        super().__init__()
        short = {
            "better": self.tr("better"),
            "worse": self.tr("worse"),
            "no difference shown": self.tr("no difference"),
            "not enough questions to tell": self.tr("too few to tell"),
        }
        self.model = RecordTable(
            [
                Column(
                    self.tr("What was measured"), lambda row: f"{row.group}: {row.name}", tip=lambda row: row.explained
                ),
                Column(self.tr("BM25"), lambda row: row.lexical, number=True, width=60),
                Column(self.tr("Untuned"), lambda row: row.hybrid, number=True, width=78),
                Column(self.tr("Base gen."), lambda row: row.base, number=True, width=80),
                Column(self.tr("Compared"), lambda row: row.other, number=True, width=80),
                Column(self.tr("This run"), lambda row: row.ours, number=True, width=72),
                Column(self.tr("95 % interval"), lambda row: row.interval, number=True, width=114),
                Column(self.tr("Difference"), lambda row: row.difference, number=True, width=172),
                Column(self.tr("Verdict"), lambda row: short.get(row.verdict, row.verdict), width=110),
            ]
        )

    def show_report(self, report: Report) -> None:
        """Show the numbers of a report."""
        self.model.show(self._rows(report))

    def verdict_of(self, report: Report) -> str:
        """The sentence that is read first."""
        told = report.against
        if told is None:
            return self.tr("{0}: measured alone, compared with nothing.").format(report.run)
        numbers = self.tr("{0:+.1f} points of {1} (95 % interval {2:+.1f} to {3:+.1f})").format(
            told.difference * 100, metric(told.metric), told.interval[0] * 100, told.interval[1] * 100
        )
        sentence = {
            "better": self.tr("{0} is better than {1}: {2}."),
            "worse": self.tr("{0} is worse than {1}: {2}."),
            "no difference shown": self.tr("No difference between {0} and {1} is shown: {2}."),
        }.get(told.verdict, self.tr("Not enough questions to tell {0} from {1}: {2}."))
        return sentence.format(report.run, told.run, numbers) + self._needed(told.questions_needed, report.questions)

    def splits_of(self, report: Report) -> str:
        """Known and unseen documents, each in a few words."""
        names = {
            "new questions on known documents": self.tr("New questions on known documents"),
            "documents never seen": self.tr("Documents never seen"),
        }
        verdicts = {
            "better": self.tr("better"),
            "worse": self.tr("worse"),
            "no difference shown": self.tr("no difference shown"),
            "not enough questions to tell": self.tr("not enough questions to tell"),
        }
        told = []
        for part in report.parts:
            if part.against is None:
                continue
            difference = _difference(part.metric, part.against.difference, part.against.interval)
            needed = self._needed(part.against.questions_needed, part.against.questions)
            told.append(
                self.tr("{0} ({1}): {2}, {3} points.{4}").format(
                    names.get(part.name, part.name), part.questions, verdicts[part.against.verdict], difference, needed
                )
            )
        return " ".join(told)

    def _needed(self, needed: int, have: int) -> str:
        return self.tr(" About {0} more questions would tell.").format(f"{needed - have:,}") if needed > have else ""

    def _rows(self, report: Report) -> list[MetricRow]:
        against = report.against
        rows = []
        for group, ours, theirs, compared in (
            (self.tr("Search"), report.retrieval, against.retrieval if against else {}, True),
            (self.tr("Answers"), report.answers, against.answers if against else {}, True),
            (self.tr("Reading"), report.oracle_answers, against.oracle_answers if against else {}, False),
        ):
            for name, value in ours.items():
                scale = _bleu if name == "bleu" else points
                beside = (
                    {kind: scale(scores[name]) for kind, scores in report.baselines.items() if name in scores}
                    if compared
                    else {}
                )
                interval = report.intervals.get(name) if compared else None
                difference = against.metrics.get(name) if against and compared else None
                rows.append(
                    MetricRow(
                        group=group,
                        name=metric(name),
                        explained=metric_explained(name),
                        lexical=beside.get("lexical", ""),
                        hybrid=beside.get("hybrid", ""),
                        base=beside.get("base_generator", ""),
                        other=scale(theirs[name]) if name in theirs else "",
                        ours=scale(value),
                        interval=f"{scale(interval[0])} – {scale(interval[1])}" if interval else "",
                        difference=_difference(name, difference.difference, difference.interval) if difference else "",
                        verdict=difference.verdict if difference else "",
                    )
                )
        return rows


def _bleu(value: float) -> str:
    return f"{value:.1f}"


def _difference(name: str, difference: float, interval: tuple[float, float]) -> str:
    scale = 1 if name == "bleu" else 100
    return f"{difference * scale:+.1f} ({interval[0] * scale:+.1f} to {interval[1] * scale:+.1f})"
