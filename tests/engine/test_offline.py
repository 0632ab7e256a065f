"""Going offline: the flags, and the kernel's refusal of internet sockets."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

TRY = """
import socket, subprocess, sys
from engine.offline import go_offline, network_is_open
before = network_is_open()
enforced = go_offline()
again = go_offline()
child = subprocess.run([sys.executable, "-c", "import socket; socket.socket(socket.AF_INET6)"], capture_output=True)
socket.socket(socket.AF_UNIX).close()
import os
print(before, enforced, again, network_is_open(), child.returncode != 0, os.environ["HF_HUB_OFFLINE"])
"""


# The ways past socket(): a ring, x86-64's second numbers, 32-bit system calls (socket is 359 there), a machine's own
# network (AF_VSOCK). What the kernel itself lacks is "denied" before, too.
DETOURS = """
import ctypes, mmap, socket
from engine.offline import go_offline
libc = ctypes.CDLL(None)
page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
page.write(bytes.fromhex("53 b867010000 bb02000000 b902000000 31d2 cd80 5b c3"))  # socket(AF_INET, SOCK_DGRAM, 0)
in_32_bits = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
def call(*numbers):
    return libc.syscall(*map(ctypes.c_long, numbers[:2]), *numbers[2:])
def ways():
    return [
        call(425, 1, ctypes.create_string_buffer(120)),
        call(41 | 1 << 30, socket.AF_INET, socket.SOCK_DGRAM, 0),
        libc.socket(socket.AF_VSOCK, socket.SOCK_STREAM, 0),
        in_32_bits(),
    ]
before = ways()
assert go_offline()
print(any(way >= 0 for way in before), any(way >= 0 for way in ways()))
"""

FORGETFUL = """
from engine import offline
offline._AFTER_RING = 0  # every call counts as one after the ring's: the filter lets them pass
print(offline._makes_a_ring(), offline.go_offline(), offline.network_is_open())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the seccomp filter is Linux's")
def test_internet_sockets_are_denied_to_the_process_and_its_children_but_local_ones_work() -> None:
    done = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True", "False", "True", "1"]


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="the test speaks x86-64")
def test_no_way_leads_past_the_filter() -> None:
    done = subprocess.run([sys.executable, "-c", DETOURS], capture_output=True, text=True, check=False)
    if done.returncode < 0:
        pytest.skip("this kernel knows no 32-bit system calls")
    assert (done.stdout, done.stderr) == ("True False\n", "")


@pytest.mark.skipif(sys.platform != "linux", reason="a ring is Linux's")
def test_a_ring_is_a_network_that_is_open() -> None:
    done = subprocess.run([sys.executable, "-c", FORGETFUL], capture_output=True, text=True, check=True)
    could, enforced, is_open = done.stdout.split()
    if could == "False":
        pytest.skip("this kernel makes no ring")
    assert (enforced, is_open) == ("True", "True")
