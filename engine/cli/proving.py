"""Commands that prove: evaluate, results, amend, pinned, report, card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from engine.cli.asking import RunName
from engine.cli.call import Call, UsageError, WorkspacePath, command
from engine.cli.console import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.evaluation.job import QuestionDetail
    from engine.evaluation.report import PinnedReport, QuestionResult
    from engine.evaluation.wordings import Piece

Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of everything random.")]
SplitName = Annotated[Literal["test", "validation"], typer.Option("--split")]

_PASSAGES = 5  # retrieved passages shown in full


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "evaluate", compute=True)(evaluate)
    command(app, "results")(results)
    command(app, "amend")(amend)
    command(app, "pinned", compute=True)(pinned)
    command(app, "report")(report)
    command(app, "card")(card)


def evaluate(
    call: Call,
    workspace: WorkspacePath,
    run: RunName = "active",
    split: SplitName = "test",
    against: Annotated[str | None, typer.Option("--against", metavar="RUN", help="The run to compare with.")] = "base",
    seed: Seed = 0,
) -> None:
    """Measure a run on held-out questions, beside another run and the untuned baselines."""
    from engine.evaluation.job import Evaluate

    with call.session(workspace, compute=True) as session:
        report = call.run(Evaluate(run, split, against or None, seed), session)
    call.console.result(msgspec.to_builtins(report), _report_text(report))


def _report_text(report: Any) -> str:
    from engine.evaluation.report import largest
    from engine.evaluation.reporting.tables import baseline_rows
    from engine.evaluation.reporting.wording import headline, knows_sentence, part_sentence, reader_or_retriever

    lines = [f"Run {report.run} on {report.questions} {report.split} questions of {report.groups} documents", ""]
    other = report.against.run if report.against else ""
    lines.append(f"{'':24}{'run':>8}{'95 % interval':>19}{other:>12}{'difference':>12}  verdict")
    theirs = {**report.against.retrieval, **report.against.answers} if report.against else {}
    for name, value in {**report.retrieval, **report.answers}.items():
        scale = 100 / largest(name)
        low, high = report.intervals.get(name, (value, value))
        row = f"{name:24}{value * scale:8.1f}{f'{low * scale:.1f} – {high * scale:.1f}':>19}"
        if name in theirs:
            row += f"{theirs[name] * scale:12.1f}{(value - theirs[name]) * scale:+12.1f}"
        found = report.against.metrics.get(name) if report.against else None
        lines.append(row + (f"  {found.verdict}" if found else ""))
    lines += ["", "With the right passage given:"]
    base = report.against.oracle_answers if report.against else {}
    for name in ("exact_match", "strict_exact_match", "f1"):
        their = f"{base[name] * 100:31.1f}" if name in base else ""
        lines.append(f"{name:24}{report.oracle_answers.get(name, 0.0) * 100:8.1f}{their}")
    lines += ["", f"{'Beside it (hit@1, ndcg@10, F1):':40}"]
    lines += [f"  {row[0]:42}{row[1]:>8}{row[2]:>8}{row[3]:>8}" for row in baseline_rows(report)]
    told = [reader_or_retriever(report), knows_sentence(report), *map(part_sentence, report.parts), *report.notes]
    lines += ["", *(sentence for sentence in told if sentence)]
    if report.pinned:
        lines += ["", *pinned_lines(report.pinned)]
    lines += ["", headline(report)]
    lines += ["", report.bleu_signature, f"Took {in_words(report.seconds)}."]
    if report.per_question:
        lines.append(f"Every question: {report.per_question}")
    return "\n".join(lines)


def results(
    call: Call,
    workspace: WorkspacePath,
    run: RunName = "active",
    split: SplitName = "test",
    only: Annotated[
        Literal["got-worse", "retrieval-missed", "reader-missed", "should-have-abstained"] | None,
        typer.Option("--only", help="Only the questions with which this is wrong."),
    ] = None,
    question: Annotated[
        str, typer.Option("--question", metavar="ID", help="One question, with gold and retrieved passages.")
    ] = "",
) -> None:
    """Show the evaluated questions one by one: what was found, what was said, what is wrong."""
    from engine.evaluation.job import ReadPerQuestion, ReadQuestion, ReadReport

    with call.session(workspace) as session:
        if question:
            detail = call.run(ReadQuestion(question, run, split), session)
            call.console.result(msgspec.to_builtins(detail), _detail_text(detail))
            return
        evaluated = call.run(ReadReport(run, split), session)
        rows = call.run(ReadPerQuestion(run, split), session)
    if evaluated is None:
        from engine.errors import RunError

        raise RunError(f"The run was not evaluated on {split} questions.", hint="Evaluate it first: evaluate.")
    flag = only.replace("-", " ") if only else ""
    shown = [row for row in rows if not flag or flag in row.flags]
    value = {"run": evaluated.run, "split": split, "only": only, "questions": msgspec.to_builtins(shown)}
    call.console.result(value, "\n".join(map(_line, shown)) or "There are none.")


def amend(
    call: Call,
    workspace: WorkspacePath,
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="Id of the question.")],
    wording: Annotated[str | None, typer.Option("--question", metavar="TEXT", help="What it should ask.")] = None,
    answer: Annotated[
        list[str] | None, typer.Option("--answer", metavar="TEXT", help="An accepted answer; may be repeated.")
    ] = None,
    exclude: Annotated[
        bool | None, typer.Option("--exclude/--include", help="Leave it out of evaluations, or ask it again.")
    ] = None,
    pin: Annotated[
        bool | None, typer.Option("--pin/--unpin", help="Ask it of every new run, and say when it gets worse.")
    ] = None,
    as_imported: Annotated[bool, typer.Option("--as-imported", help="Drop what was corrected before.")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT")] = "",
) -> None:
    """Correct, exclude or pin a question. It is recorded, and --as-imported brings back what was imported."""
    from engine.evaluation.job import Amend

    if wording is None and not answer and exclude is None and pin is None and not as_imported:
        raise UsageError("Say what to change: --question, --answer, --exclude, --include, --pin or --unpin.")
    job = Amend(question, wording, tuple(answer) if answer else None, exclude, pin, reason, as_imported)
    with call.session(workspace) as session:
        amendment = call.run(job, session)
    state = [
        *(["corrected"] if amendment.corrected else []),
        "excluded" if amendment.excluded else "asked",
        *(["pinned"] if amendment.pinned else []),
    ]
    call.console.result(msgspec.to_builtins(amendment), f"Question {question}: {', '.join(state)}.")


def pinned(
    call: Call,
    workspace: WorkspacePath,
    run: RunName = "active",
    against: Annotated[
        str, typer.Option("--against", metavar="RUN", help="The run before; without it the one it was trained from.")
    ] = "",
) -> None:
    """Ask a run the pinned questions and name those that got worse."""
    from engine.evaluation.job import CheckPinned

    with call.session(workspace, compute=True) as session:
        found = call.run(CheckPinned(run, against), session)
    value = msgspec.to_builtins(found) if found else {"run": run, "against": against, "results": [], "worse": []}
    none = "No question is pinned. Pin one: amend WORKSPACE QUESTION --pin."
    call.console.result(value, "\n".join(pinned_lines(found)) if found else none)


def report(
    call: Call,
    workspace: WorkspacePath,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the files are written.")],
    run: RunName = "active",
    split: SplitName = "test",
) -> None:
    """Write the report of an evaluated run: HTML, PDF, CSV, JSON and the model card. The files are not encrypted."""
    from engine.evaluation.publication import WriteReport

    with call.session(workspace) as session:
        written = call.run(WriteReport(str(to), run, split), session)
    value = msgspec.to_builtins(written)
    call.console.result(value, "\n".join(value.values()))


def card(call: Call, workspace: WorkspacePath, run: RunName = "active") -> None:
    """Print the model card of a run, as Markdown."""
    from engine.evaluation.publication import ReadModelCard

    with call.session(workspace) as session:
        text = call.run(ReadModelCard(run), session)
    call.console.result({"run": run, "card": text}, text)


def pinned_lines(found: PinnedReport) -> list[str]:
    """What became of the pinned questions, in lines."""
    count = len(found.results)
    if not found.worse:
        return [f"None of the {count} pinned questions got worse in {found.run} since {found.against}."]
    return [f"{len(found.worse)} of the {count} pinned questions got worse since {found.against}:"] + [
        f"  {one.question}\n    before: {one.before or '(declined)'}\n    now: {one.answer or '(declined)'}"
        for one in found.results
        if one.worse
    ]


def _line(row: QuestionResult) -> str:
    found = f"found at {row.hit_rank}" if row.hit_rank else "not found"
    flags = f" [{', '.join(row.flags)}]" if row.flags else ""
    return f"{row.id}: {row.question}\n    F1 {row.f1 * 100:.0f}, {found}: {row.answer or '(declined)'}{flags}"


def _detail_text(detail: QuestionDetail) -> str:
    from engine.evaluation.wordings import compared_words

    row = detail.result
    pieces = compared_words(row.answer, row.against_answer)
    ours, theirs = map(_marked, pieces) if row.answer and row.against_answer else (row.answer, row.against_answer)
    lines = [row.question, f"  known answer: {' / '.join(row.gold)}", f"  this run: {ours or '(declined)'}"]
    if detail.against:
        lines.append(f"  {detail.against}: {theirs or '(declined)'}")
    lines += [f"  right passage given: {row.oracle_answer}"] if row.evidence else []
    lines += [f"  {', '.join(row.flags)}"] if row.flags else []
    for name, value in row.scores.items():
        other = f"{row.against_scores[name]:10.3f}" if name in row.against_scores else ""
        lines.append(f"    {name:22}{value:8.3f}{other}")
    gold = set(row.evidence)
    lines += ["", "Gold:"]
    lines += [f"  {one.id} ({one.title}): {one.text}" for one in detail.gold] or ["  none in the documents"]
    lines += ["", f"Retrieved (the first {detail.reads} were read):"]
    for rank, passage in enumerate(detail.retrieved[: max(_PASSAGES, detail.reads)], start=1):
        lines.append(f"  {rank}. {'GOLD ' if passage.id in gold else ''}{passage.id} ({passage.title}): {passage.text}")
    return "\n".join(lines)


def _marked(pieces: Sequence[Piece]) -> str:
    """The words in [brackets] that the other answer lacks."""
    return " ".join(piece.text if piece.same else f"[{piece.text}]" for piece in pieces)
