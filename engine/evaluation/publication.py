"""The jobs that give a report away: HTML, PDF, CSV, JSON and the model card in a folder; the card alone."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from engine.errors import RunError
from engine.evaluation.job import ReadPerQuestion, ReadReport
from engine.evaluation.report import QuestionResult, Report
from engine.jobs import Monitor
from engine.records import Run, Split
from engine.workspace.publishing import publish_file, storage_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.session import Session


@dataclass(frozen=True, slots=True)
class PublishedReport:
    """Where the files of a report lie."""

    html: str
    pdf: str
    csv: str
    json: str
    card: str


@dataclass(frozen=True, slots=True)
class WriteReport:
    """Write the report of a run that was evaluated into a folder, for people outside the workspace.

    The files are not encrypted, whatever the workspace is: that they were written is noted in the audit.
    """

    folder: str
    run_name: str = "active"
    split: Split = "test"

    def run(self, session: Session, monitor: Monitor) -> PublishedReport:
        from engine.evaluation.reporting.html import to_html
        from engine.evaluation.reporting.pdf import to_pdf

        run = session.run(self.run_name)
        report = ReadReport(self.run_name, self.split).run(session, monitor)
        if report is None:
            raise RunError(
                f"The run {run.id} was not evaluated on {self.split} questions.",
                hint="Evaluate it first; then the report can be written.",
            )
        results = ReadPerQuestion(self.run_name, self.split).run(session, monitor)
        folder = Path(self.folder).absolute()
        name = f"{run.id}-{self.split}"
        whole = {"report": report, "questions": results}
        contents = {
            "html": (f"{name}.html", to_html(report, results).encode("utf-8")),
            "pdf": (f"{name}.pdf", to_pdf(report)),
            "csv": (f"{name}.csv", to_csv(results).encode("utf-8-sig")),  # the mark lets spreadsheets see the UTF-8
            "json": (f"{name}.json", msgspec.json.format(msgspec.json.encode(whole), indent=1)),
            "card": (f"{name}-model-card.md", _card(session, run, report).encode("utf-8")),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
        written = {kind: str(_write(folder / file, content)) for kind, (file, content) in contents.items()}
        session.workspace.audit.record("report written", f"{run.id} on {self.split}")
        return PublishedReport(**written)


@dataclass(frozen=True, slots=True)
class ReadModelCard:
    """The model card of a run, as Markdown; with its numbers where it was evaluated."""

    run_name: str = "active"
    split: Split = "test"

    def run(self, session: Session, monitor: Monitor) -> str:
        report = ReadReport(self.run_name, self.split).run(session, monitor)
        return _card(session, session.run(self.run_name), report)


def to_csv(results: Sequence[QuestionResult]) -> str:
    """A line a question, for a spreadsheet; nothing in a cell can start a formula."""
    metrics = sorted({name for row in results for name in row.scores})
    head = [
        "id", "question", "known answers", "answer", "compared answer", "answer with the right passage", "flags",
        "document", "known document", "kind", "found at", "confidence", "declined", "corrected", "pinned",
    ]  # fmt: skip
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow([*head, *metrics, *(f"compared {name}" for name in metrics)])
    for row in results:
        cells = [
            row.id, row.question, " / ".join(row.gold), row.answer, row.against_answer, row.oracle_answer,
            ", ".join(row.flags), row.document, {True: "yes", False: "no", None: ""}[row.known_document], row.kind,
        ]  # fmt: skip
        lines.writerow(
            [
                *map(_harmless, cells),
                row.hit_rank or "",
                f"{row.confidence:.4f}",
                *("yes" if told else "no" for told in (row.abstained, row.amended, row.pinned)),
                *(_number(row.scores, name) for name in metrics),
                *(_number(row.against_scores, name) for name in metrics),
            ]
        )
    return text.getvalue()


# A formula begins with one of these; where ";" parts cells, as in much of Europe, or a tab does, also after those.
_FORMULA = re.compile(r'^(?=[=+\-@＝＋－＠\t\r\n])|([;\t\r\n]"*)(?=[=+\-@＝＋－＠])')


def _harmless(text: str) -> str:
    """Text that a spreadsheet shows and does not compute (OWASP, CSV injection)."""
    return _FORMULA.sub(r"\1'", text)


def _number(scores: dict[str, float], name: str) -> str:
    return f"{scores[name]:.6g}" if name in scores else ""


def _card(session: Session, run: Run, report: Report | None) -> str:
    from engine.evaluation.reporting.card import model_card

    known = {model.name: model for model in session.library.list()}
    used = [known[name] for name in _lineage(session, run) if name in known]
    learned = len(session.workspace.runs.learned(run.id))
    return model_card(run, models=used, learned_from=learned, report=report)


def _lineage(session: Session, run: Run) -> list[str]:
    """The models of a run and of those it was trained from, by name; an imported one is named where it was chosen."""
    names = [run.encoder, run.generator, *_chosen(run)]
    seen = {run.id}
    while run.parent and run.parent not in seen:
        seen.add(run.parent)
        run = session.run(run.parent)
        names += [run.encoder, run.generator, *_chosen(run)]
    return list(dict.fromkeys(names))


def _chosen(run: Run) -> list[str]:
    return [str(run.settings[part]) for part in ("model", "encoder", "reranker") if part in run.settings]


def _write(path: Path, content: bytes) -> Path:
    publish_file([content], staging=path.parent, target=lambda digest: path)
    return path
