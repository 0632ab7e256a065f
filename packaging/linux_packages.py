"""Makes the Linux packages from the frozen folder: a .deb for administrators, a self-extracting .run for everybody."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import payload

sys.path.insert(0, str(payload.REPOSITORY))
from desktop.installation.placing import ENTRIES, MIME_PACKAGE, desktop_entry

SCRIPT = payload.REPOSITORY / "packaging" / "linux" / "self_extract.sh"
# Found in a bare Debian 12: everything else that is loaded is in the package.
DEPENDS = "libc6 (>= 2.36), libstdc++6, libgcc-s1, libgl1, libegl1, fontconfig-config"
_BLOCK = 1 << 20


def make_deb(program: Path, into: Path, *, version: str, made: int) -> Path:
    """Build the Debian package: the program in /opt, its entries where the desktop looks. Same input, same bytes."""
    root = into / "deb-root"
    shutil.rmtree(root, ignore_errors=True)
    opt = root / "opt" / "vademecum"
    shutil.copytree(program, opt, symlinks=True, copy_function=os.link)
    texts = {
        "usr/share/applications/vademecum.desktop": desktop_entry(Path("/opt/vademecum")),
        "usr/share/mime/packages/vademecum.xml": MIME_PACKAGE,
        "usr/share/doc/vademecum/copyright": (program / "LICENCES.txt").read_text("utf-8"),
        "DEBIAN/control": control(version, kib=sum(path.stat().st_size for path in files(opt)) // 1024),
    }
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    icon = root / "usr/share/icons/hicolor/scalable/apps/vademecum.svg"
    icon.parent.mkdir(parents=True)
    shutil.copyfile(payload.REPOSITORY / "resources" / "icons" / "vademecum.svg", icon)
    (root / "usr/bin").mkdir(parents=True)
    for name in ENTRIES:
        (root / "usr/bin" / name).symlink_to(f"/opt/vademecum/{name}")
    package = into / f"vademecum_{version}_amd64.deb"
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(made)}
    command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z12", "--build", str(root), str(package)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    shutil.rmtree(root)
    return package


def control(version: str, *, kib: int) -> str:
    """The package's description for dpkg."""
    return (
        f"Package: vademecum\nVersion: {version}\nArchitecture: amd64\nMaintainer: The Vademecum authors\n"
        f"Installed-Size: {kib}\nDepends: {DEPENDS}\nRecommends: fonts-dejavu-core\nSection: science\n"
        "Priority: optional\nDescription: answers from your documents, on your machine\n"
        " Fine-tunes a retrieval-augmented model on a department's documents and answers\n"
        " from them with citations. It uses no network.\n"
    )


def make_run(program: Path, into: Path, *, version: str, made: int) -> Path:
    """Build the self-extracting installer: a shell script, followed by a gzipped tar. Same input, same bytes."""
    archive = into / "payload.tar.gz"
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=made) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in (program, *sorted(program.rglob("*"))):
            name = str(Path("vademecum") / path.relative_to(program))
            tar.add(path, name, recursive=False, filter=lambda info: plain(info, made))
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kib = sum(path.stat().st_size for path in files(program)) // 1024
    script = SCRIPT.read_text("utf-8").replace("@VERSION@", version).replace("@SHA256@", digest)
    script = script.replace("@KIB@", str(kib))
    head = script.replace("@OFFSET@", f"{len(script.encode()) + 1:08d}")  # as long as the word it replaces
    package = into / f"vademecum-{version}-linux-x86_64.run"
    with package.open("wb") as file, archive.open("rb") as body:
        file.write(head.encode())
        shutil.copyfileobj(body, file, _BLOCK)
    package.chmod(0o755)
    archive.unlink()
    return package


def plain(info: tarfile.TarInfo, made: int) -> tarfile.TarInfo:
    """Take out of a tar entry what differs from one machine to the next."""
    info.mtime, info.uid, info.gid, info.uname, info.gname = made, 0, 0, "", ""
    info.mode = 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info


def files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
