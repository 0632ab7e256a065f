"""Records out of JSON files, one at a time: JSON lines, arrays, and arrays inside an object."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from engine.documents.content import clean
from engine.documents.decoding import decode
from engine.errors import DocumentError

_RECORD_ARRAYS = ("data", "questions", "examples", "records", "rows", "items", "documents")
_LINE_BYTES_MAX = 64 << 20
_WHOLE_BYTES_MAX = 1 << 30
_START_BYTES = 1 << 20
_REST_OF_A_VALUE = 6  # characters: what may be left of `false` or of an escape where a file stops


@dataclass(frozen=True, slots=True)
class Value:
    """One record of a JSON file: where it stands, and either what it holds or why it can't be read."""

    number: int  # 1-based: the line in JSON lines, the position in an array
    record: dict[str, Any] | None
    problem: str = ""


class BrokenJsonError(DocumentError):
    """The file as a whole is not JSON; the message names the place."""


def read_values(path: Path) -> Iterator[Value]:
    """Yield the records of a JSON or JSONL file, told apart by content. Raises BrokenJsonError, OSError.

    JSON lines are streamed. A broken line is a value with a problem; a broken array or object fails before anything
    is yielded, because half a file is more likely a broken copy than what was meant.
    """
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
        file.seek(0)
        if _is_lines(start, path):
            yield from _lines(file)
            return
        data = file.read(_WHOLE_BYTES_MAX + 1)
    if len(data) > _WHOLE_BYTES_MAX:
        raise BrokenJsonError(
            f"{path.name} is larger than 1 GiB.", hint="Save it as JSONL, one record a line, and import that."
        )
    for number, record in enumerate(_records(_whole(decode(data), path)), start=1):
        if isinstance(record, dict):
            yield Value(number, record)
        else:
            yield Value(number, None, "it is not an object with named fields")


def _is_lines(start: bytes, path: Path) -> bool:
    """Whether each line is a record of its own: the first line is a whole object, or the name says so."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return False
    start = start.removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"["):
        return False
    first, found, rest = start.partition(b"\n")
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        # A pretty-printed object under this name is one JSON value, not many broken lines.
        return first.strip() != b"{"
    if not found or not rest.strip():
        return False
    try:
        return isinstance(msgspec.json.decode(first), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _lines(file: BinaryIO) -> Iterator[Value]:
    number = 0
    while line := file.readline(_LINE_BYTES_MAX):
        number += 1
        if len(line) == _LINE_BYTES_MAX and not line.endswith(b"\n"):
            while (rest := file.readline(_LINE_BYTES_MAX)) and not rest.endswith(b"\n"):
                pass
            yield Value(number, None, f"it is longer than {_LINE_BYTES_MAX >> 20} MiB")
            continue
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        line = line.strip()
        if line:
            yield _line(number, line)


def _line(number: int, line: bytes) -> Value:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:  # Python's reader takes what others write: NaN, lone surrogates, other encodings
            record = json.loads(decode(line))
        except (ValueError, RecursionError) as error:
            return Value(number, None, f"it is not valid JSON ({_reason(error)})")
    except RecursionError:
        return Value(number, None, "it is nested too deep")
    if not isinstance(record, dict):
        return Value(number, None, "it is not an object with named fields")
    return Value(number, record)


def _whole(text: str, path: Path) -> object:
    text = clean(text)
    try:
        return json.loads(text)
    except RecursionError as error:
        raise BrokenJsonError(
            f"{path.name} is nested too deep to be data.", hint="Get the file again and import it."
        ) from error
    except json.JSONDecodeError as error:
        if len(text) - error.pos <= _REST_OF_A_VALUE or error.msg.startswith("Unterminated string"):
            raise BrokenJsonError(
                f"{path.name} stops half-way: it ends at line {text.count(chr(10)) + 1:,} inside a value ({error.msg}, "
                f"line {error.lineno:,}, column {error.colno:,}).",
                hint="It was probably not copied whole. Get it again and import it.",
            ) from error
        raise BrokenJsonError(
            f"{path.name} is not valid JSON: {error.msg} at line {error.lineno:,}, column {error.colno:,}.",
            hint="Correct that place, or save the file as JSONL, one record a line, and import it again.",
        ) from error


def _records(value: object) -> list[object]:
    """The records of a whole JSON value: an array, an object's array of records or its records by id, or one record."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        for name in _RECORD_ARRAYS:
            if isinstance(value.get(name), list):
                return value[name]
        if value and all(isinstance(record, dict) for record in value.values()):
            return [{"id": name, **record} for name, record in value.items()]
        return [value]
    return []


def _reason(error: Exception) -> str:
    return f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else "nested too deep"
