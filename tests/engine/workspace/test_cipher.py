"""Encrypted objects: what goes in comes out, and nothing else does."""

from __future__ import annotations

import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import DamagedError
from engine.workspace.cipher import CHUNK_BYTES, decrypt, encrypt

KEY = bytes(range(32))
STEP = CHUNK_BYTES + 16
HEADER = 14


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_encrypted_content_comes_back(size: int) -> None:
    content = secrets.token_bytes(size)
    stored = b"".join(encrypt([content[:7], content[7:]], KEY))
    assert decrypt(stored, KEY) == content
    assert stored[HEADER:] != content


def test_the_same_content_is_never_stored_the_same_way() -> None:
    assert b"".join(encrypt([b"same"], KEY)) != b"".join(encrypt([b"same"], KEY))


@settings(max_examples=60)
@given(st.data())
def test_a_flipped_bit_is_found_wherever_it_is(data: st.DataObject) -> None:
    stored = bytearray(b"".join(encrypt([b"a little content"], KEY)))
    place = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[place // 8] ^= 1 << (place % 8)
    with pytest.raises(DamagedError):
        decrypt(bytes(stored), KEY)


def test_cut_reordered_and_mixed_objects_are_found() -> None:
    stored = b"".join(encrypt([bytes(3 * CHUNK_BYTES)], KEY))
    other = b"".join(encrypt([bytes(3 * CHUNK_BYTES)], KEY))
    header, chunks = stored[:HEADER], [stored[HEADER + STEP * n : HEADER + STEP * (n + 1)] for n in range(3)]
    for forged in (
        header + chunks[0] + chunks[1],  # the last chunk gone
        header + chunks[0] + chunks[2],
        header + chunks[1] + chunks[0] + chunks[2],
        stored + chunks[2],
        stored[:-1],
        header,
        b"",
        other[:HEADER] + stored[HEADER:],
    ):
        with pytest.raises(DamagedError):
            decrypt(forged, KEY)


def test_another_key_opens_nothing() -> None:
    with pytest.raises(DamagedError):
        decrypt(b"".join(encrypt([b"content"], KEY)), bytes(32))
