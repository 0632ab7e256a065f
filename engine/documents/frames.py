"""Frames over a pipe: 4 bytes of length, then the message."""

from __future__ import annotations

from typing import BinaryIO


def read_frame(stream: BinaryIO, *, size_bytes_max: int) -> bytes | None:
    """Return the next frame, None at the end of the stream. Raises ValueError on a frame larger than allowed."""
    header = _read(stream, 4)
    if len(header) < 4:
        return None
    size = int.from_bytes(header, "big")
    if size > size_bytes_max:
        raise ValueError(f"a frame of {size} bytes")
    data = _read(stream, size)
    return data if len(data) == size else None


def _read(stream: BinaryIO, size: int) -> bytes:
    """Return so many bytes, fewer at the end only: a stream without a buffer gives what there is."""
    parts: list[bytes] = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def write_frame(stream: BinaryIO, data: bytes) -> None:
    """Send one frame."""
    stream.write(len(data).to_bytes(4, "big") + data)
    stream.flush()
