"""vademecum-engine: the entry of the command line. Its commands live in engine/cli."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

from engine.offline import go_offline
from engine.worker.roles import take_role

EXIT_DONE, EXIT_FAILED, EXIT_USAGE, EXIT_CANCELLED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code: 0 done, 1 an error, 2 usage, 130 cancelled."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if take_role(given):
        return EXIT_DONE
    if given[:1] != ["serve"]:  # it opens the one socket that it listens on, then does the same
        go_offline()  # before any library is imported
    os.environ.setdefault("TQDM_DISABLE", "1")  # the libraries' bars would stand between our progress events
    # From here on: the imports come after the network is closed.
    from typer.exceptions import Abort, TyperException

    from engine.cli.app import application
    from engine.cli.console import Console
    from engine.cli.log import log_bug
    from engine.errors import Cancelled, EngineError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    console = Console(as_json="--json" in given)
    held = signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = application()(given, prog_name="vademecum-engine", standalone_mode=False)
        sys.stdout.flush()
        return int(code or EXIT_DONE)
    except BrokenPipeError:
        # Who read us has gone; give the interpreter's last flush somewhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except TyperException as error:
        message = error.format_message().replace("Value error, ", "")  # pydantic's, through typer
        console.failed("UsageError", message, "See `vademecum-engine --help` and the command's own --help.")
        return EXIT_USAGE
    except EngineError as error:
        console.failed(type(error).__name__, error.message, error.hint)
        return EXIT_FAILED
    except (Cancelled, KeyboardInterrupt, Abort) as error:
        hint = str(error) or "Run the same command again to go on."
        console.failed("Cancelled", "Cancelled. What was finished is kept.", hint)
        return EXIT_CANCELLED
    except SystemExit:
        raise
    except BaseException as error:  # noqa: BLE001 - the last border: a bug, or a Rust library's panic, becomes a log
        path = log_bug(error)
        where = f"Send {path} to who looks after Vademecum." if path else "The log could not be written."
        console.failed("Bug", f"Something went wrong that should not have ({type(error).__name__}).", where)
        return EXIT_FAILED
    finally:
        signal.signal(signal.SIGTERM, held)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
