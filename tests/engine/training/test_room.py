"""Memory that is short makes parts smaller, then activations are recomputed, then a sentence says what is missing."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace

import pytest
import torch

from engine.device import Device
from engine.errors import TrainingError
from engine.generation.weights import load_generator
from engine.models.library import DEFAULT_GENERATOR, ModelLibrary
from engine.training.room import Room, find_room, kept_bytes_per_token


def room_with(library: ModelLibrary, free_bytes: int, monkeypatch: pytest.MonkeyPatch, *, wanted: int = 4096) -> Room:
    model = load_generator(library.files(DEFAULT_GENERATOR))

    def probe() -> tuple[torch.Tensor, int]:
        ids = torch.full((2, 64), 5)
        return model(input_ids=ids, labels=ids[:, :8].contiguous()).loss, ids.numel()

    monkeypatch.setattr(Device, "free_memory_bytes", lambda self: free_bytes)
    return find_room(model, probe, Device.detect("cpu"), wanted=wanted, longest=256)


def test_memory_decides_how_much_is_trained_at_once(
    tiny_library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    plenty = room_with(tiny_library, 8 * 2**30, monkeypatch)
    assert (plenty.part_tokens, plenty.recomputed) == (4096, False)
    short = room_with(tiny_library, plenty.needed_bytes, monkeypatch)
    assert 256 <= short.part_tokens < 4096 and not short.recomputed
    assert short.sentence == f"{short.needed_bytes / 2**30:.1f} GB needed, {short.free_bytes / 2**30:.1f} free"
    enough_for_one = room_with(tiny_library, plenty.needed_bytes, monkeypatch, wanted=256)
    assert replace(enough_for_one, taken_bytes=0, needed_bytes=0, free_bytes=0) == Room(256, False, 0, 0, 0)
    assert short.taken_bytes < short.needed_bytes == short.free_bytes


def test_too_little_for_one_question_recomputes_and_then_says_so(
    tiny_library: ModelLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    least = room_with(tiny_library, 8 * 2**30, monkeypatch, wanted=256).needed_bytes
    recomputed = room_with(tiny_library, int(least * 1.1), monkeypatch)
    assert recomputed.recomputed and recomputed.part_tokens >= 256
    with pytest.raises(TrainingError, match="free") as failure:
        room_with(tiny_library, 2**20, monkeypatch)
    assert "smaller model" in failure.value.hint


def test_what_was_counted_is_freed() -> None:
    # exp keeps its own output: handed back as it is, output and graph hold each other where no collector looks.
    model = torch.nn.Linear(8, 8)
    kept: list[weakref.ref[torch.Tensor]] = []

    def probe() -> tuple[torch.Tensor, int]:
        hidden = model(torch.ones(4, 8)).exp()
        kept.append(weakref.ref(hidden))
        return hidden.softmax(-1).log().sum(), 4

    assert kept_bytes_per_token(model, probe) >= 8 * 4
    gc.collect()
    assert kept[0]() is None
