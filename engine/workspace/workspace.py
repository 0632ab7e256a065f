"""The workspace as a folder: made, opened, migrated, verified and closed here."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import PassphraseError, WorkspaceError
from engine.jobs import Monitor
from engine.machine_settings import machine_settings
from engine.workspace.amendments import AmendmentStore
from engine.workspace.answers import AnswerCache
from engine.workspace.audit import AuditLog
from engine.workspace.database import Connection, Database, create_tables
from engine.workspace.description import DESCRIPTION, Description
from engine.workspace.documents import DocumentStore
from engine.workspace.keys import WorkspaceKeys, protect, unlock
from engine.workspace.likeness import LikenessStore
from engine.workspace.lock import WorkspaceLock
from engine.workspace.migration import migrate
from engine.workspace.objects import ObjectStore
from engine.workspace.publishing import storage_errors
from engine.workspace.questions import QuestionStore
from engine.workspace.runs import RunStore
from engine.workspace.schema import SCHEMA
from engine.workspace.selection import Selection
from engine.workspace.vectors import VectorStore
from engine.workspace.verification import VerifyReport, verify

_DATABASE = "workspace.db"
_LOCK = "lock"
_OBJECTS = "objects"
_SCRATCH = "tmp"
REPORTS = "reports"  # the questions of a report, one file a run and split; in unprotected workspaces only
_BEING_MADE = "being-made"  # marks a folder in which `create` was at work
_DATABASE_FILES = (_DATABASE, f"{_DATABASE}-wal", f"{_DATABASE}-shm", f"{_DATABASE}-journal")
_OURS = (*_DATABASE_FILES, _OBJECTS, _SCRATCH, _LOCK)
_MEMORY = Path("/dev/shm")


def is_workspace(folder: Path) -> bool:
    """Whether a folder holds a workspace, of whatever version, open or not."""
    with suppress(OSError):  # what can't be looked into is not told to be one
        return (folder / DESCRIPTION).is_file() and (folder / _DATABASE).is_file()
    return False


def _now() -> datetime:
    return datetime.now(UTC)


class Workspace:
    """One matter or department: one folder, one key, one index, one lineage of models. Use from any thread."""

    def __init__(
        self,
        path: Path,
        description: Description,
        keys: WorkspaceKeys | None,
        lock: WorkspaceLock,
        clock: Callable[[], datetime],
    ) -> None:
        """Private: use `create` or `open`."""
        self.path = path
        self.id = description.id
        self.name = description.name
        self.schema = description.schema
        self.protected = keys is not None
        self._lock = lock
        self._database = Database(path / _DATABASE, keys.database if keys else None)
        self.audit = AuditLog(self._database, clock)
        self.objects = ObjectStore(path / _OBJECTS, self._database, keys.objects if keys else None)
        self.vectors = VectorStore(self._database, self.objects)
        self.answers = AnswerCache(self._database)
        self.runs = RunStore(self._database, self.objects, self.audit, self.reports_folder)
        self.documents = DocumentStore(self._database, self.objects, self.vectors, self.answers, self.runs, self.audit)
        self.likeness = LikenessStore(self._database)
        self.selection = Selection(self._database, self.answers)
        self.questions = QuestionStore(self._database, self.audit)
        self.amendments = AmendmentStore(self._database, self.audit, clock)

    @classmethod
    def create(
        cls, path: Path, *, name: str | None = None, passphrase: str | None = None, clock: Callable[[], datetime] = _now
    ) -> Self:
        """Make a workspace in a new or empty folder and open it; with a passphrase it is encrypted.

        Raises PassphraseError where the machine's settings ask for one, WorkspaceError when something is there
        already, StorageError when the disk refuses.
        """
        if machine_settings().require_passphrase and passphrase is None:
            raise PassphraseError(
                "On this machine every workspace needs a passphrase.", hint="Choose one: without it nothing is stored."
            )
        path = Path(path).absolute()
        identity = uuid.uuid4().hex
        protection, keys = protect(passphrase, workspace_id=identity) if passphrase is not None else (None, None)
        description = Description(
            SCHEMA, identity, name or path.name, clock().isoformat(timespec="seconds"), protection
        )
        with storage_errors(path):
            lock = _make(path, description, keys)
            with _released_on_failure(lock):
                workspace = cls(path, description, keys, lock, clock)
                workspace._begin("workspace created")
        return workspace

    @classmethod
    def open(cls, path: Path, *, passphrase: str | None = None, clock: Callable[[], datetime] = _now) -> Self:
        """Open a workspace: lock it, unlock its key, bring its schema up to date, tidy what a killed process left.

        Raises WorkspaceError when there is none, LockedError when it is open elsewhere, PassphraseError, SchemaError
        when it is newer than this program, DamagedError.
        """
        path = Path(path).absolute()
        with storage_errors(path):
            description = Description.load(path)
            lock = WorkspaceLock(path / _LOCK)
            with _released_on_failure(lock):
                keys = None
                if description.protection is not None:
                    keys = unlock(description.protection, passphrase, workspace_id=description.id)
                migrated = migrate(path / _DATABASE, keys.database if keys else None)
                if description.schema != SCHEMA:
                    description = description.with_schema(SCHEMA)
                    description.save(path)
                workspace = cls(path, description, keys, lock, clock)
                workspace._begin("workspace migrated" if migrated else "")
        return workspace

    def close(self) -> None:
        """Close all connections and let the next instance in. Doing it twice does no harm."""
        self._database.close()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def connection(self) -> Connection:
        """Return the calling thread's connection, rows as sqlite Row."""
        return self._database.connection()

    def transaction(self) -> AbstractContextManager[Connection]:
        """Yield the connection within one transaction; nested in another of the thread it is a part of that one."""
        return self._database.transaction()

    @property
    def index_version(self) -> int:
        """Counts the changes of documents and passages: what is derived from them is stale when it moved."""
        return int(self.setting("index_version") or 0)

    def setting(self, key: str) -> str | None:
        """Return a setting of this workspace, None when it was never set."""
        row = self.connection().execute("SELECT value FROM settings WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_setting(self, key: str, value: str) -> None:
        """Keep a setting of this workspace."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, value))

    @property
    def reports_folder(self) -> Path:
        """Where the questions of the reports lie, in an unprotected workspace."""
        return self.path / REPORTS

    def verify(self, monitor: Monitor, *, deep: bool) -> VerifyReport:
        """Check database and objects; `deep` reads every object."""
        return verify(
            monitor,
            database=self._database,
            objects=self.objects,
            audit=self.audit,
            protected=self.protected,
            deep=deep,
        )

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a private folder, gone afterwards; in memory for a protected workspace where the system has that."""
        with storage_errors(self.path):
            folder = Path(tempfile.mkdtemp(prefix=self._scratch_prefix, dir=self._scratch_parent()))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def _scratch_prefix(self) -> str:
        return f"vademecum-{self.id}-"

    def _scratch_parent(self) -> Path:
        if self.protected and _MEMORY.is_dir():
            return _MEMORY
        parent = self.path / _SCRATCH
        parent.mkdir(mode=0o700, exist_ok=True)
        return parent

    def _begin(self, action: str) -> None:
        """Tidy up, under the lock, before anybody works here."""
        try:
            for parent in (_MEMORY, self.path / _SCRATCH):
                for stale in parent.glob(f"{self._scratch_prefix}*"):
                    shutil.rmtree(stale, ignore_errors=True)
            for stale in (self.path / _BEING_MADE, *self.path.glob("staged-*")):
                stale.unlink(missing_ok=True)
            self.objects.sweep_staged()
            self.runs.interrupt_running()
            self.objects.sweep()
            if action:
                self.audit.record(action)
        except BaseException:
            self._database.close()
            raise


@contextmanager
def _released_on_failure(lock: WorkspaceLock) -> Iterator[None]:
    try:
        yield
    except BaseException:
        lock.release()
        raise


def _make(path: Path, description: Description, keys: WorkspaceKeys | None) -> WorkspaceLock:
    """Lay out an empty workspace and return its lock, held. workspace.json comes last: with it the folder is one."""
    _refuse_taken(path)
    existed = path.exists()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    (path / _BEING_MADE).touch(mode=0o600)
    lock = WorkspaceLock(path / _LOCK)
    with _released_on_failure(lock):
        _refuse_taken(path)  # another process may have made one in between
        try:
            _clear_half_made(path)
            create_tables(path / _DATABASE, keys.database if keys else None)
            (path / _OBJECTS).mkdir(mode=0o700)
            description.save(path)
        except BaseException:
            _clear_half_made(path)
            (path / _LOCK).unlink(missing_ok=True)
            (path / _BEING_MADE).unlink(missing_ok=True)
            if not existed:
                shutil.rmtree(path, ignore_errors=True)
            raise
    return lock


def _refuse_taken(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise WorkspaceError(f"{path} is a file, not a folder.", hint="Name a new or empty folder for the workspace.")
    if not path.is_dir():
        return
    names = {entry.name for entry in path.iterdir()}
    if DESCRIPTION in names:
        raise WorkspaceError(
            f"There is a workspace in {path} already.", hint="Open it, or name another folder for the new one."
        )
    foreign = {name for name in names if not name.startswith("staged-")} - {_BEING_MADE, *_OURS}
    if foreign or (names and _BEING_MADE not in names):
        raise WorkspaceError(f"{path} is not empty.", hint="Name a new or empty folder for the workspace.")


def _clear_half_made(path: Path) -> None:
    """Remove what an attempt to create left behind; the lock stays, it is held."""
    for folder in (_OBJECTS, _SCRATCH):
        shutil.rmtree(path / folder, ignore_errors=True)
    for file in (*_DATABASE_FILES, DESCRIPTION):
        (path / file).unlink(missing_ok=True)
