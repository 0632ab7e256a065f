"""The only place that asks about CUDA, cores, memory and precision."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from engine.errors import DeviceError
from engine.machine_settings import machine_settings

Choice = Literal["auto", "cpu", "cuda"]
Precision = Literal["fp32", "bf16"]

PROBE_STEPS = 3
CLEAR_RATIO = 2.0  # a precision this much slower needs no further step to be told apart
PROBE_TOLERANCE = 0.02  # largest relative difference of a probed loss from the fp32 one


@dataclass(frozen=True, slots=True)
class Device:
    """Where tensors live and how much room there is."""

    kind: Literal["cpu", "cuda"]
    name: str
    cores: int  # physical ones: a thread on each is fastest for matrix work
    memory_bytes: int  # of the device: the machine's on a CPU, the card's on CUDA

    @classmethod
    def detect(cls, choice: Choice = "auto", *, threads: int | None = None) -> Device:
        """Take CUDA when there is a GPU that works, otherwise the CPU.

        Cheap: torch is only asked when CUDA may be there.

        Raises DeviceError when CUDA is asked for and there is none.
        """
        allowed = machine_settings().threads
        threads = min(threads, allowed) if threads and allowed else threads
        cores = threads or psutil.cpu_count(logical=False) or os.cpu_count() or 1
        cores = min(cores, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") and not threads else cores
        cores = min(cores, allowed or cores)
        if choice != "cpu" and (choice == "cuda" or _may_have_cuda()):
            import torch

            if torch.cuda.is_available():
                properties = torch.cuda.get_device_properties(0)
                return cls("cuda", properties.name, cores, properties.total_memory)
            if choice == "cuda":
                raise DeviceError(
                    "No CUDA GPU can be used on this machine.",
                    hint="Choose the CPU, or install the CUDA add-on and a driver.",
                )
        return cls("cpu", platform.processor() or platform.machine(), cores, psutil.virtual_memory().total)

    def set_threads(self) -> None:
        """Let torch use one thread a core."""
        import torch

        torch.set_num_threads(self.cores)

    @contextmanager
    def core_spared(self) -> Iterator[None]:
        """Let torch use a core less within: its threads wait for each other, also for one that another's work delays.

        A question's embedding beside a search by words took 36 ms on two cores so shared, 21 with one for each.
        """
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(max(1, before - 1))
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def free_memory_bytes(self) -> int:
        """Memory that can still be taken."""
        if self.kind == "cuda":
            import torch

            return torch.cuda.mem_get_info()[0]
        return psutil.virtual_memory().available

    def resident_bytes(self) -> int:
        """Memory of the machine that this process has."""
        return psutil.Process().memory_info().rss

    def give_back(self) -> None:
        """Return freed memory to the system.

        glibc keeps it between blocks that live on, and batches of many lengths leave ever more: a training grew from 4
        to 12 GB in 175 steps, and went from 5.4 back to 3.4 GB by this. Other systems' allocators do it themselves.
        """
        if self.kind == "cpu" and platform.libc_ver()[0] == "glibc":
            ctypes.CDLL(None).malloc_trim(0)


def _may_have_cuda() -> bool:
    return platform.system() == "Windows" or Path("/dev/nvidiactl").exists()


@dataclass(frozen=True, slots=True)
class Probe:
    """What the precision probe saw: the choice, seconds a step, and how far each loss lay from the fp32 one."""

    precision: Precision
    seconds: dict[Precision, float]
    deviation: dict[Precision, float]


def probe_precision(
    step: Callable[[Precision], float], device: Device, *, clock: Callable[[], float] = time.perf_counter
) -> Probe:
    """Time up to three steps in each precision and keep the fastest that still agrees with fp32.

    `step(precision)` runs one training step without changing the weights and returns its loss. bf16 is 3 × as fast on
    CPUs with the instructions for it and up to 100 × slower on others, so it is never assumed. On CUDA bf16 is taken
    where the card has it.
    """
    if device.kind == "cuda":
        import torch

        return Probe("bf16" if torch.cuda.is_bf16_supported() else "fp32", {}, {})
    precisions: tuple[Precision, ...] = ("fp32", "bf16")
    losses = {precision: step(precision) for precision in precisions}  # the first call pays for allocation and kernels
    seconds = dict.fromkeys(precisions, float("inf"))
    for _ in range(PROBE_STEPS):
        for precision in precisions:
            started = clock()
            losses[precision] = step(precision)
            seconds[precision] = min(seconds[precision], clock() - started)
        if max(seconds.values()) > CLEAR_RATIO * min(seconds.values()):
            break
    deviation = {name: abs(loss - losses["fp32"]) / max(abs(losses["fp32"]), 1e-6) for name, loss in losses.items()}
    fits: list[Precision] = ["fp32", *(name for name in precisions if deviation[name] <= PROBE_TOLERANCE)]
    return Probe(min(fits, key=lambda name: seconds[name]), seconds, deviation)
