"""The report as one HTML file: no script, no font, no picture and no address from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from engine.evaluation.report import FLAGS, Flag, QuestionResult, Report
from engine.evaluation.reporting.drawing import to_svg
from engine.evaluation.reporting.plots import plots_of
from engine.evaluation.reporting.tables import BASELINE_METRICS, baseline_rows, measure_rows, origin_rows
from engine.evaluation.reporting.wording import (
    headline,
    knows_sentence,
    metric_name,
    part_sentence,
    reader_or_retriever,
    value,
)

_EACH = 40  # questions shown for each flag; CSV and JSON have all
_TOPS = 20  # parts of a breakdown
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2430; margin: 2rem auto; max-width: 60rem; padding: 0 1.2rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin-bottom: .3rem; }
.head { font-size: 1.15rem; padding: .9rem 1.1rem; border-left: 5px solid #8a8f98; background: #f4f6f8; }
.better { border-color: #009e73; } .worse { border-color: #d55e00; }
.faint { color: #5b6270; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e3e6ea; vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1.2rem 0; } figcaption { font-weight: 600; } svg { width: 100%; max-width: 46rem; height: auto; }
svg text { font-family: system-ui, sans-serif; }
details { border-bottom: 1px solid #e3e6ea; padding: .3rem 0; } summary { cursor: pointer; }
dt { font-weight: 600; } dd { margin: 0 0 .4rem 1rem; } code { font-size: .85rem; overflow-wrap: anywhere; }
@media print { details { display: none; } }
"""


def to_html(report: Report, results: Sequence[QuestionResult]) -> str:
    """The whole report."""
    against = report.against
    verdict = against.verdict if against else ""
    title = f"{report.run} on {report.split} questions"
    sections = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="faint">{escape(_made(report))}</p>',
        f'<p class="head {escape(verdict) if verdict in ("better", "worse") else ""}">{escape(headline(report))}</p>',
        _list([reader_or_retriever(report), knows_sentence(report), *report.notes]),
        _measures(report),
        *(f"<figure><figcaption>{escape(plot.title)}</figcaption>{to_svg(plot)}</figure>" for plot in plots_of(report)),
        _baselines(report),
        _splits(report),
        _breakdowns(report),
        _pinned(report),
        _questions(report, results),
        _provenance(report),
    ]
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>{''.join(sections)}</body></html>\n"
    )


def _made(report: Report) -> str:
    origin = report.provenance
    return f"{origin.workspace}, {origin.created[:10]}, Vademecum {origin.versions['vademecum']}" if origin else ""


def _measures(report: Report) -> str:
    head, rows = measure_rows(report)
    note = (
        "Shares in points of 100. Intervals by bootstrap over documents, 10,000 resamples. "
        f"{report.bleu_signature}".strip()
    )
    return f"<h2>What was measured</h2>{_table(head, rows, numbers=range(1, 5))}<p class=faint>{escape(note)}</p>"


def _baselines(report: Report) -> str:
    head = ["", *map(metric_name, BASELINE_METRICS)]
    return f"<h2>Beside the baselines</h2>{_table(head, baseline_rows(report), numbers=range(1, 4))}"


def _splits(report: Report) -> str:
    if not report.parts:
        return ""
    return f"<h2>Known and unseen documents</h2>{_list([part_sentence(part) for part in report.parts])}"


def _breakdowns(report: Report) -> str:
    parts: list[str] = []
    for one in report.breakdowns:
        other = f"F1, {report.against.run}" if report.against and report.against.metric == "f1" else ""
        head = [one.by, "Questions", metric_name("hit@1"), "exact match", "F1", *([other] if other else [])]
        rows = [
            [
                part.name,
                str(part.questions),
                value("hit@1", part.retrieval["hit@1"]),
                value("exact_match", part.answers["exact_match"]),
                value("f1", part.answers["f1"]),
                *([value("f1", part.against_value or 0.0)] if other else []),
            ]
            for part in one.parts[:_TOPS]
        ]
        left = len(one.parts) - _TOPS
        more = f'<p class="faint">{left} more are in the JSON file.</p>' if left > 0 else ""
        parts.append(f"<h3>By {escape(one.by)}</h3>{_table(head, rows, numbers=range(1, 6))}{more}")
    return f"<h2>Where it fails</h2>{''.join(parts)}" if parts else ""


def _pinned(report: Report) -> str:
    pinned = report.pinned
    if pinned is None:
        return ""
    told = (
        f"{len(pinned.worse)} of {len(pinned.results)} pinned questions got worse since {pinned.against}."
        if pinned.worse
        else f"None of the {len(pinned.results)} pinned questions got worse since {pinned.against}."
    )
    return f"<h2>Pinned questions</h2><p>{escape(told)}</p>{_list(pinned.worse)}"


def _questions(report: Report, results: Sequence[QuestionResult]) -> str:
    sections: list[str] = []
    for flag in FLAGS:
        flagged = sorted((row for row in results if flag in row.flags), key=lambda row: row.f1 - row.against_f1)
        if flagged:
            sections.append(_flagged(report, flag, flagged))
    return f"<h2>Question by question</h2>{''.join(sections)}" if sections else ""


def _flagged(report: Report, flag: Flag, rows: Sequence[QuestionResult]) -> str:
    shown = "".join(_question(report, row) for row in rows[:_EACH])
    left = len(rows) - _EACH
    more = f'<p class="faint">{left} more are in the CSV and JSON files.</p>' if left > 0 else ""
    return f"<h3>{flag[:1].upper()}{flag[1:]} ({len(rows)})</h3>{shown}{more}"


def _question(report: Report, row: QuestionResult) -> str:
    other = report.against.run if report.against else ""
    found = f"at place {row.hit_rank}" if row.hit_rank else "not among the first 20"
    told = [
        ("Known answer", " / ".join(row.gold)),
        (report.run, row.answer or "(declined)"),
        (other, row.against_answer or "(declined)") if other else ("", ""),
        ("Right passage given", row.oracle_answer),
        ("Evidence", found if row.evidence else "none in the documents"),
        ("Document", row.document),
        ("Cited", " … ".join(citation.quote for citation in row.citations)),
    ]
    pairs = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in told if name and text)
    f1 = f"F1 {row.f1 * 100:.0f}" + (f", {other} {row.against_f1 * 100:.0f}" if other else "")
    summary = f"<summary>{escape(row.question)} <span class=faint>({escape(f1)})</span></summary>"
    return f"<details>{summary}<dl>{pairs}</dl></details>"


def _provenance(report: Report) -> str:
    rows = origin_rows(report)
    return f"<h2>What it was made from</h2>{_table(['', ''], rows, numbers=())}" if rows else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Iterable[int]) -> str:
    columns = set(numbers)

    def cells(row: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=n' if place in columns else ''}>{escape(text)}</{tag}>" for place, text in enumerate(row)
        )

    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    top = f"<thead><tr>{cells(head, 'th')}</tr></thead>" if any(head) else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _list(texts: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in texts if text)
    return f"<ul>{items}</ul>" if items else ""
