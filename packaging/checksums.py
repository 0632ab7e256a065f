"""The list of SHA-256 beside the packages, and its signature. usage: checksums.py FOLDER"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from digests import sha256

SUMS = "SHA256SUMS"
SIGNING_KEY = "VADEMECUM_SIGNING_KEY"  # path of an Ed25519 key in PEM; without one nothing is signed


def write(folder: Path) -> None:
    """Write the SHA-256 of every file in the folder, and sign the list where there is a key."""
    discard(folder)
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir()) if path.is_file()]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    key = os.environ.get(SIGNING_KEY)
    if key is None:
        print(f"not signed: {SIGNING_KEY} names no key")
        return
    signature = folder / f"{SUMS}.sig"
    command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", folder / SUMS, "-out", signature]
    subprocess.run(command, check=True)


def discard(folder: Path) -> None:
    """Delete list and signature: called before a file that they are about is made anew."""
    for path in folder.glob(f"{SUMS}*"):
        path.unlink()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
