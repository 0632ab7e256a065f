"""vademecum-engine: the entry of the command line. Its commands live in engine/cli."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from engine.cli.console import Console, divert
from engine.errors import Cancelled, EngineError
from engine.offline import go_offline
from engine.privacy import hide_memory
from engine.worker.roles import take_role

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 an error, 2 usage, 130 cancelled."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if take_role(given):
        return EXIT_DONE
    hide_memory()
    if given[:1] != ["serve"]:  # it opens the one socket that it listens on, then does the same
        go_offline()  # before any library is imported
    os.environ.setdefault("TQDM_DISABLE", "1")  # the libraries' bars would stand between our progress events
    _open_streams()
    console = Console(as_json="--json" in given)
    held = signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _command(given, console)
    except BrokenPipeError:
        divert(sys.stdout)  # who read us has gone
        return EXIT_FAILED
    except EngineError as error:
        console.failed(type(error).__name__, error.message, error.hint)
        return EXIT_FAILED
    except (Cancelled, KeyboardInterrupt) as error:
        hint = str(error) or "Run the same command again to go on."
        console.failed("Cancelled", "Cancelled. What was finished is kept.", hint)
        return EXIT_CANCELLED
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the last border: a bug, or a Rust library's panic, becomes a log
        from engine.cli.log import log_bug

        path = log_bug(error)
        where = f"Send {path} to who looks after Vademecum." if path else "The log could not be written."
        console.failed("Bug", f"Something went wrong that should not have ({type(error).__name__}).", where)
        return EXIT_FAILED
    finally:
        signal.signal(signal.SIGTERM, held)


def _command(given: Sequence[str], console: Console) -> int:
    # From here on: the imports come after the network is closed, and Ctrl-C during them is heard.
    from typer.exceptions import Abort, TyperException

    from engine.cli.app import application

    try:
        code = int(application()(given, prog_name="vademecum-engine", standalone_mode=False) or EXIT_DONE)
        sys.stdout.flush()
    except TyperException as error:
        message = error.format_message().replace("Value error, ", "")  # pydantic's, through typer
        console.failed("UsageError", message, "See `vademecum-engine --help` and the command's own --help.")
        return EXIT_USAGE
    except Abort as error:
        raise Cancelled from error
    if code == EXIT_CANCELLED:  # what typer makes of Ctrl-C outside a job, without a word
        raise Cancelled
    return code


def _open_streams() -> None:
    """Write UTF-8; a stream that was closed from outside takes what is written and drops it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - until we end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
