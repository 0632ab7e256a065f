"""The package of a run: one ZIP file, uncompressed, whose manifest holds the digest of everything in it.

It holds the models, the vectors of the passages (not the passages), the settings, the curves and the scores. No text of
a document and no question is in it, only digests that tell them again; but a tuned model may remember what it read.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from engine.errors import RunError, translated
from engine.jobs import Measured
from engine.records import SPLITS, Run
from engine.workspace.runs import check_id

FORMAT = 1
MANIFEST = "manifest.json"
VECTORS = "index/vectors.f32"
MAX_MEMBERS = 200
MAX_MANIFEST_BYTES = 64 << 20
MAX_MEMBER_BYTES = 20 << 30
_BLOCK = 1 << 20
_HINT = "Copy the package again from where it was exported."
_FOREIGN = (  # what a damaged byte, or a made-up one, has the libraries raise
    OSError, EOFError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile, msgspec.DecodeError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Member:
    """One file of a package."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a package says of itself."""

    format: int
    program: str  # version that wrote it
    run: Run
    models: dict[str, str]  # folder in the package → the model's name where it was exported
    points: tuple[Measured, ...] = ()
    reports: dict[str, str] = field(default_factory=dict)  # split → the report's JSON, without questions
    passages: tuple[tuple[str, str], ...] = ()  # id and SHA-256 of the embedded text, a row of the vectors each
    dimension: int = 0
    learned_from: tuple[tuple[str, str], ...] = ()  # id and SHA-256 of each document it trained on; "" once removed
    trained_on: tuple[str, ...] = ()  # fingerprints of the questions it trained on that are still there
    files: dict[str, Member] = field(default_factory=dict)


def write_package(path: Path, manifest: Manifest, files: Mapping[str, bytes], *, check: Callable[[], None]) -> str:
    """Write the package beside `path`, then give it its name in one step; return its digest."""
    members = {name: Member(hashlib.sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    described = msgspec.json.encode(replace(manifest, files=members))
    staged = path.with_name(f".{path.name}.part")
    try:
        with zipfile.ZipFile(staged, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            archive.writestr(MANIFEST, described)
            for name, data in files.items():
                check()
                archive.writestr(name, data)
        digest = digest_of(staged)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    return digest


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class OpenPackage:
    """A package whose manifest was read and whose members are all there; each is verified when it is read."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self.manifest = manifest
        self._archive = archive

    def read(self, name: str) -> bytes:
        """Return a member's content. Raises RunError when it is not what the manifest says."""
        member = self.manifest.files[name]
        damaged = f"{name} of the package is damaged."
        data = bytearray()
        found = hashlib.sha256()
        with translated(RunError, damaged, hint=_HINT, foreign=_FOREIGN), self._archive.open(name) as file:
            while block := file.read(min(_BLOCK, member.size_bytes - len(data) + 1)):
                data += block
                found.update(block)
                if len(data) > member.size_bytes:
                    break
        if len(data) != member.size_bytes or found.hexdigest() != member.sha256:
            raise RunError(damaged, hint=_HINT)
        return bytes(data)

    def folder(self, name: str) -> Iterator[tuple[str, bytes]]:
        """Yield the files of a model by name."""
        head = f"models/{name}/"
        for member in self.manifest.files:
            if member.startswith(head):
                yield member.removeprefix(head), self.read(member)


@contextmanager
def open_package(path: Path) -> Iterator[OpenPackage]:
    """Open a package. Raises RunError for anything that isn't one, or that holds more or less than it says."""
    damaged = f"{path.name} is no package of a run, or a damaged one."
    with translated(RunError, damaged, hint=_HINT, foreign=_FOREIGN):
        archive = zipfile.ZipFile(path)
    with archive:
        with translated(RunError, damaged, hint=_HINT, foreign=_FOREIGN):
            infos = archive.infolist()
            head = archive.getinfo(MANIFEST)
            if len(infos) > MAX_MEMBERS or head.file_size > MAX_MANIFEST_BYTES:
                raise RunError(f"{path.name} is larger than a package can be.", hint=_HINT)
            if any(info.compress_type != zipfile.ZIP_STORED for info in infos):
                raise RunError(f"{path.name} is compressed, as no package is.", hint=_HINT)
            manifest = msgspec.json.decode(archive.read(MANIFEST), type=Manifest)
        if manifest.format > FORMAT:
            raise RunError(
                f"{path.name} was written by a newer version ({manifest.program}).",
                hint="Install the newer version of Vademecum to import it.",
            )
        check_id(manifest.run.id)
        if unknown := manifest.reports.keys() - set(SPLITS):
            raise RunError(f"{path.name} holds a report on {min(unknown)[:80]!r}, which is no split.", hint=_HINT)
        held = {info.filename: info.file_size for info in infos if info.filename != MANIFEST}
        if held != {name: member.size_bytes for name, member in manifest.files.items()} or len(infos) != len(held) + 1:
            raise RunError(f"{path.name} holds other files than its manifest says.", hint=_HINT)
        for name in held:
            parts = name.split("/")
            plain = all(part and part not in (".", "..") and "\\" not in part for part in parts)
            if not plain or not ((parts[0] == "models" and len(parts) == 3) or name == VECTORS):
                raise RunError(f"{path.name} holds a file {name[:80]!r} that no package has.", hint=_HINT)
        yield OpenPackage(archive, manifest)
