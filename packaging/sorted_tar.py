"""Writes a tar in the order that packs best: folders and links, then text, code and numbers, each by its filters."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xz_blocks import BYTES, CODE, HALVES, TEXT, WORDS, BlockWriter, Kind

ORDER = (TEXT, CODE, BYTES, HALVES, WORDS)
_OF_TYPE = {"F32": WORDS, "I32": WORDS, "F64": WORDS, "I64": WORDS, "F16": HALVES, "BF16": HALVES}
_READ = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands in the tar, and the content of a file."""

    info: tarfile.TarInfo
    content: Path | bytes = b""


def write_tar(entries: Sequence[Entry], writer: BlockWriter) -> None:
    """Write all entries and the end of a tar. Folders come first, each before what is in it."""
    for entry in sorted(entries, key=lambda entry: (entry.info.isreg(), entry.info.name)):
        if not entry.info.isreg():
            writer.write(_head(entry), TEXT)
    files = [(kind_of(entry.content), entry) for entry in entries if entry.info.isreg()]
    for kind, entry in sorted(files, key=lambda pair: _place(*pair)):
        writer.write(_head(entry), kind)
        for part, of_part in _parts(entry.content, kind):
            writer.write(part, of_part)
        writer.write(bytes(-entry.info.size % tarfile.BLOCKSIZE), kind)
    writer.write(bytes(2 * tarfile.BLOCKSIZE), TEXT)


def kind_of(content: Path | bytes) -> Kind:
    """How a file is packed; of a model's weights, how most of them are."""
    if isinstance(content, bytes):
        return TEXT
    if content.suffix == ".safetensors":
        sizes = {TEXT: 0}
        for kind, size in list(sections(content))[1:]:  # without the header
            sizes[kind] = sizes.get(kind, 0) + size
        return max(sizes, key=lambda kind: sizes[kind])
    if content.suffix == ".onnx":
        return WORDS
    with content.open("rb") as file:
        return CODE if file.read(4) == b"\x7fELF" else TEXT


def sections(weights: Path) -> Iterator[tuple[Kind, int]]:
    """Yield the stretches of a safetensors file, kind and length of each, from its first byte to its last."""
    with weights.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    yield TEXT, 8 + length
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    for entry in sorted(tensors, key=lambda entry: entry["data_offsets"]):
        begin, end = entry["data_offsets"]
        yield _OF_TYPE.get(entry["dtype"], BYTES), end - begin


def _place(kind: Kind, entry: Entry) -> tuple[int, str, str]:
    """Where a file comes: beside those of its kind and ending."""
    return ORDER.index(kind), Path(entry.info.name).suffix, entry.info.name


def _head(entry: Entry) -> bytes:
    return entry.info.tobuf(tarfile.GNU_FORMAT)


def _parts(content: Path | bytes, kind: Kind) -> Iterator[tuple[bytes, Kind]]:
    """Yield a file's content piece by piece, and how each is packed."""
    if isinstance(content, bytes):
        yield content, kind
        return
    stretches = list(sections(content)) if content.suffix == ".safetensors" else [(kind, content.stat().st_size)]
    with content.open("rb") as file:
        for of_stretch, size in stretches:
            while size:
                part = file.read(min(size, _READ))
                if not part:
                    raise EOFError(f"{content} is shorter than it was.")
                yield part, of_stretch
                size -= len(part)
