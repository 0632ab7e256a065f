"""An update from a file: whole and from whom it should be, before anything of it is run. Knows no Qt and no network."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from desktop.installation.entries import has_entries
from desktop.installation.placing import InstallError, folder_of, require_ours, told, version_of, workroom
from engine.machine_settings import settings_path

if TYPE_CHECKING:
    from packaging.version import Version

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"  # beside the package, as the build wrote them
KEY = "release.pem"  # Ed25519, beside the machine's settings, or among the program's own resources
_LARGEST_SUMS = 1 << 20
_LARGEST_HEAD = 1 << 14
_HEAD = re.compile(  # of packaging/linux/self_extract.sh
    rb"#!/bin/sh\n# Vademecum ([0-9][0-9a-z.]*) for Linux .*?\nfirst_byte=([0-9]{8})\ndigest=([0-9a-f]{64})\n",
    re.DOTALL,
)


def known_keys(program: Path) -> tuple[Path, ...]:
    """Return the keys that may sign an update: an administrator's, and the one this program came with."""
    places = (settings_path().parent / KEY, program / "_internal" / "resources" / KEY)
    return tuple(place for place in places if place.is_file())


def update(package: Path, program: Path, *, home: Path | None = None) -> str:
    """Check a `.run` file and let it install itself over `program`; return what was said. Raises InstallError.

    It is copied first: what runs is what was checked. The version in use is kept, `rollback` brings it back.
    """
    folder = folder_of(program)
    if not package.is_file():
        raise InstallError(f"There is no file {package}.", hint="Name the .run file of the newer version.")
    with told(f"{folder} can't be read", folder):
        require_ours(folder)
    with told(f"{package.name} can't be copied to {folder}", folder), workroom(folder) as room:
        copy = shutil.copyfile(package, room / package.name)
        try:
            origin = _origin(package, _digest(copy), known_keys(program))
        except OSError as error:
            raise InstallError(
                f"It can't be checked whose {package.name} is: {error.filename} can't be read: {error.strerror}.",
                hint="Whoever administers this machine must let you read it. The version in use is untouched.",
            ) from error
        version = _version_of_whole(copy)
        shortcuts, association = has_entries(program, home=home or Path.home())
        wanted = [*([] if shortcuts else ["--no-shortcuts"]), *([] if association else ["--no-association"])]
        environment = {name: value for name, value in os.environ.items() if name != "LD_LIBRARY_PATH"}
        done = subprocess.run(  # noqa: S603 - checked above
            ["/bin/sh", copy, "--silent", "--folder", folder, *wanted],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
        )
    reason = " ".join(done.stderr.split()) or "no reason was given."
    if version_of(program) != version:
        raise InstallError(f"The update was not installed: {reason}", hint="The version in use is untouched.")
    if done.returncode != 0:
        raise InstallError(reason, hint=f"Version {version} is in use.")
    return f"{done.stdout.strip()}\n{origin}"


def _version_of_whole(package: Path) -> Version:
    """Return the version a `.run` file installs. Raises InstallError where it is none, or not as it was made."""
    from packaging.version import Version

    with package.open("rb") as file:
        head = _HEAD.match(file.read(_LARGEST_HEAD))
        if head is None:
            raise InstallError(
                f"{package.name} is not a .run file of Vademecum, or only its beginning.",
                hint="Name the .run file of the newer version, or copy it again.",
            )
    if _digest(package, start=int(head[2]) - 1) != head[3].decode():
        raise InstallError(
            f"{package.name} is damaged: its SHA-256 is not the one it was made with.", hint="Copy it again."
        )
    return Version(head[1].decode())


def _origin(package: Path, digest: str, keys: tuple[Path, ...]) -> str:
    """Say what is known of where the package comes from. Raises InstallError where it is not what it must be."""
    sums, signature = package.parent / SUMS, package.parent / SIGNATURE
    if not sums.is_file():
        if keys:
            raise InstallError(
                f"{SUMS} is missing beside {package.name}: its signature can't be checked.",
                hint=f"Copy {SUMS} and {SIGNATURE} from where the update came from.",
            )
        return "Its origin was not checked: no key is installed and no list of digests lies beside it."
    content = sums.read_bytes()[:_LARGEST_SUMS]
    if keys and not (signature.is_file() and any(_signed(content, signature.read_bytes(), key) for key in keys)):
        raise InstallError(
            f"{SUMS} beside {package.name} is not signed by a key this machine knows.",
            hint="Don't install it: get the update again, from whom it should come.",
        )
    listed = {line[66:]: line[:64] for line in content.decode("utf-8", errors="replace").splitlines()}
    if listed.get(package.name) != digest:
        raise InstallError(
            f"{package.name} is not the file that {SUMS} lists.", hint="Copy it again; the version in use is untouched."
        )
    if keys:
        return "It is signed by a key this machine knows."
    return f"It is the file that {SUMS} lists; whose list that is was not checked: no key is installed."


def _signed(content: bytes, signature: bytes, key: Path) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        public = load_pem_public_key(key.read_bytes())
    except ValueError as error:
        raise InstallError(f"{key} is not a public key.", hint="Ask whoever administers this machine.") from error
    if not isinstance(public, Ed25519PublicKey):
        raise InstallError(f"{key} is not an Ed25519 key.", hint="Ask whoever administers this machine.")
    try:
        public.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _digest(path: Path, *, start: int = 0) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return hashlib.file_digest(file, "sha256").hexdigest()
