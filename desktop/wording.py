"""How numbers, times and names of the engine are said to a person."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication

from engine.records import Run


def _tr(text: str) -> str:
    return QCoreApplication.translate("Wording", text)


def duration(seconds: float) -> str:
    """Return a time as a person says it: "40 s", "3 min", "1 h 20 min"."""
    if seconds < 60:
        return _tr("{0} s").format(max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 60:
        return _tr("{0} min").format(minutes)
    return _tr("{0} h {1} min").format(minutes // 60, minutes % 60)


def milliseconds(time_ms: float) -> str:
    """Return a short time: "35 ms", "1.2 s"."""
    return _tr("{0} ms").format(round(time_ms)) if time_ms < 1000 else _tr("{0:.1f} s").format(time_ms / 1000)


def points(share: float) -> str:
    """Return a share of 0 to 1 as points of 100: "52.3"."""
    return f"{share * 100:.1f}"


def counted(number: int, one: str, many: str) -> str:
    """Return "1 document", "1,204 documents"."""
    return f"{number:,} {one if number == 1 else many}"


def plainly_joined(parts: Sequence[str]) -> str:
    """Return the parts that say something, as one line."""
    return " · ".join(part for part in parts if part)


def metric(name: str) -> str:
    """Return a metric as a person reads it; unknown ones as they are."""
    known = {
        "hit@1": _tr("Right passage first (hit@1)"),
        "hit@5": _tr("Right passage among 5 (hit@5)"),
        "hit@20": _tr("Right passage among 20 (hit@20)"),
        "recall@20": _tr("Evidence among 20 (recall@20)"),
        "mrr@10": _tr("Mean reciprocal rank (MRR@10)"),
        "ndcg@10": _tr("Ranking quality (nDCG@10)"),
        "exact_match": _tr("Exact match (EM)"),
        "strict_exact_match": _tr("Exact match, numbers and negations too"),
        "f1": _tr("Words in common (F1)"),
        "bleu": _tr("BLEU"),
        "rouge1": _tr("ROUGE-1"),
        "rouge2": _tr("ROUGE-2"),
        "rougeL": _tr("ROUGE-L"),
        "answered": _tr("Answered, not declined"),
    }
    return known.get(name, name)


def run_scores(run: Run) -> str:
    """Return a run's validation scores before and after, as one line."""
    parts = []
    for name, after in run.after.items():
        if name.endswith("kept"):
            continue
        before = run.before.get(name)
        scale = points if 0 <= after <= 1 and not name.endswith("loss") else "{:.3g}".format
        parts.append(
            f"{name.replace('_', ' ')} {scale(before)} → {scale(after)}"
            if before is not None
            else f"{name.replace('_', ' ')} {scale(after)}"
        )
    return plainly_joined(parts)
