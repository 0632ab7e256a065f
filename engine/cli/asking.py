"""Commands that ask: search and ask, one question or a file of them."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from engine.cli.call import Call, UsageError, WorkspacePath, command
from engine.cli.console import to_json
from engine.errors import EngineError, QuestionError
from engine.records import Answer, Asking, Hit
from engine.serving.described import answer_value, cited, found_value
from engine.workspace.scope import Scope, stored_path

_BATCH = 32  # questions a job, as many as are answered together: what is ready is written, whatever stops the next

RunName = Annotated[str, typer.Option("--run", metavar="RUN", help='A run\'s id, "base" or "active".')]
Documents = Annotated[
    list[str] | None, typer.Option("--document", metavar="ID", help="Only this document (id or path); repeatable.")
]
Folders = Annotated[
    list[Path] | None, typer.Option("--folder", metavar="PATH", help="Only what came from this folder; repeatable.")
]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="Only with this tag, or another given.")]
Since = Annotated[str, typer.Option("--since", metavar="DATE", help="Only files changed on this day or later.")]
Until = Annotated[str, typer.Option("--until", metavar="DATE", help="Only files changed on this day or before.")]
Batch = Annotated[Path | None, typer.Option("--batch", metavar="FILE.jsonl", help='One {"id", "question"} a line.')]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "search", compute=True)(search)
    command(app, "ask", compute=True)(ask)


def search(
    call: Call,
    workspace: WorkspacePath,
    query: Annotated[str | None, typer.Argument(metavar="QUERY")] = None,
    top_k: Annotated[int, typer.Option("--top-k", min=1, max=1000, help="How many passages.")] = 5,
    run: RunName = "active",
    mode: Annotated[Literal["hybrid", "dense", "lexical"], typer.Option("--mode")] = "hybrid",
    document: Documents = None,
    folder: Folders = None,
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
    batch: Batch = None,
) -> None:
    """Find passages, without an answer."""
    from engine.serving.job import Search, SearchMany

    _one_of(query, batch, what="QUERY")
    scope = _scope(document, folder, tag, since, until)
    with call.session(workspace, compute=True) as session:
        if batch is not None:
            _answer_file(
                call,
                batch,
                lambda questions: map(found_value, call.run(SearchMany(questions, top_k, run, mode, scope), session)),
            )
            return
        result = call.run(Search(query or "", top_k, run, mode, scope), session)
    lines = [
        f"{place}. {_where(hit)}  ({hit.score:.3f})\n   {' '.join(hit.passage.text.split())[:300]}"
        for place, hit in enumerate(result.hits, start=1)
    ]
    call.console.result(found_value(result), "\n".join(lines) or "Nothing was found.")


def ask(
    call: Call,
    workspace: WorkspacePath,
    question: Annotated[str | None, typer.Argument(metavar="QUESTION")] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", min=1, max=100, help="How many passages are read.")] = None,
    run: RunName = "active",
    risk: Annotated[
        float | None,
        typer.Option(
            "--risk",
            min=0,
            max=1,
            help="Abstain where the chance that the documents don't answer is above R; 1 always answers. "
            "Without it, the run's own, tuned on validation questions.",
        ),
    ] = None,
    extractive: Annotated[bool, typer.Option("--extractive", help="Answer in the documents' own words.")] = False,
    earlier: Annotated[
        list[str] | None,
        typer.Option(
            "--earlier", metavar="QUESTION", help="A question asked before this one; repeat it, oldest first."
        ),
    ] = None,
    document: Documents = None,
    folder: Folders = None,
    tag: Tags = None,
    since: Since = "",
    until: Until = "",
    batch: Batch = None,
) -> None:
    """Answer from the documents, with citations."""
    from engine.serving.job import AnswerBatch, AnswerQuestion

    _one_of(question, batch, what="QUESTION")
    asking = Asking(top_k, risk, extractive, tuple(earlier or ()))
    scope = _scope(document, folder, tag, since, until)
    with call.session(workspace, compute=True) as session:
        if batch is not None:
            _answer_file(
                call,
                batch,
                lambda questions: map(answer_value, call.run(AnswerBatch(questions, run, asking, scope), session)),
            )
            return
        call.console.streaming = call.console.out.isatty()
        answer = call.run(AnswerQuestion(question or "", run, asking, scope), session)
    shown = "" if call.console.streamed.strip() == answer.answer.strip() else answer.answer
    if call.console.streamed:
        shown = "\n" + shown
    sources = [f"[{place}] {cited(citation)}" for place, citation in enumerate(answer.citations, start=1)]
    call.console.result(answer_value(answer), "\n".join([shown, *sources, *_doubts(answer)]).rstrip())


def _scope(
    documents: list[str] | None, folders: list[Path] | None, tags: list[str] | None, since: str, until: str
) -> Scope:
    named = documents or []
    return Scope(
        (*named, *map(stored_path, named)),  # as ids and as paths
        tuple(map(stored_path, folders or ())),
        tuple(tags or ()),
        since,
        until,
    )


def _one_of(given: str | None, batch: Path | None, *, what: str) -> None:
    if (given is None) == (batch is None):
        raise UsageError(f"Give a {what}, or a file of questions with --batch.")


def _doubts(answer: Answer) -> list[str]:
    """Name the sentences that no quoted span bears out, or show what was found where there is no answer."""
    if answer.abstained:
        return (
            ["The passages that came closest:", *(f"  {_where(hit)}" for hit in answer.hits[:3])] if answer.hits else []
        )
    return [
        f"Not found in the documents: “{answer.answer[one.start : one.end]}”"
        + (f" (differs in: {', '.join(one.missing)})" if one.missing else "")
        for one in answer.sentences
        if not one.supported
    ]


def _where(hit: Hit) -> str:
    page = f", page {hit.passage.page}" if hit.passage.page is not None else ""
    section = f", {hit.passage.section}" if hit.passage.section else ""
    return f"{hit.passage.title}{page}{section}"


@dataclass(frozen=True, slots=True)
class _Line:
    id: Any
    question: str
    problem: str = ""


def _answer_file(call: Call, path: Path, job: Callable[[tuple[str, ...]], Iterator[dict[str, Any]]]) -> None:
    """Write one JSON line for each line of the file, in its order; a bad line gets its error and stops nothing."""
    answered = 0
    problems: list[str] = []
    lines = _lines(path)
    while group := list(islice(lines, _BATCH)):
        good = [line for line in group if not line.problem]
        found = iter(job(tuple(line.question for line in good))) if good else iter(())
        for line in group:
            if line.problem:
                problems.append(line.problem)
                error = {
                    "type": "QuestionError",
                    "message": line.problem,
                    "hint": 'Write {"id": …, "question": …} on each line.',
                }
                call.console.line(to_json({"id": line.id, "error": error}))
            else:
                answered += 1
                call.console.line(to_json({"id": line.id, **next(found)}))
    if not answered:
        message = problems[0] if problems else f"{path.name} holds no questions."
        raise QuestionError(message, hint='Write {"id": …, "question": …} on each line.')


def _lines(path: Path) -> Iterator[_Line]:
    from engine.retrieval.job import checked_question

    for number, line in enumerate(_read_lines(path), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8"))
            asked, identity = (record.get("question"), record.get("id")) if isinstance(record, dict) else (None, None)
            to_json({"id": identity})  # as it is to come back: Python reads NaN, which JSON has no word for
        except (ValueError, RecursionError):
            yield _Line(None, "", f"Line {number} of {path.name} is not JSON in UTF-8 that can be read.")
            continue
        if not isinstance(asked, str):
            yield _Line(identity, "", f"Line {number} of {path.name} has no question.")
            continue
        try:
            yield _Line(identity, checked_question(asked))
        except EngineError as error:
            yield _Line(identity, "", f"Line {number} of {path.name}: {error.message}")


def _read_lines(path: Path) -> Sequence[bytes]:
    try:
        # Other ends of lines may stand in a question; a byte that is no UTF-8 is of its own line only.
        return path.read_bytes().removeprefix(BOM_UTF8).split(b"\n")
    except OSError as error:
        raise QuestionError(f"{path} can't be read.", hint="Give a JSONL file in UTF-8.") from error
