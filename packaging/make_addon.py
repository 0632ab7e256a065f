"""Makes the CUDA add-on's folder: the wheels of a CUDA build of torch and a manifest with the SHA-256 of each.

usage: make_addon.py WHEELS OUT     WHEELS is a folder with torch's CUDA wheel and the nvidia wheels it needs, as
`pip download torch==VERSION+cuXXX` leaves them; OUT is the new folder to carry to the machine.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

from digests import sha256

# Only what the program doesn't carry itself: a second numpy in front of the first would be another version's.
BROUGHT = re.compile(r"(torch|triton|nvidia[_-].*|cuda[_-].*)-[0-9]", re.IGNORECASE)
PLATFORMS = {"manylinux": "linux-x86_64", "win_amd64": "windows-amd64"}


def main(arguments: list[str]) -> int:
    """Copy the wheels and write the manifest."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    wheels = [path for path in sorted(Path(arguments[0]).glob("*.whl")) if BROUGHT.match(path.name)]
    torch = next((path for path in wheels if path.name.startswith("torch-")), None)
    if torch is None:
        print(f"make_addon: {arguments[0]} holds no wheel of torch.", file=sys.stderr)
        return 1
    out = Path(arguments[1])
    out.mkdir(parents=True)
    version = torch.name.split("-")[1]
    manifest = {
        "name": "cuda",
        "version": version,
        "python": torch.name.split("-")[2],
        "platform": next(name for tag, name in PLATFORMS.items() if tag in torch.name),
        "torch": version,
        "files": {},
    }
    for path in wheels:
        shutil.copyfile(path, out / path.name)
        manifest["files"][path.name] = sha256(path)
    (out / "addon.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    print(f"{out}: {len(wheels)} wheels")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
