"""Commands of the workspace itself: new, import, status, documents, questions, remove, verify, restore."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from engine.cli.call import PASSPHRASE_VARIABLE, Call, UsageError, WorkspacePath, command
from engine.cli.console import in_words
from engine.cli.questions import problem_lines
from engine.errors import DocumentError

if TYPE_CHECKING:
    from engine.importing import ImportReport

DOCUMENT_PASSWORD_VARIABLE = "VADEMECUM_DOCUMENT_PASSWORD"


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "new")(new)
    command(app, "import")(import_)
    command(app, "status")(status)
    command(app, "documents")(documents)
    command(app, "remove")(remove)
    command(app, "tag")(tag)
    command(app, "verify")(verify)
    command(app, "restore")(restore)


def new(
    call: Call,
    workspace: WorkspacePath,
    name: Annotated[str | None, typer.Option("--name", help="Name of the matter or department.")] = None,
    no_passphrase: Annotated[bool, typer.Option("--no-passphrase", help="Do not protect the workspace.")] = False,
) -> None:
    """Make an empty workspace, protected by a passphrase unless told otherwise."""
    from engine.workspace.workspace import Workspace

    if no_passphrase and call.passphrase_file is not None:
        raise UsageError("Give --passphrase-file or --no-passphrase: a workspace has a passphrase or none.")
    passphrase = None if no_passphrase else call.passphrase() or _new_passphrase()
    with Workspace.create(workspace, name=name, passphrase=passphrase) as made:
        value = {
            "workspace": str(made.path),
            "id": made.id,
            "name": made.name,
            "schema": made.schema,
            "protected": made.protected,
        }
        kind = "Protected workspace" if made.protected else "Workspace"
        call.console.result(value, f"{kind} made in {made.path}.")


def _new_passphrase() -> str:
    if not sys.stdin.isatty():
        raise UsageError(
            f"Choose how to protect the workspace: give --passphrase-file or {PASSPHRASE_VARIABLE}, or --no-passphrase."
        )
    first = getpass.getpass("Passphrase: ", stream=sys.stderr)
    if not first:
        raise UsageError("The passphrase is empty. Give --no-passphrase for a workspace without one.")
    if getpass.getpass("Again: ", stream=sys.stderr) != first:
        raise UsageError("The two passphrases differ.")
    return first


def import_(
    call: Call,
    workspace: WorkspacePath,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files and folders.")],
    kind: Annotated[
        Literal["auto", "documents", "questions", "passages"],
        typer.Option("--as", help="What the files are; detected when not said."),
    ] = "auto",
    password_file: Annotated[
        Path | None,
        typer.Option(
            "--password-file",
            metavar="FILE",
            help=f"Passwords of protected documents, one a line; or set {DOCUMENT_PASSWORD_VARIABLE}.",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--map",
            metavar="question=COL,answer=COL,…",
            help="Which column of the question files is what, by name or number; remembered for such files.",
        ),
    ] = None,
    no_header: Annotated[
        bool, typer.Option("--no-header", help="With --map: the first row of the table is a question, no header.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="80/10/10", help="Shares of training, validation and test, for questions without one."
        ),
    ] = None,
) -> None:
    """Import files and folders. Safe to repeat; one bad file never stops the rest."""
    from engine.importing import ImportFiles
    from engine.questions.columns import parse_map
    from engine.questions.shares import parse_shares

    passwords = _document_passwords(password_file)
    chosen = parse_map(columns) if columns else None
    if no_header:
        if chosen is None:
            raise UsageError("--no-header needs --map: columns without names are told by their numbers.")
        chosen = replace(chosen, header="no")
    shares = parse_shares(split) if split else None
    with call.session(workspace) as session:
        files = tuple(str(path.absolute()) for path in paths)
        job = ImportFiles(files, kind, passwords, columns=chosen, shares=shares)
        report = call.run(job, session)
    nothing = not (
        report.documents_added
        or report.documents_unchanged
        or report.documents_replaced
        or report.questions_added
        or report.questions_unchanged
    )
    if nothing:
        raise _nothing_imported(report.skipped)
    call.console.result(import_value(report), "\n".join(import_lines(report)))


def import_value(report: ImportReport) -> dict[str, Any]:
    """What an import did, as --json says it."""
    return {
        "documents": {
            "added": report.documents_added,
            "unchanged": report.documents_unchanged,
            "replaced": report.documents_replaced,
            "removed": report.documents_removed,
        },
        "passages": report.passages,
        "questions": {
            "added": report.questions_added,
            "unchanged": report.questions_unchanged,
            "with_evidence": report.questions_with_evidence,
            "without_evidence": report.questions_without_evidence,
            "to_check": report.questions_to_check,
        },
        "problems": [msgspec.to_builtins(problem) for problem in report.problems],
        "problem_counts": report.problem_counts,
        "unmapped": [msgspec.to_builtins(preview) for preview in report.unmapped],
        "skipped": [{"path": skipped.item, "reason": skipped.reason} for skipped in report.skipped],
        "seconds": report.seconds,
    }


def import_lines(report: ImportReport) -> list[str]:
    """What an import did, for people."""
    removed = f", {report.documents_removed} removed (no longer in their file)" if report.documents_removed else ""
    return [
        f"Documents: {report.documents_added} added, {report.documents_replaced} replaced, "
        f"{report.documents_unchanged} unchanged{removed}; {report.passages} passages in the workspace.",
        f"Questions: {report.questions_added} added, {report.questions_unchanged} unchanged; "
        f"{report.questions_with_evidence} with evidence"
        + (f", {report.questions_to_check} of it to be checked" if report.questions_to_check else "")
        + (
            f"; {report.questions_without_evidence} without, not trained on."
            if report.questions_without_evidence
            else "."
        ),
        *problem_lines(report.problems, report.problem_counts),
        *([f"Skipped: {len(report.skipped)} (see above)."] if report.skipped else []),
        f"Took {in_words(report.seconds)}.",
    ]


def _document_passwords(path: Path | None) -> tuple[str, ...]:
    """The passwords from the file or the variable."""
    if path is None:
        given = os.environ.get(DOCUMENT_PASSWORD_VARIABLE)
        return (given,) if given else ()
    try:
        return tuple(line for line in path.read_text(encoding="utf-8-sig").splitlines() if line)
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentError(
            f"The password file {path} can't be read.", hint="Give a text file you may read, in UTF-8."
        ) from error


def _nothing_imported(skipped: tuple[Any, ...]) -> DocumentError:
    if not skipped:
        return DocumentError(
            "There is nothing to import there.", hint="Give files or folders with documents or questions in them."
        )
    first = skipped[0]
    rest = f" And {len(skipped) - 1} more." if len(skipped) > 1 else ""
    return DocumentError(
        f"Nothing could be imported. {first.item}: {first.reason}{rest}",
        hint="Repair or convert the file and import it again; nothing in the workspace has changed.",
    )


def status(call: Call, workspace: WorkspacePath) -> None:
    """Counts, split sizes, runs, and which run is active."""
    from engine.workspace.job import ReadStatus

    with call.session(workspace) as session:
        found = call.run(ReadStatus(), session)
    value = msgspec.to_builtins(found)
    split = found.questions
    lines = [
        f"{found.name} ({'protected' if found.protected else 'not protected'})",
        f"Documents: {found.documents}, passages: {found.passages}",
        "Questions: "
        + ", ".join(f"{count} {name}" for name, count in split.items())
        + f"; {found.with_evidence} with evidence",
        *(f"Run {run.id}: {run.what}, {run.state}{', kept' if run.kept else ''}. {run.reason}" for run in found.runs),
        f"Active run: {found.active}",
    ]
    call.console.result(value, "\n".join(lines))


def documents(call: Call, workspace: WorkspacePath) -> None:
    """List the documents, and the files that were skipped."""
    from engine.workspace.job import ListDocuments

    with call.session(workspace) as session:
        found = call.run(ListDocuments(), session)
    value = {
        "documents": [msgspec.to_builtins(row) for row in found.documents],
        "skipped": [{"path": skipped.item, "reason": skipped.reason} for skipped in found.skipped],
    }
    lines = [
        f"{row.id}  {row.kind:<5} {row.language or '–':<3} {row.passages:>5} passages  {row.title}"
        + (f"  ({row.similarity:.0%} like {row.near_duplicate_of})" if row.near_duplicate_of else "")
        + "".join(f"\n    {note}" for note in row.notes)
        for row in found.documents
    ]
    lines += [f"skipped  {skipped.item}: {skipped.reason}" for skipped in found.skipped]
    call.console.result(value, "\n".join(lines) or "No documents yet.")


def remove(
    call: Call,
    workspace: WorkspacePath,
    chosen: Annotated[list[str], typer.Argument(metavar="DOCUMENT...", help="Ids, as `documents` lists them.")],
) -> None:
    """Remove documents and everything derived from them."""
    from engine.workspace.job import RemoveDocuments

    with call.session(workspace) as session:
        report = call.run(RemoveDocuments(tuple(chosen)), session)
    removed = {
        "documents": report.documents,
        "passages": report.passages,
        "questions": report.questions,
        "cached_answers": report.cached_answers,
    }
    learned = list(report.runs_that_learned_from_it)
    lines = ["Removed " + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in removed.items()) + "."]
    if learned:
        lines.append(f"These runs learned from it and still may know it: {', '.join(learned)}.")
    call.console.result({"removed": removed, "runs_that_learned_from_it": learned}, "\n".join(lines))


def tag(
    call: Call,
    workspace: WorkspacePath,
    chosen: Annotated[list[str], typer.Argument(metavar="DOCUMENT...", help="Ids, as `documents` lists them.")],
    add: Annotated[list[str] | None, typer.Option("--add", metavar="TAG", help="A tag to give; repeatable.")] = None,
    take: Annotated[list[str] | None, typer.Option("--remove", metavar="TAG", help="A tag to take away.")] = None,
) -> None:
    """Give documents tags to search and ask within, or take them away."""
    from engine.workspace.job import TagDocuments

    with call.session(workspace) as session:
        found = call.run(TagDocuments(tuple(chosen), tuple(add or ()), tuple(take or ())), session)
    tagged = [{"id": row.id, "tags": row.tags} for row in found.documents if row.id in chosen]
    lines = [f"{row['id']}  {', '.join(row['tags']) or 'no tags'}" for row in tagged]
    call.console.result({"documents": tagged}, "\n".join(lines))


def verify(
    call: Call,
    workspace: WorkspacePath,
    deep: Annotated[bool, typer.Option("--deep", help="Read every object and check its digest.")] = False,
) -> None:
    """Check the database and the objects."""
    from engine.workspace.job import Verify

    with call.session(workspace) as session:
        report = call.run(Verify(deep), session)
    value = {"ok": report.ok, "checked": report.checked, "problems": list(report.problems)}
    text = f"Checked {report.checked}: " + ("everything is as it was written." if report.ok else "damage was found.")
    call.console.result(value, "\n".join([text, *report.problems]))
    if not report.ok:
        raise typer.Exit(1)


def restore(call: Call, workspace: WorkspacePath) -> None:
    """Exchange a workspace for what it was before a newer version of the program opened it; again exchanges it back."""
    from engine.workspace import previous

    restored = previous.restore(workspace)
    value = {"workspace": str(workspace.absolute()), "schema": restored.schema}
    call.console.result(value, f"The workspace is as it was before the update (schema {restored.schema}).")
