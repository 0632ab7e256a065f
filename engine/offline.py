"""No network, ever: flags for the libraries, and on Linux a filter that denies the process tree all ways to one."""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import sys

OFFLINE_FLAGS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    "DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait must not spin: training and chat share the cores
    "TOKENIZERS_PARALLELISM": "true",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",  # the engine never prints
}

# Audit architecture and number of the system call socket().
_SOCKET_SYSTEM_CALL = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
_RING, _AFTER_RING = 425, 428  # io_uring_setup and what goes with it: the kernel makes sockets for it past any filter
_X32 = 0x40000000  # x86-64 has each system call once more from here on
_LOAD, _JUMP_EQUAL, _JUMP_FROM, _RETURN = 0x20, 0x15, 0x35, 0x06  # BPF: ld abs word, jeq, jge and ret constant
_ALLOW, _DENY_EACCES = 0x7FFF0000, 0x00050000 | 13
_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER_MODE = 38, 22, 2


def go_offline() -> bool:
    """Set every offline flag, and deny all sockets but local ones to this process and all it starts.

    Local are AF_UNIX and AF_NETLINK (the kernel's own news, of devices say). A ring (io_uring) is denied, and so are
    system calls in another architecture's form, of 32 bits say: they have other numbers, and a socket of their own.

    Call it before the first import of a model library. Returns whether the kernel enforces it (Linux on x86-64 and
    ARM64 only; elsewhere the flags and local paths stand alone). It can't be undone. No socket is made to find out
    whether it was needed: a process that is watched shows not one attempt.
    """
    os.environ.update(OFFLINE_FLAGS)
    socket.has_ipv6 = False  # urllib3 would make a socket when it is imported, to see whether IPv6 works
    known = _SOCKET_SYSTEM_CALL.get(platform.machine())
    if sys.platform != "linux" or known is None:
        return False
    architecture, socket_number = known
    # struct seccomp_data: nr at 0, arch at 4, args[0] at 16 (low word first on these little-endian machines).
    instructions = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 0, 9, architecture),
        (_LOAD, 0, 0, 0),
        (_JUMP_FROM, 7, 0, _X32),
        (_JUMP_FROM, 1, 0, _AFTER_RING),
        (_JUMP_FROM, 5, 0, _RING),
        (_JUMP_EQUAL, 0, 3, socket_number),
        (_LOAD, 0, 0, 16),
        (_JUMP_EQUAL, 1, 0, socket.AF_UNIX),
        (_JUMP_EQUAL, 0, 1, socket.AF_NETLINK),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _DENY_EACCES),
    ]
    packed = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    code = ctypes.create_string_buffer(packed, len(packed))
    program = struct.pack("HL", len(instructions), ctypes.addressof(code))  # struct sock_fprog, natural alignment
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        return False
    return libc.prctl(_SET_SECCOMP, _FILTER_MODE, ctypes.create_string_buffer(program, len(program)), 0, 0) == 0


def network_is_open() -> bool:
    """Whether this process may make an internet socket, or a ring that could: tried, not assumed. Nothing is sent."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()
    except OSError:
        return sys.platform == "linux" and _makes_a_ring()
    return True


def _makes_a_ring() -> bool:
    settings = ctypes.create_string_buffer(120)  # struct io_uring_params
    ring = ctypes.CDLL(None).syscall(ctypes.c_long(_RING), ctypes.c_long(1), settings)
    if ring < 0:
        return False
    os.close(ring)
    return True
