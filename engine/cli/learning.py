"""Commands that tune and choose: train, promote, rollback."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from engine.cli.call import Call, WorkspacePath, command
from engine.cli.console import in_words
from engine.cli.proving import Seed, pinned_lines
from engine.errors import Cancelled

if TYPE_CHECKING:
    from engine.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "train", compute=True)(train)
    command(app, "promote")(promote)
    command(app, "rollback")(rollback)
    command(app, "export")(export)
    command(app, "import-run")(import_run)


def train(
    call: Call,
    workspace: WorkspacePath,
    what: Annotated[
        Literal["retriever", "generator", "joint", "all"], typer.Option("--what", help="What is fine-tuned.")
    ] = "all",
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Start from this model of the library.")] = "",
    preset: Annotated[
        Literal["quick", "balanced", "thorough"],
        typer.Option("--preset", help="Thorough also tries both bundled encoders."),
    ] = "balanced",
    epochs: Annotated[int | None, typer.Option("--epochs", metavar="N")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", metavar="N")] = None,
    learning_rate: Annotated[float | None, typer.Option("--learning-rate", metavar="R")] = None,
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", metavar="M", help="End the training steps after this long; measuring comes on top."),
    ] = None,
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
    from engine.evaluation.job import CheckPinned
    from engine.training.job import EstimateTraining, Train

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
        estimate = None if resume else call.run(EstimateTraining(job), session)
        if estimate is not None:
            call.console.estimated(estimate)
        try:
            run = call.run(job, session)
        except Cancelled:
            raise Cancelled(_how_to_go_on(session)) from None
        pinned = call.run(CheckPinned(run.id), session) if run.state == "finished" else None
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
        **({"estimate": msgspec.to_builtins(estimate)} if estimate else {}),
        **({"pinned": {"questions": len(pinned.results), "worse": list(pinned.worse)}} if pinned else {}),
    }
    lines = [f"Run {run.id}: {run.steps} steps in {in_words(run.seconds)}, best at {run.best_step}."]
    lines += [
        f"  {name}: {run.before[name]:.3f} → {score:.3f}" for name, score in run.after.items() if name in run.before
    ]
    lines.append(run.reason)
    if pinned:
        lines += pinned_lines(pinned)
    call.console.result(value, "\n".join(lines))


def _how_to_go_on(session: Session) -> str:
    stopped = [run.id for run in session.workspace.runs.list() if run.state == "interrupted"]
    return f"Go on with train --resume {stopped[-1]}." if stopped else ""


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


def export(
    call: Call,
    workspace: WorkspacePath,
    run: Annotated[str, typer.Argument(metavar="RUN")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The package to write.")],
) -> None:
    """Write a run as one portable, verified package: models, index, settings, scores. It is not encrypted."""
    from engine.exporting.job import ExportRun

    with call.session(workspace) as session:
        packaged = call.run(ExportRun(run, str(file)), session)
    _say_packaged(call, packaged, f"Run {packaged.run} is in {packaged.package}.")


def import_run(
    call: Call, workspace: WorkspacePath, file: Annotated[Path, typer.Argument(metavar="FILE", help="The package.")]
) -> None:
    """Take a run from a package. It answers once it is promoted."""
    from engine.exporting.job import ImportRun

    with call.session(workspace) as session:
        packaged = call.run(ImportRun(str(file)), session)
    _say_packaged(call, packaged, f"Run {packaged.run} is here; promote {packaged.run} lets it answer.")


def _say_packaged(call: Call, packaged: Any, told: str) -> None:
    call.console.result(
        msgspec.to_builtins(packaged), f"{told}\nSHA-256 {packaged.digest}, {packaged.size_bytes:,} bytes"
    )
