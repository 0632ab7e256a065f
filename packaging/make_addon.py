"""Makes the CUDA add-on's folder: the wheels of a CUDA build of torch and a manifest with the SHA-256 of each.

usage: make_addon.py WHEELS OUT     WHEELS is a folder with torch's CUDA wheel and the nvidia wheels it needs, as
`pip download torch==VERSION+cuXXX` leaves them; OUT is the new folder to carry to the machine.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import zipfile
from pathlib import Path, PurePosixPath

from digests import sha256

# Only what the program doesn't carry itself: a second numpy in front of the first would be another version's.
BROUGHT = re.compile(r"(torch|triton|nvidia[_-].*|cuda[_-].*)-[0-9]", re.IGNORECASE)
PLATFORM = re.compile(r"(linux|win)\w*?_(x86_64|aarch64|amd64)\.whl$")  # linux_…, manylinux_2_28_…, win_…
SYSTEMS = {"linux": "linux", "win": "windows"}
CUDA_LIBRARIES = {"libtorch_cuda", "torch_cuda"}  # a build's name doesn't always say what it is for


def main(arguments: list[str]) -> int:
    """Copy the wheels and write the manifest."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    source, out = map(Path, arguments)
    wheels = [path for path in sorted(source.glob("*.whl")) if BROUGHT.match(path.name)]
    torch = next((path for path in wheels if path.name.startswith("torch-")), None)
    found = PLATFORM.search(torch.name) if torch else None
    problem = ""
    if torch is None:
        problem = f"{source} holds no wheel of torch."
    elif found is None:
        problem = f"{torch.name} is for a system that Vademecum doesn't run on."
    elif not brings_cuda(torch):
        problem = f"{torch.name} is no CUDA build: download torch==VERSION+cuXXX."
    elif out.exists():
        problem = f"{out} exists already: name a new folder."
    if problem:
        print(f"make_addon: {problem}", file=sys.stderr)
        return 1
    out.mkdir(parents=True)
    version = torch.name.split("-")[1]
    manifest = {
        "name": "cuda",
        "version": version,
        "python": torch.name.split("-")[2],
        "platform": f"{SYSTEMS[found[1]]}-{found[2]}",
        "torch": version,
        "files": {},
    }
    for path in wheels:
        shutil.copyfile(path, out / path.name)
        manifest["files"][path.name] = sha256(path)
    (out / "addon.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    print(f"{out}: {len(wheels)} wheels")
    return 0


def brings_cuda(torch: Path) -> bool:
    """Whether torch's wheel holds its library for CUDA."""
    if not zipfile.is_zipfile(torch):
        return False
    with zipfile.ZipFile(torch) as archive:
        return any(PurePosixPath(name).stem in CUDA_LIBRARIES for name in archive.namelist())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
