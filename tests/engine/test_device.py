"""The device and the precision probe."""

from __future__ import annotations

import platform

import psutil
import pytest

from engine.device import Device, Precision, probe_precision
from engine.errors import DeviceError

CPU = Device("cpu", "test", 2, 1)


def probe(*, seconds: dict[Precision, float], losses: dict[Precision, float]) -> str:
    now = [0.0]

    def step(precision: Precision) -> float:
        now[0] += seconds[precision]
        return losses[precision]

    return probe_precision(step, CPU, clock=lambda: now[0]).precision


def test_the_faster_precision_is_kept_when_it_agrees() -> None:
    assert probe(seconds={"fp32": 3.0, "bf16": 1.0}, losses={"fp32": 2.0, "bf16": 2.01}) == "bf16"


def test_a_slow_bf16_is_not_taken() -> None:
    assert probe(seconds={"fp32": 1.0, "bf16": 100.0}, losses={"fp32": 2.0, "bf16": 2.0}) == "fp32"


def test_a_fast_bf16_that_disagrees_is_not_taken() -> None:
    assert probe(seconds={"fp32": 3.0, "bf16": 1.0}, losses={"fp32": 2.0, "bf16": 2.5}) == "fp32"


def test_a_loss_that_is_no_number_leaves_fp32() -> None:
    nothing = float("nan")
    assert probe(seconds={"fp32": 3.0, "bf16": 1.0}, losses={"fp32": nothing, "bf16": nothing}) == "fp32"


def test_cuda_is_refused_with_a_sentence_where_there_is_none() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError) as failure:
        Device.detect("cuda")
    assert "CPU" in failure.value.hint


def test_the_cpu_says_how_much_it_has() -> None:
    device = Device.detect("cpu", threads=3)
    assert (device.kind, device.cores) == ("cpu", 3)
    assert device.free_memory_bytes() > 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators give memory back themselves")
def test_freed_memory_is_given_back_to_the_system() -> None:
    blocks = [bytearray(b"x" * 60_000) for _ in range(5000)]  # small enough for the heap, 300 MB in all
    live = blocks[::50]
    held = psutil.Process().memory_info().rss
    del blocks
    CPU.give_back()
    assert psutil.Process().memory_info().rss < held - 200e6
    assert len(live) == 100
