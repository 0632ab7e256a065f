"""The command that lets other programs of this machine ask, over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from engine.cli.call import Call, WorkspacePath, command
from engine.cli.log import log_bug
from engine.errors import ServerError
from engine.jobs import Event, Job, Monitor
from engine.offline import go_offline

_LEAST_TOKEN = 16  # characters


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    command(app, "serve", compute=True)(serve)


def serve(
    call: Call,
    workspace: WorkspacePath,
    host: Annotated[str, typer.Option("--host", help="This machine's own address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="P", help="0 takes any free one.")] = 8642,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="File with the token; without it, a new one.")
    ] = None,
) -> None:
    """Answer other programs of this machine over HTTP, until Ctrl-C. They need the token."""
    from engine.serving.http_server import LocalServer

    token = _token(token_file)
    with LocalServer(host, port, token=token, note_bug=log_bug) as server:
        server.sealed = go_offline()  # from here on nothing can be connected to, only what comes is taken
        with call.session(workspace, compute=True) as session:

            def run(job: Job[Any], listen: Callable[[Event], None]) -> Any:
                return call.run(job, session, monitor=Monitor(listen=listen))

            server.run = run
            shown = "the one in the file" if token_file else token
            text = f"Listening on {server.url}, for this machine only. Token: {shown}. Ctrl-C ends it."
            call.console.result({"url": server.url, **({} if token_file else {"token": token})}, text)
            server.serve()


def _token(file: Path | None) -> str:
    if file is None:
        return secrets.token_urlsafe(24)
    try:
        token = file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ServerError(
            f"The token file {file} can't be read.", hint="Give a text file you may read, in UTF-8."
        ) from error
    if len(token) < _LEAST_TOKEN or not token.isascii():
        raise ServerError(
            f"The token in {file} is too short or not ASCII.", hint=f"Write at least {_LEAST_TOKEN} letters and digits."
        )
    return token
