"""Leaves out of ICU's data what Qt never asks it for, and makes the library that Qt loads of the rest.

Qt has the languages', countries' and currencies' names, numbers and dates itself, and reads text in UTF-8; of ICU it
takes how words are sorted and the properties of letters. The data is one archive in the library (the ICU User Guide,
"ICU Data"): a head, a table of names and places, the items.
"""

from __future__ import annotations

import re
import struct
import subprocess
import tempfile
from pathlib import Path

MAGIC = b"\xda\x27"  # behind the head's length, of two bytes
FORMAT, FORMAT_AT = b"CmnD", 12
ALIGNED = 16
UNUSED = re.compile(r"[^/]+/(brkitr|curr|lang|rbnf|region|translit|unit|zone)/|.*\.cnv$")


def slim_icu(internal: Path) -> None:
    """Replace ICU's data in the folder of a frozen program."""
    (library,) = internal.glob("PySide6/Qt/lib/libicudata.so.*")
    symbol = f"icudt{library.suffix.removeprefix('.')}_dat"
    content = library.read_bytes()
    library.unlink()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "icu.dat").write_bytes(without_unused(content))
        lines = (
            ".section .rodata",
            f".global {symbol}",
            f".type {symbol}, @object",
            f".balign {ALIGNED}",
            f'{symbol}: .incbin "icu.dat"',
            f".size {symbol}, .-{symbol}",
            '.section .note.GNU-stack,"",@progbits',
        )
        Path(folder, "icu.s").write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = ["gcc", "-shared", "-nostdlib", "-s", f"-Wl,-soname,{library.name}", "-o", library.resolve(), "icu.s"]
        subprocess.run(command, check=True, cwd=folder)


def without_unused(content: bytes) -> bytes:
    """Return the archive in `content` without the items of the unused kinds. Raises ValueError where there is none."""
    found = content.find(FORMAT)
    start = found - FORMAT_AT
    if found < 0 or content[start + 2 : start + 4] != MAGIC:
        raise ValueError("The library holds no data of ICU's.")
    (head,) = struct.unpack_from("<H", content, start)
    table = start + head  # what the table says is counted from here
    (count,) = struct.unpack_from("<I", content, table)
    places = [struct.unpack_from("<II", content, table + 4 + 8 * row) for row in range(count)]
    names = [content[table + name : content.index(b"\0", table + name)] for name, _ in places]
    ends = [place for _, place in places[1:]] + [len(content) - table]
    items = [
        (name, content[table + begin : table + end])
        for name, (_, begin), end in zip(names, places, ends, strict=True)
        if not UNUSED.match(name.decode("ascii"))
    ]
    return content[start:table] + _archive(items)


def _archive(items: list[tuple[bytes, bytes]]) -> bytes:
    """Return table, names and items, as they follow the head."""
    names = b"".join(name + b"\0" for name, _ in items)
    first = 4 + 8 * len(items)
    rows, body = [], bytearray()
    at, data = first, _aligned(first + len(names))
    for name, item in items:
        rows.append(struct.pack("<II", at, data + len(body)))
        at += len(name) + 1
        body += item.ljust(_aligned(len(item)), b"\0")
    table = struct.pack("<I", len(items)) + b"".join(rows) + names
    return table.ljust(data, b"\0") + bytes(body)


def _aligned(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED
