"""Commands of questions: questions, question, split; and how their problems are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from engine.cli.call import Call, UsageError, WorkspacePath, command
from engine.records import Split

if TYPE_CHECKING:
    from engine.questions.problems import QuestionProblem

_LINES_MAX = 50

Action = Literal["add", "edit", "exclude", "include", "confirm", "drop"]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "questions")(questions)
    command(app, "question")(question)
    command(app, "split")(split)


def questions(
    call: Call,
    workspace: WorkspacePath,
    of_split: Annotated[Split | None, typer.Option("--split", help="Those of one split only.")] = None,
    state: Annotated[
        Literal["check", "confirmed", "dropped", "excluded", "unlinked"] | None,
        typer.Option("--state", help="Those in one state only."),
    ] = None,
) -> None:
    """List the questions with their answers, evidence, split, and how surely the evidence was found."""
    from engine.workspace.job import ListQuestions

    with call.session(workspace) as session:
        listed = call.run(ListQuestions(), session)
    found = [
        one
        for one in listed
        if of_split in (None, one.split)
        and (
            state is None
            or (state == "excluded" and one.excluded)
            or (state == "unlinked" and not one.evidence and not one.unanswerable)
            or state == one.state
        )
    ]
    value = {"questions": [msgspec.to_builtins(one) for one in found]}
    lines = [
        f"{one.split:<10} {one.question}  →  {' | '.join(one.answers)}"
        + (f"  [check the evidence: {one.score:.2f}]" if one.state == "check" else "")
        + ("  [excluded]" if one.excluded else "")
        for one in found
    ]
    call.console.result(value, "\n".join(lines) or ("No such questions." if listed else "No questions yet."))


def question(
    call: Call,
    workspace: WorkspacePath,
    action: Annotated[Action, typer.Argument(metavar="add|edit|exclude|include|confirm|drop")],
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="As `questions` lists them.")] = None,
    text: Annotated[str | None, typer.Option("--question", help="The question's words.")] = None,
    answers: Annotated[list[str] | None, typer.Option("--answer", help="An accepted answer; may be repeated.")] = None,
    context: Annotated[str, typer.Option("--context", help="With add: where the answer stands, word for word.")] = "",
    document: Annotated[str, typer.Option("--document", help="With add: the document with the answer.")] = "",
    to_split: Annotated[Split | None, typer.Option("--split", help="The split it belongs to.")] = None,
    unanswerable: Annotated[
        bool, typer.Option("--unanswerable", help="The documents do not answer it; evidence found before goes.")
    ] = False,
) -> None:
    """Add or edit a question, exclude it or take it back in, confirm or drop the evidence that was found."""
    from engine.questions.job import AddQuestion, EditQuestion, JudgeQuestions

    if action == "add":
        if ids or not text:
            raise UsageError("To add a question give --question, and no id.")
        added = AddQuestion(text, tuple(answers or ()), context, document, to_split, unanswerable)
        with call.session(workspace) as session:
            made = call.run(added, session)
        call.console.result(msgspec.to_builtins(made), f"Added {made.id}, {len(made.evidence)} passages of evidence.")
    elif action == "edit":
        if not ids or len(ids) != 1 or not (text or answers or to_split or unanswerable):
            raise UsageError("To edit a question give its id, and --question, --answer, --unanswerable or --split.")
        edited = EditQuestion(ids[0], text, tuple(answers) if answers else None, to_split, unanswerable or None)
        with call.session(workspace) as session:
            made = call.run(edited, session)
        call.console.result(msgspec.to_builtins(made), f"Changed {made.id}.")
    else:
        if not ids:
            raise UsageError("Give the ids of the questions.")
        with call.session(workspace) as session:
            changed = call.run(JudgeQuestions(tuple(ids), action), session)
        call.console.result({"changed": changed}, f"Changed {changed}.")


def split(
    call: Call,
    workspace: WorkspacePath,
    shares: Annotated[str, typer.Argument(metavar="80/10/10", help="Training, validation and test.")],
    also_given: Annotated[
        bool, typer.Option("--also-given", help="Draw those too whose split their file gave.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Another seed, another draw.")] = 0,
) -> None:
    """Divide the questions anew: whole documents and groups, near-duplicates together."""
    from engine.questions.job import SplitQuestions
    from engine.questions.shares import parse_shares

    job = SplitQuestions(parse_shares(shares), also_given, seed)
    with call.session(workspace) as session:
        report = call.run(job, session)
    sizes = ", ".join(f"{count} {name}" for name, count in report.sizes.items())
    lines = [f"{sizes}; {report.moved} changed sides."]
    if report.runs:
        lines.append(
            f"These runs learned from the split before and may know test questions now: {', '.join(report.runs)}."
        )
    call.console.result(msgspec.to_builtins(report), "\n".join(lines))


def problem_lines(problems: Sequence[QuestionProblem], counts: Mapping[str, int]) -> list[str]:
    """Return the problems of question files as lines: how many of each kind, then each with its place."""
    if not counts:
        return []
    total = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    lines = [f"Problems in the question files: {total}."]
    for problem in problems[:_LINES_MAX]:
        left_out = " (left out)" if problem.left_out else ""
        lines.append(f"  {Path(problem.path).name}, {problem.place}: {problem.kind}{left_out}. {problem.reason}")
    if len(problems) > _LINES_MAX:
        lines.append(f"  And {sum(counts.values()) - _LINES_MAX:,} more; --json lists them.")
    return lines
