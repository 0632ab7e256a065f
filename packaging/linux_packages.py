"""Makes the Linux packages from the frozen folder: a .deb for administrators, a self-extracting .run for everybody.

Both hold the very same compressed archive: it is made once.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import payload

sys.path.insert(0, str(payload.REPOSITORY))
from shared_libraries import glibc_needed
from sorted_tar import Entry, write_tar
from system_libraries import SetupError
from xz_blocks import BlockWriter

from desktop.installation.entries import COMMANDS, MIME_PACKAGE, desktop_entry

SCRIPT = payload.REPOSITORY / "packaging" / "linux" / "self_extract.sh"
# Found in a bare Debian 12: everything else that is loaded is in the package.
DEPENDS = "libstdc++6, libgcc-s1, libgl1, libegl1, fontconfig-config"
XZ_LIBRARY = re.compile(r"liblzma\.so\.5 => (/\S+)")
_BLOCK = 1 << 20


def make_data(program: Path, into: Path, *, made: int) -> Path:
    """Pack the program in /opt, with its entries where the desktop looks. Same input, same bytes."""
    texts = {
        "usr/share/applications/vademecum.desktop": desktop_entry(Path("/opt/vademecum")),
        "usr/share/doc/vademecum/copyright": (program / "LICENCES.txt").read_text("utf-8"),
        "usr/share/icons/hicolor/scalable/apps/vademecum.svg": (
            payload.REPOSITORY / "resources" / "icons" / "vademecum.svg"
        ).read_text("utf-8"),
        "usr/share/mime/packages/vademecum.xml": MIME_PACKAGE,
    }
    entries = [Entry(folder_info(folder, made)) for folder in folders_of("opt/vademecum/x", "usr/bin/x", *texts)]
    for path in sorted(program.rglob("*")):
        entries.append(entry_of(path, f"./{Path('opt/vademecum') / path.relative_to(program)}", made))
    for name in COMMANDS:
        link = tarfile.TarInfo(f"./usr/bin/{name}")
        link.type, link.linkname = tarfile.SYMTYPE, f"/opt/vademecum/{name}"
        entries.append(Entry(plain(link, made)))
    for name, text in texts.items():
        content = text.encode("utf-8")
        info = tarfile.TarInfo(f"./{name}")
        info.size = len(content)
        entries.append(Entry(plain(info, made), content))
    data = into / "data.tar.xz"
    with data.open("wb") as file, BlockWriter(file) as writer:
        write_tar(entries, writer)
    return data


def make_deb(program: Path, data: Path, into: Path, *, version: str, made: int) -> Path:
    """Build the Debian package around the packed program."""
    members = into / "deb"
    shutil.rmtree(members, ignore_errors=True)
    members.mkdir()
    (members / "debian-binary").write_bytes(b"2.0\n")
    with (
        gzip.GzipFile(members / "control.tar.gz", "wb", mtime=made) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        text = control(version, kib=kib_of(program), glibc=glibc_needed(files(program)))
        add_text(tar, "./control", text.encode("utf-8"), made)
    (members / data.name).hardlink_to(data)
    package = into / f"vademecum_{version}_amd64.deb"
    package.unlink(missing_ok=True)
    names = ("debian-binary", "control.tar.gz", data.name)  # in this order
    subprocess.run(["ar", "rcD", package, *names], check=True, cwd=members)
    shutil.rmtree(members)
    return package


def control(version: str, *, kib: int, glibc: str) -> str:
    """The package's description for dpkg."""
    return (
        f"Package: vademecum\nVersion: {version}\nArchitecture: amd64\nMaintainer: The Vademecum authors\n"
        f"Installed-Size: {kib}\nDepends: libc6 (>= {glibc}), {DEPENDS}\nRecommends: fonts-dejavu-core\n"
        "Section: science\nPriority: optional\nDescription: answers from your documents, on your machine\n"
        " Fine-tunes a retrieval-augmented model on a department's documents and answers\n"
        " from them with citations. It uses no network.\n"
    )


def make_run(program: Path, data: Path, into: Path, *, version: str, made: int) -> Path:
    """Build the self-extracting installer: a shell script, the program that unpacks, and the packed program.

    Many systems have no xz: it comes along, itself packed with gzip, which every system has.
    """
    decoder = decoder_archive(made)
    digest = hashlib.sha256(decoder)
    with data.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    script = SCRIPT.read_text("utf-8").replace("@VERSION@", version).replace("@SHA256@", digest.hexdigest())
    script = script.replace("@KIB@", str(kib_of(program))).replace("@DECODER@", str(len(decoder)))
    head = script.replace("@OFFSET@", f"{len(script.encode()) + 1:08d}")  # as long as the word it replaces
    package = into / f"vademecum-{version}-linux-x86_64.run"
    with package.open("wb") as file, data.open("rb") as body:
        file.write(head.encode() + decoder)
        shutil.copyfileobj(body, file, _BLOCK)
    package.chmod(0o755)
    return package


def decoder_archive(made: int) -> bytes:
    """Return xz and its library of this system as a gzipped tar. Both are in the public domain."""
    program = shutil.which("xz")
    if program is None:
        raise SetupError("xz is not here: apt-get install xz-utils")
    library = XZ_LIBRARY.search(subprocess.run(["ldd", program], check=True, capture_output=True, text=True).stdout)
    if library is None:
        raise SetupError("xz has no liblzma.so.5: another xz than Debian's.")
    packed = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", 9, packed, mtime=made) as zipped,
        tarfile.open(fileobj=zipped, mode="w|", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path, name in ((program, "xz"), (library.group(1), "liblzma.so.5")):
            add_text(tar, name, Path(path).read_bytes(), made, mode=0o755)
    return packed.getvalue()


def folders_of(*names: str) -> list[str]:
    """The folders that lead to these files, "." the first of them."""
    return sorted({str(parent) for name in names for parent in Path(name).parents})


def folder_info(folder: str, made: int) -> tarfile.TarInfo:
    """A folder in a tar."""
    info = tarfile.TarInfo("." if folder == "." else f"./{folder}")
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return plain(info, made)


def entry_of(path: Path, name: str, made: int) -> Entry:
    """What stands for a file, a link or a folder of the program in a tar."""
    if path.is_symlink():
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, str(path.readlink())
        return Entry(plain(info, made))
    if path.is_dir():
        return Entry(folder_info(name.removeprefix("./"), made))
    info = tarfile.TarInfo(name)
    info.size, info.mode = path.stat().st_size, path.stat().st_mode
    return Entry(plain(info, made), path)


def add_text(tar: tarfile.TarFile, name: str, content: bytes, made: int, *, mode: int = 0o644) -> None:
    """Add a file of this content."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), mode
    tar.addfile(plain(info, made), io.BytesIO(content))


def kib_of(program: Path) -> int:
    """The size of the program on disk."""
    return sum(path.stat().st_size for path in files(program)) // 1024


def plain(info: tarfile.TarInfo, made: int) -> tarfile.TarInfo:
    """Take out of a tar entry what differs from one machine to the next."""
    info.mtime, info.uid, info.gid, info.uname, info.gname = made, 0, 0, "", ""
    info.mode = 0o777 if info.issym() else 0o755 if info.isdir() or info.mode & 0o100 else 0o644
    return info


def files(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder."""
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
