"""Objects of a protected workspace: AES-256-GCM over 1 MiB chunks, so that size never means memory."""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from engine.errors import DamagedError

CHUNK_BYTES = 1 << 20
_MAGIC = b"VMOBJ\x01"
_PREFIX_BYTES = 8  # random for each object; with the 4-byte chunk number it makes the nonce
_TAG_BYTES = 16


def encrypt(chunks: Iterable[bytes | memoryview], key: bytes) -> Iterator[bytes]:
    """Yield the stored form of the content: a header, then each 1 MiB chunk with its tag.

    Header, chunk number and whether it is the last are authenticated with each chunk: cut, reordered or mixed
    objects don't decrypt.
    """
    prefix = secrets.token_bytes(_PREFIX_BYTES)
    header = _MAGIC + prefix
    yield header
    cipher = AESGCM(key)
    number = 0
    held: bytes | None = None  # the last chunk is known only when nothing follows
    for chunk in _even(chunks):
        if held is not None:
            yield cipher.encrypt(_nonce(prefix, number), held, _context(header, number, last=False))
            number += 1
        held = chunk
    yield cipher.encrypt(_nonce(prefix, number), held or b"", _context(header, number, last=True))


def decrypt(stored: bytes, key: bytes) -> bytes:
    """Return the content. Raises DamagedError when a byte of it isn't what was written."""
    header_bytes = len(_MAGIC) + _PREFIX_BYTES
    header = stored[:header_bytes]
    damaged = DamagedError("An object of the workspace is damaged.", hint="Restore the workspace from a backup.")
    if not header.startswith(_MAGIC) or len(stored) < header_bytes + _TAG_BYTES:
        raise damaged
    cipher = AESGCM(key)
    step = CHUNK_BYTES + _TAG_BYTES
    content = io.BytesIO()
    view = memoryview(stored)[header_bytes:]
    for number, start in enumerate(range(0, len(view), step)):
        last = start + step >= len(view)
        try:
            content.write(
                cipher.decrypt(
                    _nonce(header[-_PREFIX_BYTES:], number),
                    view[start : start + step],
                    _context(header, number, last=last),
                )
            )
        except (InvalidTag, ValueError) as error:
            raise damaged from error
    return content.getvalue()


def _nonce(prefix: bytes, number: int) -> bytes:
    return prefix + number.to_bytes(4, "big")


def _context(header: bytes, number: int, *, last: bool) -> bytes:
    return header + number.to_bytes(8, "big") + (b"\x01" if last else b"\x00")


def _even(chunks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Yield the same bytes in pieces of exactly CHUNK_BYTES, the last one shorter."""
    held = bytearray()
    for chunk in chunks:
        view = memoryview(chunk).cast("B")
        while view:
            taken = view[: CHUNK_BYTES - len(held)]
            held += taken
            view = view[len(taken) :]
            if len(held) == CHUNK_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)
