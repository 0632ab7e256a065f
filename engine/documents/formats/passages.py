"""Passages brought along with a RAG checkpoint: a `datasets` folder, Parquet or CSV with the columns title and text.

Vectors and indexes that come with them are never opened: they are made again from the text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.documents.decoding import decode
from engine.documents.formats.delimited import delimiter_of, said_delimiter
from engine.documents.json_values import Value, read_values
from engine.errors import DocumentError

STATE = "state.json"  # of a datasets folder: names its data files
_COLUMNS = ("id", "title", "text")
_MAX_STATE_BYTES = 1 << 20
_MAX_TABLE_BYTES = 1 << 30
_BATCH_ROWS = 1000
_PICKLES = frozenset({".pkl", ".pickle", ".bin", ".pt", ".dpr", ".npy", ".npz", ".joblib"})
_INDEXES = frozenset({".faiss", ".index", ".c_index"})
_HINT = "Save the passages as JSONL, CSV or Parquet with the columns title and text, or with Dataset.save_to_disk."


def is_passage_folder(path: Path) -> bool:
    """Tell whether a folder was written by Dataset.save_to_disk."""
    return (path / STATE).is_file() and (path / "dataset_info.json").is_file()


def passage_values(path: Path) -> Iterator[Value]:
    """Yield the passages at `path` as records. Raises DocumentError for a pickle, an index, or no column `text`."""
    suffix = path.suffix.lower()
    if suffix in _PICKLES:
        raise DocumentError(
            f"{path.name} is a pickle, which can run any program when it is opened: it stays closed.", hint=_HINT
        )
    if suffix in _INDEXES:
        raise DocumentError(
            f"{path.name} is an index (such as RAG's exact, compressed and legacy ones), not passages: indexes are "
            "made here, from the text.",
            hint=_HINT,
        )
    if path.is_dir():
        yield from _dataset(path)
    elif suffix == ".parquet":
        yield from _parquet(path)
    elif suffix in (".csv", ".tsv"):
        yield from _table(path)
    else:
        yield from read_values(path)


def _dataset(folder: Path) -> Iterator[Value]:
    if not is_passage_folder(folder):
        raise DocumentError(f"{folder.name} was not written by Dataset.save_to_disk.", hint=_HINT)
    if folder.is_symlink() or any(path.is_symlink() for path in folder.iterdir()):
        raise DocumentError(f"{folder.name} holds links.", hint="Copy it with its links followed (cp -rL).")
    import msgspec
    import pyarrow
    import pyarrow.ipc

    try:
        state = msgspec.json.decode((folder / STATE).read_bytes()[:_MAX_STATE_BYTES], type=dict[str, Any])
        names = [str(file["filename"]) for file in state["_data_files"]]
    except (msgspec.DecodeError, KeyError, TypeError) as error:
        raise DocumentError(f"{folder.name}/{STATE} can't be read.", hint=_HINT) from error
    number = 0
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise DocumentError(f"{folder.name} names a data file {name[:100]!r} that is not in it.", hint=_HINT)
        try:
            with pyarrow.ipc.open_stream(folder / name) as reader:
                _check(folder, reader.schema.names)
                for batch in reader:
                    chosen = batch.select([one for one in _COLUMNS if one in batch.schema.names])
                    for record in chosen.to_pylist():
                        number += 1
                        yield Value(number, record)
        except pyarrow.ArrowException as error:
            raise DocumentError(f"{folder.name}/{name} is damaged.", hint="Copy it again.") from error


def _parquet(path: Path) -> Iterator[Value]:
    import pyarrow
    import pyarrow.parquet

    try:
        with pyarrow.parquet.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            _check(path, file.schema_arrow.names)
            columns = [one for one in _COLUMNS if one in file.schema_arrow.names]
            number = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                for record in batch.to_pylist():
                    number += 1
                    yield Value(number, record)
    except pyarrow.ArrowException as error:
        raise DocumentError(f"{path.name} is no Parquet file, or a damaged one.", hint="Copy it again.") from error


def _table(path: Path) -> Iterator[Value]:
    if path.stat().st_size > _MAX_TABLE_BYTES:
        raise DocumentError(f"{path.name} is larger than 1 GiB.", hint="Save it as Parquet or JSONL.")
    text = decode(path.read_bytes())
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    start, said = said_delimiter(text)
    rows = csv.reader(io.StringIO(text[start:], newline=""), delimiter=said or delimiter_of(text))
    columns = [name.strip().lower() for name in next(rows, [])]
    _check(path, columns)
    for number, row in enumerate(rows, start=2):
        if row:
            yield Value(number, dict(zip(columns, row, strict=False)))


def _check(path: Path, columns: list[str]) -> None:
    if "text" not in columns:
        raise DocumentError(
            f"{path.name} has no column text (columns: {', '.join(columns)[:200] or 'none'}).",
            hint="Passages need the column text, and should have title and id.",
        )
