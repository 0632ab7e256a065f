"""The plots of a report: differences with their intervals, the run beside its baselines, risk and coverage, parts."""

from __future__ import annotations

from collections.abc import Sequence

from engine.evaluation.abstention import SET_RISK, Abstention
from engine.evaluation.report import LESS_IS_BETTER, Breakdown, Comparison, Report
from engine.evaluation.reporting.drawing import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    VERMILLION,
    Box,
    Dot,
    Drawing,
    Lines,
    Words,
)
from engine.evaluation.reporting.wording import metric_name, percent

_WIDTH = 640.0
_NAMES = 210.0  # room for the names at the left
_ROW = 22.0
_PARTS = 16
_CUT = 32  # characters of a name


def plots_of(report: Report) -> list[Drawing]:
    """Every plot that the report has numbers for."""
    drawings = [baseline_plot(report)]
    if report.against is not None:
        drawings.insert(0, difference_plot(report.against))
    if report.abstention is not None and report.abstention.curve:
        drawings.append(risk_plot(report.abstention))
    drawings += [breakdown_plot(one) for one in report.breakdowns if one.by != "document" and len(one.parts) > 1]
    return drawings


def difference_plot(against: Comparison) -> Drawing:
    """This run minus the other one by every metric that is a share, with the 95 % interval."""
    shown = [(name, one) for name, one in against.metrics.items() if one.questions and name != "bleu"]
    drawing = Drawing(
        f"Difference to {against.run}, in points of 100",
        "For every measure the difference between the two runs with its 95 % interval; right of the line is more.",
        _WIDTH,
        _ROW * len(shown) + 34,
    )
    low = min([-0.05, *(one.interval[0] for _, one in shown)])
    high = max([0.05, *(one.interval[1] for _, one in shown)])

    def x_of(value: float) -> float:
        return _NAMES + 10 + (value - low) / (high - low) * (_WIDTH - _NAMES - 30)

    bottom = _ROW * len(shown) + 8
    for tick in _ticks(low, high):
        drawing.add(
            Lines(((x_of(tick), 4), (x_of(tick), bottom)), FAINT if tick else INK),
            Words(x_of(tick), bottom + 16, f"{tick * 100:+.0f}" if tick else "0", 10, "middle", GREY),
        )
    for row, (name, one) in enumerate(shown):
        y = 8 + row * _ROW + _ROW / 2
        good = one.verdict == "better"
        colour = GREEN if good else VERMILLION if one.verdict == "worse" else GREY
        label = metric_name(name) + (" (less: better)" if name in LESS_IS_BETTER else "")
        drawing.add(
            Words(_NAMES, y + 4, label, 11, "end"),
            Lines(((x_of(one.interval[0]), y), (x_of(one.interval[1]), y)), colour, 2.5),
            Dot(x_of(one.difference), y, 4, colour),
        )
    return drawing


def baseline_plot(report: Report) -> Drawing:
    """Finding and answering, each beside what was there before any tuning and beside the right passage."""
    bars: list[tuple[str, float, str]] = [("Right passage found first", -1.0, INK)]
    for name, label in (("lexical", "BM25 alone"), ("dense", "dense, untuned"), ("hybrid", "both, untuned")):
        if "hit@1" in report.baselines.get(name, {}):
            bars.append((label, report.baselines[name]["hit@1"], GREY))
    bars.append((f"this run, {report.run}", report.retrieval["hit@1"], BLUE))
    bars.append(("Answers, F1", -1.0, INK))
    for name, label in (
        ("base_generator", "base's generator"),
        ("lexical", "from BM25's passages"),
        ("hybrid", "from untuned search"),
    ):
        if "f1" in report.baselines.get(name, {}):
            bars.append((label, report.baselines[name]["f1"], GREY))
    bars.append((f"this run, {report.run}", report.answers["f1"], BLUE))
    if report.with_evidence:
        bars.append(("right passage given", report.oracle_answers["f1"], ORANGE))
    return _bars(
        "Beside the baselines, in points of 100",
        "How often the right passage is found first, and how good the answers are, for this run and for the baselines.",
        bars,
    )


def risk_plot(knows: Abstention) -> Drawing:
    """How much of what is answered is wrong, when only the surest share is answered."""
    left, top, width, height = 52.0, 12.0, 560.0, 200.0
    drawing = Drawing(
        "Answering only when sure: share answered, and how much of it is wrong",
        f"Risk against coverage; at {percent(SET_RISK)} risk, {percent(knows.coverage_at_risk)} of the questions "
        "are answered.",
        _WIDTH,
        top + height + 40,
    )
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y = left + tick * width, top + height - tick * height
        drawing.add(
            Lines(((left, y), (left + width, y)), FAINT),
            Words(left - 6, y + 4, f"{tick * 100:.0f} %", 10, "end", GREY),
            Words(x, top + height + 15, f"{tick * 100:.0f} %", 10, "middle", GREY),
        )
    limit = top + height - SET_RISK * height
    drawing.add(Lines(((left, limit), (left + width, limit)), VERMILLION, 1, dashed=True))
    points = tuple((left + one.coverage * width, top + height - one.risk * height) for one in knows.curve)
    drawing.add(Lines(points, BLUE, 2), *([Dot(*points[0], 3, BLUE)] if len(points) == 1 else []))
    drawing.add(Words(left + width / 2, top + height + 32, "share of the questions answered", 10, "middle", GREY))
    drawing.add(Words(left + 6, top + 10, "share of the answers that is wrong", 10, "start", GREY))
    return drawing


def breakdown_plot(breakdown: Breakdown) -> Drawing:
    """F1 by one property of the questions."""
    parts = breakdown.parts[:_PARTS]
    bars = [(f"{part.name} ({part.questions})", part.answers["f1"], BLUE) for part in parts]
    return _bars(
        f"Answers by {breakdown.by}, F1 in points of 100 (questions)", f"F1 of the answers by {breakdown.by}.", bars
    )


def _bars(title: str, says: str, bars: Sequence[tuple[str, float, str]]) -> Drawing:
    """Horizontal bars of shares; a negative value is a heading."""
    drawing = Drawing(title, says, _WIDTH, _ROW * len(bars) + 10)
    room = _WIDTH - _NAMES - 70
    for row, (label, value, colour) in enumerate(bars):
        y = 4 + row * _ROW
        if value < 0:
            drawing.add(Words(8, y + 15, label, 12))
            continue
        drawing.add(
            Words(_NAMES, y + 15, label if len(label) <= _CUT else label[: _CUT - 1] + "…", 11, "end"),
            Box(_NAMES + 10, y + 4, room, _ROW - 8, "#f0f2f5"),
            Box(_NAMES + 10, y + 4, value * room, _ROW - 8, colour),
            Words(_NAMES + 16 + value * room, y + 15, f"{value * 100:.1f}", 11),
        )
    return drawing


def _ticks(low: float, high: float) -> list[float]:
    step = next(step for step in (0.05, 0.1, 0.2, 0.5, 1.0, 5.0, 20.0, 100.0) if (high - low) / step <= 9)
    first = int(low // step) + (0 if low % step == 0 else 1)
    return [round(number * step, 6) for number in range(first, int(high // step) + 1)]
