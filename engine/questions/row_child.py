"""The process that reads one question file for the importer: capped, and without network."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from engine.documents.frames import read_frame, write_frame
from engine.documents.parser_child import close_doors, private_streams
from engine.errors import EngineError
from engine.questions.columns import Header
from engine.questions.rows import Row, read_rows

_FRAME_ROWS = 500
_FRAME_CHARACTERS = 1 << 20

_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="string")


class Request(msgspec.Struct, frozen=True):
    """One file to read."""

    path: str
    header: Header = "auto"


class Batch(msgspec.Struct, frozen=True):
    """Some of the rows; the last batch says that the file is at its end, or why it can't be read."""

    rows: list[Row]
    ended: bool = False
    message: str = ""
    hint: str = ""


def main() -> None:
    """Read the one file that is asked for, and end."""
    requests, replies = private_streams()
    sys.dont_write_bytecode = True
    # Before any library is imported: threads and pools reserve addresses by the gigabyte on machines with many cores.
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS"):
        os.environ[name] = "1"
    os.environ.update({"MALLOC_ARENA_MAX": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"})
    close_doors()
    frame = read_frame(requests, size_bytes_max=1 << 20)
    if frame is None:
        return
    request = msgspec.json.decode(frame, type=Request)
    send(request, lambda data: write_frame(replies, data))


def send(request: Request, write: Callable[[bytes], None]) -> None:
    """Write the file's rows in batches. Every failure is a batch: what a parser raises is not to be foreseen."""
    path = Path(request.path)
    try:
        for batch in _batches(read_rows(path, request.header)):
            write(_ENCODER.encode(batch))
        end = Batch([], ended=True)
    except EngineError as error:
        end = Batch([], ended=True, message=error.message, hint=error.hint)
    except MemoryError:
        end = _failed(f"{path.name} needs more memory than a file may take.", "Split it into smaller files.")
    except OSError as error:
        end = _failed(f"{path.name} can't be read: {error.strerror or error}.", "Check that you may read it.")
    except Exception as error:  # noqa: BLE001 - the border of the foreign parsers: one bad file is one line
        name = type(error.__cause__ or error).__name__
        end = _failed(
            f"{path.name} can't be read: it is damaged ({name}).", "Open it in its own program and save it again."
        )
    write(_ENCODER.encode(end))


def _failed(message: str, hint: str) -> Batch:
    return Batch([], ended=True, message=message, hint=f"{hint.removesuffix('.')}, then import it again.")


def _batches(found: Iterator[Row]) -> Iterator[Batch]:
    rows: list[Row] = []
    characters = 0
    for row in found:
        rows.append(Row(row.line, row.place, _plain(row.record), row.problem))
        characters += sum(len(value) if isinstance(value, str) else 64 for value in (row.record or {}).values())
        # A record of many questions, as one of SQuAD's articles is, goes alone.
        if len(rows) >= _FRAME_ROWS or characters >= _FRAME_CHARACTERS or "paragraphs" in (row.record or ()):
            yield Batch(rows)
            rows, characters = [], 0
    if rows:
        yield Batch(rows)


def _plain(value: Any) -> Any:
    """What JSON can carry: bytes as text, numbers that are none as nothing."""
    if isinstance(value, dict):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, str):
        return value.encode("utf-8", errors="replace").decode("utf-8")
    if isinstance(value, float) and value != value:
        return None
    return value
