"""Going offline: the flags, and the kernel's refusal of internet sockets."""

from __future__ import annotations

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


@pytest.mark.skipif(sys.platform != "linux", reason="the seccomp filter is Linux's")
def test_internet_sockets_are_denied_to_the_process_and_its_children_but_local_ones_work() -> None:
    done = subprocess.run([sys.executable, "-c", TRY], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True", "False", "True", "1"]
