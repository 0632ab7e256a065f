"""The model card of a run: what it is, what it learned from, how good it is, what it is not for (Mitchell 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.evaluation.provenance import settings_of
from engine.evaluation.report import Report
from engine.evaluation.reporting.wording import (
    headline,
    knows_sentence,
    metric_name,
    part_sentence,
    reader_or_retriever,
    value,
)
from engine.records import ModelInfo, Run

_SHOWN = ("hit@1", "ndcg@10", "wrong_document@1", "exact_match", "strict_exact_match", "f1", "support", "answered")


def model_card(run: Run, *, models: Sequence[ModelInfo], learned_from: int, report: Report | None) -> str:
    """The card as Markdown. `models` are those of the library that the run uses or was tuned from."""
    lines = [f"# Model card: {run.id}", ""]
    lines += [headline(report)] if report else ["It was not evaluated on test questions yet."]
    lines += ["", "## What it is", ""]
    lines += [f"- {name}: {text}" for name, text in settings_of(run).items()]
    for model in models:
        lines.append(f"- from {model.name}: {model.parameters:,} parameters, {model.licence}, {model.origin}")
    lines += ["", "## What it learned from", ""]
    lines.append(_learned(run, learned_from))
    if run.after:
        lines += ["", "Validation, before and after training:", ""]
        lines += [f"- {name}: {run.before.get(name, 0.0):.3f} → {after:.3f}" for name, after in run.after.items()]
    lines.append("" if not run.reason else f"\n{run.reason}")
    lines += _measured(report) if report else []
    lines += [
        "",
        "## What it is not for",
        "",
        "- It answers from the documents of its workspace only, and it can be wrong: read the cited passage.",
        '- "Quote found" means that the words stand in the passage, not that they are true.',
        "- It does not advise, diagnose or decide. A person who knows the field does.",
    ]
    return "\n".join(lines).rstrip() + "\n"


def _learned(run: Run, documents: int) -> str:
    if run.what == "base":
        return "Nothing of this workspace: it is untuned."
    if not documents:
        return "It is tuned; on which documents is not known here. It may repeat what it read in them."
    return (
        f"Questions about {documents:,} documents. It may repeat what it read there, also after a document was removed."
    )


def _measured(report: Report) -> list[str]:
    ours = {**report.retrieval, **report.answers}
    lines = ["", f"## How good it is on {report.questions:,} {report.split} questions", ""]
    lines += ["| measure | value | 95 % interval |", "|---|---|---|"]
    for name in _SHOWN:
        if name in ours:
            low, high = report.intervals.get(name, (ours[name], ours[name]))
            lines.append(
                f"| {metric_name(name)} | {value(name, ours[name])} | {value(name, low)} – {value(name, high)} |"
            )
    told = [reader_or_retriever(report), knows_sentence(report), *map(part_sentence, report.parts), *report.notes]
    lines += ["", *(f"- {sentence}" for sentence in told if sentence)]
    if report.provenance is not None:
        lines += [
            "",
            f"Documents SHA-256 {report.provenance.documents_digest}; questions SHA-256 "
            f"{report.provenance.questions_digest}; {report.provenance.created}.",
        ]
    return lines
