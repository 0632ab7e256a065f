"""One call of a command: its common options, the open workspace, and running a job with cancel."""

from __future__ import annotations

import getpass
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer
from typer.exceptions import TyperException

from engine.cli.console import Console
from engine.errors import Cancelled, PassphraseError, WorkspaceError
from engine.home import require_home
from engine.jobs import Job, Monitor
from engine.machine_settings import machine_settings

if TYPE_CHECKING:
    from engine.device import Device
    from engine.session import Session

Result = TypeVar("Result")

PASSPHRASE_VARIABLE = "VADEMECUM_PASSPHRASE"

WorkspacePath = Annotated[Path, typer.Argument(metavar="WORKSPACE", help="Folder of the workspace.")]

_COMMON: dict[str, tuple[Any, Any]] = {
    "as_json": (Annotated[bool, typer.Option("--json", help="One JSON object on one line of stdout.")], False),
    "events": (Annotated[bool, typer.Option("--events", help="Progress as JSON lines on stderr.")], False),
}
_KEY: dict[str, tuple[Any, Any]] = {
    "passphrase_file": (
        Annotated[
            Path | None,
            typer.Option(
                "--passphrase-file", metavar="FILE", help=f"File with the passphrase; or set {PASSPHRASE_VARIABLE}."
            ),
        ],
        None,
    ),
}
_COMPUTE: dict[str, tuple[Any, Any]] = {
    "device": (Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Where to compute.")], "auto"),
    "threads": (Annotated[int | None, typer.Option("--threads", min=1, metavar="N", help="Threads on the CPU.")], None),
}


class UsageError(TyperException):
    """The command was given in a way that can't be meant."""

    exit_code = 2


@dataclass(slots=True)
class Call:
    """What every command is handed: where to write, how to open the workspace, how to run a job."""

    console: Console
    passphrase_file: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int | None = None
    monitor: Monitor = field(init=False)

    def __post_init__(self) -> None:
        self.monitor = Monitor(listen=self.console.listen)

    def passphrase(self) -> str | None:
        """The passphrase from the file or the variable; None where neither is given."""
        if self.passphrase_file is None:
            return os.environ.get(PASSPHRASE_VARIABLE) or None
        try:
            text = self.passphrase_file.read_text(encoding="utf-8-sig").rstrip("\r\n")  # Notepad begins with the mark
        except (OSError, UnicodeDecodeError) as error:
            raise PassphraseError(
                f"The passphrase file {self.passphrase_file} can't be read.",
                hint="Give a text file you may read, in UTF-8.",
            ) from error
        if not text:
            raise PassphraseError(
                f"The passphrase file {self.passphrase_file} is empty.", hint="Write the passphrase into it."
            )
        return text

    @contextmanager
    def session(self, path: Path, *, compute: bool = False) -> Iterator[Session]:
        """Open the workspace. The device is only looked at where `compute` says that it is used."""
        from engine.models.library import ModelLibrary
        from engine.session import Session
        from engine.workspace.workspace import Workspace

        detected = self.detected() if compute else _no_device()
        workspace = Workspace.open(path, passphrase=self.passphrase() or self._asked_passphrase(path))
        try:
            session = Session(workspace=workspace, library=ModelLibrary.default(), device=detected)
        except BaseException:
            workspace.close()
            raise
        try:
            yield session
        finally:
            session.close()

    def detected(self) -> Device:
        """The device that was asked for."""
        from engine.addon.folder import default_folder
        from engine.addon.trial import activate
        from engine.device import Device

        if self.device != "cpu":
            activate(default_folder())
        return Device.detect(self.device, threads=self.threads)

    def run(self, job: Job[Result], session: Session, *, monitor: Monitor | None = None) -> Result:
        """Run a job. Ctrl-C and SIGTERM ask it to end at its next report; a second time ends it at once.

        What it reports goes to the console, or to a `monitor` of its own.
        """
        monitor = monitor or self.monitor
        with self.console.listening(), _cancelling(monitor):
            monitor.check()
            return job.run(session, monitor)

    def _asked_passphrase(self, path: Path) -> str | None:
        if not sys.stdin.isatty() or not _is_protected(path):
            return None
        return getpass.getpass("Passphrase: ", stream=sys.stderr)


def command(
    app: typer.Typer, name: str, *, key: bool = True, compute: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register a function `(call, …)` as a sub-command, with the options that all commands share."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        own = [
            parameter
            for parameter in inspect.signature(function, eval_str=True).parameters.values()
            if parameter.name != "call"
        ]
        shared = {**(_KEY if key else {}), **(_COMPUTE if compute else {}), **_COMMON}
        added = [
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for option, (annotation, default) in shared.items()
        ]

        def invoke(**given: Any) -> None:
            console = Console(as_json=given.pop("as_json"), events=given.pop("events"))
            taken = {option: given.pop(option) for option in shared if option in given}
            require_home()
            machine_settings()  # where they aren't understood, nothing begins
            function(Call(console, **taken), **given)

        for parameter in [*own, *added]:
            for described in getattr(parameter.annotation, "__metadata__", ()):
                described.readable = False  # the engine says what can't be read, and goes on where it can
        invoke.__doc__ = function.__doc__
        invoke.__name__ = function.__name__
        invoke.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # what typer reads
        invoke.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}
        app.command(name)(invoke)
        return function

    return register


def _is_protected(path: Path) -> bool:
    """Whether opening will need a passphrase; a guess, the workspace itself decides."""
    from engine.workspace.description import Description

    try:
        return Description.load(path).protection is not None
    except WorkspaceError:
        return False


def _no_device() -> Device:
    """A device for jobs that compute nothing: looking for a GPU would import torch."""
    from engine.device import Device

    return Device("cpu", "", 1, 0)


@contextmanager
def _cancelling(monitor: Monitor) -> Iterator[None]:
    asked = threading.Event()

    def cancel(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise Cancelled
        asked.set()
        # From a thread: the interrupted line may hold the very lock that cancel takes.
        threading.Thread(target=monitor.cancel, daemon=True).start()

    held = {number: signal.signal(number, cancel) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in held.items():
            signal.signal(number, handler)
