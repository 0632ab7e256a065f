"""Commands that tune and prove: train, evaluate, promote, rollback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from engine.cli.asking import RunName
from engine.cli.call import Call, WorkspacePath, command
from engine.cli.console import in_words
from engine.errors import Cancelled

if TYPE_CHECKING:
    from engine.session import Session

Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of everything random.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "train", compute=True)(train)
    command(app, "evaluate", compute=True)(evaluate)
    command(app, "promote")(promote)
    command(app, "rollback")(rollback)


def train(
    call: Call,
    workspace: WorkspacePath,
    what: Annotated[
        Literal["retriever", "generator", "joint", "all"], typer.Option("--what", help="What is fine-tuned.")
    ] = "all",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Start from this model of the library.")] = "",
    preset: Annotated[Literal["quick", "balanced", "thorough"], typer.Option("--preset")] = "balanced",
    epochs: Annotated[int | None, typer.Option("--epochs", metavar="N")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", metavar="N")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", metavar="R")] = None,
    minutes: Annotated[float | None, typer.Option("--minutes", metavar="M", help="Stop after this long.")] = None,
    resume: Annotated[str, typer.Option("--resume", metavar="RUN", help="Go on with an interrupted run.")] = "",
    seed: Seed = 0,
    encoder: Annotated[str, typer.Option("--encoder", metavar="NAME", help="Start from this encoder too.")] = "",
    objective: Annotated[
        Literal["sequence", "token", "lsr"],
        typer.Option(
            "--objective", help="Of joint training: RAG-Sequence, RAG-Token, or the retriever from a fixed generator."
        ),
    ] = "sequence",
) -> None:
    """Fine-tune, validate, and keep the best checkpoint."""
    from engine.training.job import Train

    job = Train(
        what=what,
        model=model,
        preset=preset,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        minutes=minutes,
        resume=resume,
        seed=seed,
        encoder=encoder,
        objective=objective,
    )
    with call.session(workspace, compute=True) as session:
        try:
            run = call.run(job, session)
        except Cancelled:
            raise Cancelled(_how_to_go_on(session)) from None
    value = {
        "run": run.id,
        "what": run.what,
        "steps": run.steps,
        "best_step": run.best_step,
        "seconds": run.seconds,
        "validation": {"before": run.before, "after": run.after},
        "kept": run.kept,
        "reason": run.reason,
        "state": run.state,
    }
    lines = [f"Run {run.id}: {run.steps} steps in {in_words(run.seconds)}, best at {run.best_step}."]
    lines += [
        f"  {name}: {run.before[name]:.3f} → {score:.3f}" for name, score in run.after.items() if name in run.before
    ]
    lines.append(run.reason)
    call.console.result(value, "\n".join(lines))


def _how_to_go_on(session: Session) -> str:
    stopped = [run.id for run in session.workspace.runs.list() if run.state == "interrupted"]
    return f"Go on with train --resume {stopped[-1]}." if stopped else ""


def evaluate(
    call: Call,
    workspace: WorkspacePath,
    run: RunName = "active",
    split: Annotated[Literal["test", "validation"], typer.Option("--split")] = "test",
    against: Annotated[str | None, typer.Option("--against", metavar="RUN", help="The run to compare with.")] = "base",
    seed: Seed = 0,
) -> None:
    """Measure a run on held-out questions, beside another run and the untuned baselines."""
    from engine.evaluation.job import Evaluate

    with call.session(workspace, compute=True) as session:
        report = call.run(Evaluate(run, split, against or None, seed), session)
    call.console.result(msgspec.to_builtins(report), _report_text(report))


def _report_text(report: Any) -> str:
    lines = [f"Run {report.run} on {report.questions} {report.split} questions of {report.groups} documents", ""]
    other = report.against.run if report.against else ""
    lines.append(f"{'':24}{'run':>8}{'95 % interval':>19}{other:>12}{'difference':>12}  verdict")
    theirs = {**report.against.retrieval, **report.against.answers} if report.against else {}
    for name, value in {**report.retrieval, **report.answers}.items():
        scale = 1 if name == "bleu" else 100
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
    lines += ["", "Untuned retrieval (hit@1, ndcg@10):"]
    lines += [
        f"{mode:24}{scores['hit@1'] * 100:8.1f}{scores['ndcg@10'] * 100:8.1f}"
        for mode, scores in report.baselines.items()
    ]
    if report.against:
        needed = report.against.questions_needed
        more = f" About {needed} questions would tell." if needed else ""
        lines += ["", f"By {report.against.metric}, against {report.against.run}: {report.against.verdict}.{more}"]
    lines += ["", report.bleu_signature, f"Took {in_words(report.seconds)}."]
    if report.per_question:
        lines.append(f"Every question: {report.per_question}")
    return "\n".join(lines)


def promote(call: Call, workspace: WorkspacePath, run: Annotated[str, typer.Argument(metavar="RUN")]) -> None:
    """Let a run answer from now on."""
    from engine.workspace.job import Promote

    with call.session(workspace) as session:
        _say(call, call.run(Promote(run), session))


def rollback(call: Call, workspace: WorkspacePath) -> None:
    """Let the run answer that answered before."""
    from engine.workspace.job import Rollback

    with call.session(workspace) as session:
        _say(call, call.run(Rollback(), session))


def _say(call: Call, promotion: Any) -> None:
    value = {"active": promotion.active, "previous": promotion.previous}
    call.console.result(value, f"Run {promotion.active} answers now; before it was {promotion.previous}.")
