"""Packs in the .xz format, each block by the filters that fit what it holds: code, text, numbers of four bytes or two.

The program `xz` has one chain of filters for a file, though its format has one for every block, and every xz and dpkg
reads them. Each block says its sizes in front, so that they unpack on all cores.
"""

from __future__ import annotations

import lzma
import os
import zlib
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, BinaryIO, Self

BLOCK = 96 << 20  # what is packed by itself; a multiple of four, so that numbers stay where they were
_STREAM_FLAGS = b"\x00\x01"  # check: CRC32
_LZMA2, _X86 = 0x21, 0x04  # the filters' numbers in the format
_BOTH_SIZES = 0xC0


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of content is packed.

    A byte that matches nothing is foretold from `place_bits` of its place and `context_bits` of the byte before: with
    two place bits each byte of a 32-bit float has statistics of its own, so its exponent shrinks.
    """

    context_bits: int = 3
    place_bits: int = 0
    period_bits: int = 2  # that matches keep to
    dictionary_bits: int = 26  # how far back matches are sought
    code: bool = False  # x86: jumps to one place are made alike

    def chain(self) -> list[dict[str, Any]]:
        """The filters, as `lzma` has them."""
        packer: dict[str, Any] = {
            "id": lzma.FILTER_LZMA2,
            "preset": 9,
            "dict_size": 1 << self.dictionary_bits,
            "lc": self.context_bits,
            "lp": self.place_bits,
            "pb": self.period_bits,
        }
        return [{"id": lzma.FILTER_X86}, packer] if self.code else [packer]

    def numbers(self) -> bytes:
        """The filters, as a block's header has them: each one's number, and its properties with their length."""
        packer = bytes((_LZMA2, 1, 2 * (self.dictionary_bits - 12)))
        return bytes((_X86, 0)) + packer if self.code else packer


CODE = Kind(code=True)
TEXT = Kind(context_bits=4, period_bits=0)
WORDS = Kind(context_bits=2, place_bits=2, dictionary_bits=22)  # float32
HALVES = Kind(context_bits=0, place_bits=1, period_bits=1, dictionary_bits=22)  # float16
BYTES = Kind(context_bits=0, period_bits=0, dictionary_bits=22)  # quantised


class BlockWriter:
    """Writes what it is given as one .xz stream: a new block where the kind changes. Same input, same bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._packing: deque[Future[tuple[bytes, int, int]]] = deque()
        self._records: list[tuple[int, int]] = []
        self._waiting, self._kind = bytearray(), TEXT
        file.write(b"\xfd7zXZ\x00" + _STREAM_FLAGS + _crc32(_STREAM_FLAGS))

    def write(self, content: bytes, kind: Kind) -> None:
        """Pack `content` behind what came before."""
        if kind is not self._kind:
            self._end_block()
            self._kind = kind
        view = memoryview(content)
        while view:
            taken = view[: BLOCK - len(self._waiting)]
            self._waiting += taken
            view = view[len(taken) :]
            if len(self._waiting) == BLOCK:
                self._end_block()

    def close(self) -> None:
        """Write what waits, and the index."""
        self._end_block()
        while self._packing:
            self._put_first()
        index = b"\x00" + _number(len(self._records))
        index += b"".join(_number(packed) + _number(size) for packed, size in self._records)
        index += bytes(-len(index) % 4)
        index += _crc32(index)
        footer = (len(index) // 4 - 1).to_bytes(4, "little") + _STREAM_FLAGS
        self._file.write(index + _crc32(footer) + footer + b"YZ")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.close()
        self._pool.shutdown(cancel_futures=True)

    def _end_block(self) -> None:
        if not self._waiting:
            return
        self._packing.append(self._pool.submit(_block, bytes(self._waiting), self._kind))
        self._waiting.clear()
        while len(self._packing) > (os.cpu_count() or 1):  # no more in memory than is being packed
            self._put_first()

    def _put_first(self) -> None:
        block, *record = self._packing.popleft().result()
        self._file.write(block)
        self._records.append(tuple(record))


def _block(content: bytes, kind: Kind) -> tuple[bytes, int, int]:
    """Return a block with the two numbers that stand in the index: its size without padding, and its content's."""
    packed = lzma.compress(content, format=lzma.FORMAT_RAW, filters=kind.chain())
    filters = len(kind.chain()) - 1
    head = bytes((_BOTH_SIZES | filters,)) + _number(len(packed)) + _number(len(content)) + kind.numbers()
    head += bytes(-(len(head) + 1) % 4)
    head = bytes(((len(head) + 1) // 4,)) + head  # in units of four bytes, its CRC32 included, less one
    head += _crc32(head)
    padding = bytes(-len(packed) % 4)
    block = head + packed + padding + _crc32(content)
    return block, len(block) - len(padding), len(content)


def _number(value: int) -> bytes:
    """A number as the format has it: seven bits a byte, the lowest first, the top bit where more follow."""
    written = bytearray()
    while value > 0x7F:
        written.append(0x80 | value & 0x7F)
        value >>= 7
    written.append(value)
    return bytes(written)


def _crc32(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "little")
