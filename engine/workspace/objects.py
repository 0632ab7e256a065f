"""Immutable blobs in `objects/`, named by the digest of their stored bytes; encrypted in a protected workspace."""

from __future__ import annotations

import hashlib
import mmap
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from engine.errors import DamagedError
from engine.workspace.cipher import CHUNK_BYTES, decrypt, encrypt
from engine.workspace.database import AMONG, Database, listed
from engine.workspace.publishing import publish_file, storage_error, storage_errors

_STAGING = "staging"
_DIGEST_CHARACTERS = 64
_SHELF_CHARACTERS = 2


class ObjectStore:
    """Publishes, reads and sweeps objects. Rows make them visible; what no row refers to is swept."""

    def __init__(self, folder: Path, database: Database, key: bytes | None) -> None:
        self._folder = folder
        self._database = database
        self._key = key
        self._guard = threading.Lock()  # always taken after the database's write lock, never before
        self._unreferred: set[str] = set()  # published by this process, not referred to yet: never swept
        self._released: set[str] = set()  # let go of by somebody: removed when by everybody
        self._staging = folder / _STAGING
        with storage_errors(folder):
            self._staging.mkdir(mode=0o700, parents=True, exist_ok=True)

    def publish(self, data: bytes | memoryview | Iterable[bytes]) -> str:
        """Store `data` durably and return its digest. The one way into the workspace for anything large.

        Raises StorageError when the disk is full or read-only; nothing half-written stays.
        """
        chunks = _pieces(data)
        stored = chunks if self._key is None else encrypt(chunks, self._key)

        def target(digest: str) -> Path:
            with self._guard:  # before the rename, so that a sweep never sees it without this
                self._unreferred.add(digest)
            return self._path(digest)

        return publish_file(stored, staging=self._staging, target=target)

    def read(self, digest: str) -> bytes:
        """Return an object's content, its digest checked first. Raises DamagedError when it is missing or altered."""
        stored = self._stored(digest)
        if hashlib.sha256(stored).hexdigest() != digest:
            raise _damaged(digest)
        return stored if self._key is None else decrypt(stored, self._key)

    def mapped(self, digest: str) -> bytes | mmap.mmap:
        """Return an object's content without holding it in memory where it is stored as it is; its digest checked.

        Raises DamagedError as `read` does. An encrypted object is decrypted into memory, never into a file.
        """
        if self._key is not None or not _is_digest(digest):
            return self.read(digest)
        path = self._path(digest)
        try:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != digest:
                    raise _damaged(digest)
                if not file.seek(0, os.SEEK_END):
                    return b""
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError as error:
            raise _damaged(digest) from error
        except OSError as error:
            raise storage_error(error, path) from error

    def publish_folder(self, files: Mapping[str, bytes]) -> str:
        """Store `files` by name and return the digest of their manifest, an object too."""
        members = {name: self.publish(data) for name, data in sorted(files.items())}
        manifest = self.publish(msgspec.json.encode(members))
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO folder_members VALUES (?, ?)",
                [(manifest, member) for member in set(members.values())],
            )
        return manifest

    def read_folder(self, digest: str) -> dict[str, bytes]:
        """Return the files of a manifest by name, every digest checked."""
        try:
            members = msgspec.json.decode(self.read(digest), type=dict[str, str])
        except msgspec.DecodeError as error:
            raise _damaged(digest) from error
        return {name: self.read(member) for name, member in members.items()}

    def refer(self, digest: str, owner: str) -> None:
        """Keep the object (and, of a manifest, its members) until `owner` releases it."""
        with self._database.transaction() as connection:
            if not self.exists(digest):
                raise _damaged(digest)
            connection.execute("INSERT OR IGNORE INTO object_references VALUES (?, ?)", (digest, owner))
            members = self._database.rows("SELECT member FROM folder_members WHERE folder = ?", (digest,))
        with self._guard:
            self._unreferred.difference_update((digest, *(row[0] for row in members)))

    def release(self, owner: str) -> None:
        """Give up what `owner` refers to; what nobody refers to is removed once this is durable."""
        with self._database.transaction() as connection:
            rows = self._database.rows(
                "SELECT digest FROM object_references WHERE owner = ?1 UNION SELECT member FROM folder_members "
                "WHERE folder IN (SELECT digest FROM object_references WHERE owner = ?1)",
                (owner,),
            )
            if not rows:
                return
            connection.execute("DELETE FROM object_references WHERE owner = ?", (owner,))
            with self._guard:
                self._released.update(row[0] for row in rows)
            self._database.after_commit(self._remove_released)

    def sweep(self) -> int:
        """Remove every object that nobody refers to and return how many those were. Not within a transaction.

        When an object that is referred to is missing, the references themselves may be damaged: nothing is removed.
        """
        with self._database.transaction():
            stored = set(self._stored_digests())
            if self.referenced() - stored:
                return 0
            return self._remove(stored)

    def sweep_staged(self) -> None:
        """Remove what a killed process left half-written. Only while nothing is published: at open, under the lock."""
        for path in self._staging.iterdir():
            path.unlink(missing_ok=True)

    def _remove_released(self) -> None:
        with self._database.transaction():
            with self._guard:
                released, self._released = self._released, set()
            self._remove(released)

    def _remove(self, candidates: set[str]) -> int:
        """Remove those of the objects that nobody needs; none while the state before an update may need them.

        The write lock of the database, which the caller holds, keeps half-made references out of the picture.
        """
        if self._database.keeps_previous:
            return 0
        removed = 0
        with self._guard:
            gone = candidates - self.referenced() - self._unreferred
            for digest in gone:
                with suppress(OSError):  # in use, or not ours to delete: the sweep at the next opening tries again
                    self._path(digest).unlink()
                    removed += 1
        with self._database.transaction() as connection:
            connection.execute(f"DELETE FROM folder_members WHERE folder {AMONG}", (listed(gone),))
        return removed

    def exists(self, digest: str) -> bool:
        """Tell whether the object's file is there, without reading it."""
        return _is_digest(digest) and self._path(digest).is_file()

    def referenced(self) -> set[str]:
        """Return the digests that rows refer to, members of referenced manifests included."""
        rows = self._database.rows(
            "SELECT digest FROM object_references UNION "
            "SELECT member FROM folder_members WHERE folder IN (SELECT digest FROM object_references)"
        )
        return {str(row[0]) for row in rows}  # damage may make it anything

    def check(self, digest: str) -> bool:
        """Tell whether the stored bytes are those of the digest."""
        try:
            return hashlib.sha256(self._stored(digest)).hexdigest() == digest
        except DamagedError:
            return False

    def _stored(self, digest: str) -> bytes:
        if not _is_digest(digest):  # never a path from elsewhere
            raise _damaged(digest)
        try:
            return self._path(digest).read_bytes()
        except FileNotFoundError as error:
            raise _damaged(digest) from error
        except OSError as error:
            raise storage_error(error, self._path(digest)) from error

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:_SHELF_CHARACTERS] / digest

    def _stored_digests(self) -> Iterator[str]:
        for shelf in self._folder.iterdir():
            if len(shelf.name) == _SHELF_CHARACTERS and shelf.is_dir():
                yield from (path.name for path in shelf.iterdir())


def _pieces(data: bytes | memoryview | Iterable[bytes]) -> Iterator[bytes | memoryview]:
    if isinstance(data, (bytes, bytearray, memoryview)):
        view = memoryview(data).cast("B")
        for start in range(0, len(view), CHUNK_BYTES):
            yield view[start : start + CHUNK_BYTES]
    else:
        yield from data


def _is_digest(digest: str) -> bool:
    return len(digest) == _DIGEST_CHARACTERS and all(character in "0123456789abcdef" for character in digest)


def _damaged(digest: str) -> DamagedError:
    return DamagedError(
        f"The object {digest[:12]} of the workspace is damaged or missing.",
        hint="Restore the workspace from a backup, or import or train again what it belonged to.",
    )
