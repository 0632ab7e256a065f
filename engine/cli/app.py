"""Puts the commands together."""

from __future__ import annotations

from typing import Annotated

import typer

from engine import __version__
from engine.cli import asking, learning, lists, machine, proving, questions, serving, watching


def application() -> typer.Typer:
    """The command line with all its sub-commands."""
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: no colour codes in logs and tests
        help="Import documents, fine-tune a retrieval-augmented model on them, prove it, and ask. Without a network.",
    )
    app.callback()(_general)
    lists.register(app)
    questions.register(app)
    watching.register(app)
    asking.register(app)
    serving.register(app)
    learning.register(app)
    proving.register(app)
    machine.register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"vademecum-engine {__version__}")
        raise typer.Exit


def _general(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
