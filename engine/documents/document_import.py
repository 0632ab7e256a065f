"""Documents into the workspace: what is known is left alone, what changed is replaced, the rest is split and stored."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from tokenizers import Tokenizer

from engine.documents.content import Content
from engine.documents.formats.corpus import BadRecord, Record, read_records, survey
from engine.documents.language import recognise
from engine.documents.reader import Reader, ReadFile
from engine.documents.sketch import sketch
from engine.documents.splitter import split_many
from engine.errors import DocumentError
from engine.jobs import STILL_EVERY_S, Monitor
from engine.records import Document
from engine.workspace.workspace import Workspace

_BATCH_DOCUMENTS = 500
_BATCH_CHARACTERS = 500_000
_BATCH_S = 1.0  # what a kill may cost of files already read
_CHUNK_BYTES = 1 << 20
_SMALL_BYTES = 1 << 20  # originals up to this size wait in memory and are published together
_PUBLISHED_AT_ONCE = 16  # the disk makes many files durable in little more time than one
_ATTACHMENTS_MAX = 200  # of one mail
_DEPTH_MAX = 4  # mails within mails


@dataclass(slots=True)
class DocumentImport:
    """Adds documents to a workspace in batches. `flush` stores what waits."""

    workspace: Workspace
    tokenizer: Tokenizer
    monitor: Monitor
    reader: Reader
    added: int = 0
    unchanged: int = 0
    replaced: int = 0
    removed: int = 0  # records and attachments that are no longer in their file
    _paths: dict[str, tuple[str, str]] = field(default_factory=dict)  # path → document id and digest
    _digests: dict[str, str] = field(default_factory=dict)  # digest → document id
    _owners: dict[str, str] = field(default_factory=dict)  # document id → path
    _parts: dict[str, set[str]] = field(default_factory=dict)  # file → paths of its records or attachments
    _dates: dict[str, str] = field(default_factory=dict)  # path → date of its file, where that may be another now
    _waiting: list[tuple[Document, str | bytes]] = field(default_factory=list)  # its original: object digest, or bytes
    _waiting_characters: int = 0
    _flushed: float = 0.0

    def __post_init__(self) -> None:
        self._paths = self.workspace.documents.paths()
        self._digests = self.workspace.documents.ids_by_digest()
        self._owners = {document_id: path for path, (document_id, _) in self._paths.items()}
        for path in self._paths:
            self._note_part(path)
        self._flushed = self.monitor.clock()

    def add_file(self, path: Path, problem: Callable[[str], None]) -> None:
        """Import a file as one document, and what is attached to a mail as documents of their own.

        Raises DocumentError when the file can't be read; `problem` is told of attachments that can't.
        """
        digest = _digest_of(path)
        if self._is_known(str(path), digest):
            self.unchanged += len(self._parts.get(str(path), ()))
            return
        read = self._read(path)
        if read.digest != digest:
            raise _changed_meanwhile(path)
        original = self._original(path, digest) if read.original is None else read.original
        if read.content.attachments and isinstance(original, bytes):
            original = self.workspace.objects.publish(original)  # which all of them refer to
        self.add(self._file_document(read, str(path), title=path.stem, date=last_changed(path)), original=original)
        kept = self._add_attachments(path, read.content, (), problem, original=original)
        self._remove_parts(path, kept)

    def _add_attachments(
        self,
        path: Path,
        content: Content,
        way: tuple[int, ...],
        problem: Callable[[str], None],
        *,
        original: str | bytes,
    ) -> set[str]:
        """Import what is attached to the mail that `way` leads to; return the paths of what could be read."""
        kept: set[str] = set()
        for number, name in enumerate(content.attachments[:_ATTACHMENTS_MAX] if len(way) < _DEPTH_MAX else ()):
            here = (*way, number)
            place = "".join(f"{step + 1}-" for step in here)
            source = f"{path}#{place}{name}"
            try:
                read = self._read(path, here)
            except DocumentError as error:
                problem(f"Attachment {name}: {error.message} {error.hint}")
                continue
            kept.add(source)
            if not self._is_known(source, read.digest):
                self.add(
                    self._file_document(read, source, title=PurePath(name).stem, date=last_changed(path)),
                    original=original,
                )
            kept |= self._add_attachments(path, read.content, here, problem, original=original)
        return kept

    def _read(self, path: Path, attachment: tuple[int, ...] = ()) -> ReadFile:
        told_s = self.monitor.clock()
        reached: tuple[int, int | None] = (0, None)

        def progress(done: int, total: int | None) -> None:
            nonlocal told_s, reached
            told_s, reached = self.monitor.clock(), (done, total)
            self.monitor.progress(f"Reading {path.name}", done, total)

        def check() -> None:
            self.monitor.check()
            if self.monitor.clock() - told_s >= STILL_EVERY_S:
                progress(*reached)  # a reader that says nothing for a while is still at it

        return self.reader.read(path, attachment=attachment, check=check, progress=progress)

    def _file_document(self, read: ReadFile, source: str, *, title: str, date: str) -> Document:
        content = read.content
        return Document(
            id=self._free_id(read.digest[:16], source, read.digest),
            title=content.title or title,
            path=source,
            digest=read.digest,
            kind=content.kind,
            text=content.text,
            page_starts=content.page_starts,
            headings=content.headings,
            furniture=content.furniture,
            notes=content.notes,
            confidence=content.confidence,
            scanned=content.scanned,
            date=date,
        )

    def add_corpus(self, path: Path, problem: Callable[[str], None]) -> None:
        """Import each record of a corpus as a document; tell `problem` of bad ones. Raises DocumentError."""
        surveyed = survey(path)
        original = ""
        seen: set[str] = set()
        whole = True
        stage = f"Importing {path.name}"
        for done, record in enumerate(read_records(path)):
            if done % _BATCH_DOCUMENTS == 0:
                self.monitor.progress(stage, done, surveyed.records)
            if isinstance(record, BadRecord):
                problem(f"Record {record.number:,}: {record.reason}.")
                whole = False
                continue
            source = f"{path}#{record.id or record.digest[:16]}"
            if source in seen and record.id:
                problem(f"Record {record.number:,}: another record has the id {record.id} already.")
                continue
            seen.add(source)
            if self._is_known(source, record.digest):
                continue
            if not original and path.is_file():  # a datasets folder is several files; its records are what is kept
                original = self.workspace.objects.publish(_chunks(path))
            group = record.title if record.title in surveyed.shared_titles else ""
            self.add(self._record_document(record, source, path, group=group), original=original)
        if whole:  # else one that can't be read may be one that was there before
            self._remove_parts(path, seen)
        self.monitor.progress(stage, surveyed.records, surveyed.records)

    def add_context(self, text: str, *, title: str, group: str, source: Path) -> Document | None:
        """Import a context that a question file brings along as a small document. None when its content is known."""
        digest = hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()
        path = f"{source}#context-{digest[:16]}"
        if self._is_known(path, digest):
            return None
        document = Document(
            id=self._free_id(digest[:16], path, digest),
            title=title or _first_words(text),
            path=path,
            digest=digest,
            kind="context",
            text=text,
            group=group,
            date=last_changed(source),
        )
        self.add(document, original="")
        return document

    def _original(self, path: Path, digest: str) -> str | bytes:
        """The file as it was read: its bytes when they are few, else published and named by digest."""
        if path.stat().st_size > _SMALL_BYTES:
            return self.workspace.objects.publish(_chunks(path, digest))
        return b"".join(_chunks(path, digest))

    def add(self, document: Document, *, original: str | bytes) -> None:
        """Take a document in; it is stored with its batch."""
        if document.path in self._paths:
            self.replaced += 1
        else:
            self.added += 1
        self._paths[document.path] = (document.id, document.digest)
        self._digests.setdefault(document.digest, document.id)
        self._owners[document.id] = document.path
        self._note_part(document.path)
        self._waiting.append((document, original))
        self._waiting_characters += len(document.text)
        full = len(self._waiting) >= _BATCH_DOCUMENTS or self._waiting_characters >= _BATCH_CHARACTERS
        if full or self.monitor.clock() - self._flushed >= _BATCH_S:
            self.flush()

    def redate(self, path: Path) -> None:
        """Give what came from this file its date with the next batch: a file that was only touched adds nothing."""
        self._dates |= dict.fromkeys((str(path), *self._parts.get(str(path), ())), last_changed(path))

    def flush(self, *, quietly: bool = False) -> None:
        """Split and store what waits, in one transaction; `quietly` after a cancel, which reports would repeat."""
        waiting, self._waiting, self._waiting_characters = self._waiting, [], 0
        if waiting:
            split_told, stored_told = (
                (_nowhere, _nowhere) if quietly else (self._told("Splitting"), self._told("Storing"))
            )
            described = [replace(document, language=recognise(document.text)) for document, _ in waiting]
            passages = split_many(described, self.tokenizer, progress=split_told)
            originals = self._published([original for _, original in waiting])
            with self.workspace.transaction():
                self.workspace.documents.add_many(
                    zip(described, passages, originals, strict=True), progress=stored_told
                )
                sketches = (
                    (document.id, sketch(document.text)) for document in described if document.kind != "context"
                )
                self.workspace.likeness.add_many(item for item in sketches if item[1])
        dates, self._dates = self._dates, {}
        if dates:
            self.workspace.selection.redate(dates)
        self._flushed = self.monitor.clock()

    def _told(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self.monitor.progress(stage, done, total)

    def _published(self, originals: list[str | bytes]) -> list[str]:
        """Publish those that are still bytes, many at a time: it is the wait for the disk that takes long."""

        def publish(original: str | bytes) -> str:
            return self.workspace.objects.publish(original) if isinstance(original, bytes) else original

        with ThreadPoolExecutor(_PUBLISHED_AT_ONCE, thread_name_prefix="publish") as pool:
            return list(pool.map(publish, originals))

    def _note_part(self, path: str) -> None:
        file, part, _ = path.partition("#")
        if part:
            self._parts.setdefault(file, set()).add(path)

    def _remove_parts(self, file: Path, kept: set[str]) -> None:
        """Remove the records or attachments of `file` that are not there any more."""
        gone = {path for path in self._parts.get(str(file), set()) - kept if not Path(path).exists()}
        if not gone:
            return
        self.flush()
        self.workspace.documents.remove([self._paths[path][0] for path in sorted(gone)])
        for path in gone:
            del self._owners[self._paths.pop(path)[0]]
        self._parts[str(file)] -= gone
        self._digests = self.workspace.documents.ids_by_digest()
        self.removed += len(gone)

    def remove_missing(self, folders: Sequence[Path]) -> None:
        """Remove the documents whose file was in one of `folders` and is no longer there."""
        files = {file for path in self._paths if (file := self._file_of(path)).is_absolute()}
        gone = {file for file in files if any(file.is_relative_to(one) for one in folders) and _is_gone(file)}
        paths = [path for path in self._paths if self._file_of(path) in gone]
        if not paths:
            return
        self.flush()
        self.workspace.documents.remove([self._paths[path][0] for path in paths])
        for path in paths:
            del self._owners[self._paths.pop(path)[0]]
        for file in gone:
            self._parts.pop(str(file), None)
        self._digests = self.workspace.documents.ids_by_digest()
        self.removed += len(paths)

    def _file_of(self, path: str) -> Path:
        """The file a document came from: that of the mail or corpus it was in."""
        file, part, _ = path.partition("#")
        return Path(file) if part and path in self._parts.get(file, ()) and not Path(path).exists() else Path(path)

    def _is_known(self, path: str, digest: str) -> bool:
        """Whether this content is in the workspace. What was at `path` before gives way."""
        held = self._paths.get(path)
        if held is not None and held[1] == digest:
            self.unchanged += 1
            return True
        if digest not in self._digests:
            return False
        if held is None:
            self.unchanged += 1
            return True
        self.flush()
        self.workspace.documents.remove([held[0]])
        del self._paths[path], self._owners[held[0]]
        self._digests = self.workspace.documents.ids_by_digest()
        self.replaced += 1
        return True

    def _free_id(self, wanted: str, path: str, digest: str) -> str:
        taken = self._owners.get(wanted, path)
        return wanted if taken == path else f"{wanted}-{hashlib.sha256(f'{path}{digest}'.encode()).hexdigest()[:8]}"

    def _record_document(self, record: Record, source: str, path: Path, *, group: str) -> Document:
        wanted = record.id or record.digest[:16]
        if self._owners.get(wanted, source) != source:
            wanted = f"{path.stem}/{wanted}"
        return Document(
            id=self._free_id(wanted, source, record.digest),
            title=record.title,
            path=source,
            digest=record.digest,
            kind="record",
            text=record.text,
            group=group,
            date=last_changed(path),
        )


def _nowhere(done: int, total: int) -> None:
    pass


def _is_gone(file: Path) -> bool:
    """Whether a file is surely no longer there: one that can't be looked at may be."""
    try:
        return not file.exists()
    except OSError:
        return False


def last_changed(path: Path) -> str:
    """Return the ISO date a file was last changed on, in local time; "" when it is gone or its clock was wrong."""
    try:
        return datetime.date.fromtimestamp(path.stat().st_mtime).isoformat()
    except (OSError, ValueError, OverflowError):
        return ""


def _first_words(text: str) -> str:
    """A title for what has none: how it begins. Its first passage is not indexed with it twice."""
    line = text.strip().split("\n", 1)[0][:80]
    return line if len(line) < 80 else line.rsplit(" ", 1)[0]


def _digest_of(path: Path) -> str:
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path, digest: str = "") -> Iterator[bytes]:
    """Yield the file's bytes. Raises DocumentError when it can't be read or hasn't the `digest` given."""
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                found.update(chunk)
                yield chunk
    except OSError as error:
        raise DocumentError(
            f"{path.name} can't be read: {error.strerror or error}.",
            hint="Check that it is still there and that you may read it, then import it again.",
        ) from error
    if digest and found.hexdigest() != digest:
        raise _changed_meanwhile(path)


def _changed_meanwhile(path: Path) -> DocumentError:
    return DocumentError(
        f"{path.name} changed while it was being read.", hint="Import it again when nothing writes to it."
    )
