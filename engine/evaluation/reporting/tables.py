"""The tables that HTML and PDF both show, as rows of text."""

from __future__ import annotations

from engine.evaluation.report import Report
from engine.evaluation.reporting.wording import difference, metric_name, value, verdict_word

BASELINE_METRICS = ("hit@1", "ndcg@10", "f1")

_BASELINES = {
    "lexical": "BM25 only; this run's generator",
    "dense": "dense only, untuned",
    "hybrid": "both, untuned; this run's generator",
    "base_generator": "this run's passages; the base's generator",
}


def measure_rows(report: Report) -> tuple[list[str], list[list[str]]]:
    """Every metric with its interval, beside the other run: (head, rows)."""
    against = report.against
    theirs = {**against.retrieval, **against.answers} if against else {}
    head = ["Measure", "This run", "95 % interval", *([against.run, "Difference", "Verdict"] if against else [])]
    rows: list[list[str]] = []
    for name, number in {**report.retrieval, **report.answers}.items():
        low, high = report.intervals.get(name, (number, number))
        row = [metric_name(name), value(name, number), f"{value(name, low)} – {value(name, high)}"]
        if against:
            found = against.metrics.get(name)
            row += [value(name, theirs[name]) if name in theirs else ""]
            row += [difference(name, found), verdict_word(name, found)] if found else ["", ""]
        rows.append(row)
    return head, rows


def baseline_rows(report: Report) -> list[list[str]]:
    """What there was without tuning, this run, and this run with the right passage, by three metrics."""
    ours = {**report.retrieval, **report.answers}
    rows = [
        [_BASELINES.get(name, name), *(value(key, scores[key]) if key in scores else "" for key in BASELINE_METRICS)]
        for name, scores in report.baselines.items()
    ]
    rows.append(["this run", *(value(key, ours[key]) for key in BASELINE_METRICS)])
    rows.append(["this run, right passage given", "", "", value("f1", report.oracle_answers.get("f1", 0.0))])
    return rows


def origin_rows(report: Report) -> list[list[str]]:
    """What the numbers depend on; none where the report does not say."""
    origin = report.provenance
    if origin is None:
        return []
    rows = [
        ["documents", f"{origin.documents:,}, SHA-256 {origin.documents_digest}"],
        ["questions", f"{report.questions:,}, SHA-256 {origin.questions_digest}"],
        ["corrected, excluded by hand", f"{origin.amended}, {origin.excluded}"],
        ["index version", str(origin.index_version)],
        ["device, seed, resamples", f"{origin.device}, {origin.seed}, {origin.resamples:,}"],
        *([name, text] for name, text in origin.settings.items()),
        ["versions", ", ".join(f"{name} {text}" for name, text in origin.versions.items())],
        ["BLEU", report.bleu_signature or "–"],
    ]
    took = report.latency
    if took is not None:
        alone = (
            f"{took.total_ms:.0f} ms, 95 % below {took.total_p95_ms:.0f} ms, first word {took.first_token_ms:.0f} ms"
        )
        rows.append(["time for one question", f"{alone}; in batches {took.batched_ms:.0f} ms"])
    return rows
