"""Documents into the workspace: what is known is left alone, what changed is replaced, the rest is split and stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from tokenizers import Tokenizer

from engine.documents.content import Content
from engine.documents.formats.corpus import BadRecord, Record, read_records, survey
from engine.documents.holdings import Holdings, Place, last_changed, title_at
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
    _held: Holdings = field(init=False)
    _dates: dict[str, str] = field(default_factory=dict)  # path → date of its file, where that may be another now
    _waiting: list[tuple[Document, str | bytes]] = field(default_factory=list)  # its original: object digest, or bytes
    _waiting_characters: int = 0
    _flushed: float = 0.0

    def __post_init__(self) -> None:
        self._held = Holdings(self.workspace)
        self._flushed = self.monitor.clock()

    def add_file(self, path: Path, problem: Callable[[str], None]) -> None:
        """Import a file as one document, and what is attached to a mail as documents of their own.

        Raises DocumentError when the file can't be read; `problem` is told of attachments that can't.
        """
        digest = _digest_of(path)
        if self._is_known(Place(str(path), digest, title=path.stem)):
            self.unchanged += len(self._held.parts.get(str(path), ()))
            return
        read = self._read(path)
        if read.digest != digest:
            raise _changed_meanwhile(path)
        original = self._original(path, digest) if read.original is None else read.original
        if read.content.attachments and isinstance(original, bytes):
            original = self.workspace.objects.publish(original)  # which all of them refer to
        self.add(self._file_document(read, str(path), title=path.stem, date=last_changed(path)), original=original)
        kept: set[str] = set()
        if isinstance(original, str):
            kept = self._add_attachments(path, read.content, (), problem, original=original)
        self._held.vanish_parts(str(path), but=kept)

    def _add_attachments(
        self,
        path: Path,
        content: Content,
        way: tuple[int, ...],
        problem: Callable[[str], None],
        *,
        original: str,
    ) -> set[str]:
        """Import what is attached to the mail that `way` leads to; return the paths of it all."""
        kept: set[str] = set()
        for number, name in enumerate(content.attachments[:_ATTACHMENTS_MAX] if len(way) < _DEPTH_MAX else ()):
            here = (*way, number)
            place = "".join(f"{step + 1}-" for step in here)
            source = f"{path}#{place}{name}"
            kept.add(source)  # also where it can't be read this time
            try:
                read = self._read(path, here)
            except DocumentError as error:
                problem(f"Attachment {name}: {error.message} {error.hint}")
                continue
            title = PurePath(name).stem
            if not self._is_known(Place(source, read.digest, title=title, original=original)):
                self.add(self._file_document(read, source, title=title, date=last_changed(path)), original=original)
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
            id=self._held.free_id((read.digest[:16],), source, read.digest),
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
        self._follow_records(path)
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
            place = _place_of(record, path)
            if place.path in seen and record.id:
                problem(f"Record {record.number:,}: another record has the id {record.id} already.")
                continue
            seen.add(place.path)
            if self._is_known(place):
                continue
            if not original and path.is_file():  # a datasets folder is several files; its records are what is kept
                original = self.workspace.objects.publish(_chunks(path))
            group = record.title if record.title in surveyed.shared_titles else ""
            self.add(self._record_document(record, place, path, group=group), original=original)
        if whole:  # else one that can't be read may be one that was there before
            self._held.vanish_parts(str(path), but=seen)
        self.monitor.progress(stage, surveyed.records, surveyed.records)

    def _follow_records(self, path: Path) -> None:
        """Let documents follow their records to new ids, before a new record takes the id of one: files number them."""
        if not self._held.parts.get(str(path)):
            return
        places: dict[str, Place] = {}
        check = self.monitor.still_at(f"Comparing {path.name}")
        for record in read_records(path):
            check()
            if isinstance(record, Record):
                place = _place_of(record, path)
                places.setdefault(place.path, place)
        moves = self._held.moved_within(path, places)
        if moves:
            self.flush()
            self._held.move(moves)

    def add_context(self, text: str, *, title: str, group: str, source: Path) -> Document | None:
        """Import a context that a question file brings along as a small document. None when its content is known."""
        digest = hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()
        path = f"{source}#context-{digest[:16]}"
        if self._held.holds(digest) or digest in self._held.contexts:
            self.unchanged += 1
            return None
        document = Document(
            id=self._held.free_id((digest[:16],), path, digest),
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
        if document.path in self._held.paths:
            self.replaced += 1
            place = self._held.give_up(document.path)
            if place is not None:
                self._keep_copy(document.path, place)
        else:
            self.added += 1
        self._held.put(document)
        self._waiting.append((document, original))
        self._waiting_characters += len(document.text)
        full = len(self._waiting) >= _BATCH_DOCUMENTS or self._waiting_characters >= _BATCH_CHARACTERS
        if full or self.monitor.clock() - self._flushed >= _BATCH_S:
            self.flush()

    def _keep_copy(self, path: str, place: Place) -> None:
        """Store what is at `path` where else it was met, before another content replaces it."""
        self.flush()
        documents = self.workspace.documents
        old = documents.get(self._held.paths[path][0])
        pages = (documents.scanned_page(old.id, number + 1) for number in range(len(old.page_starts)))
        copy = replace(
            old,
            id=self._held.free_id(place.ids or (old.digest[:16],), place.path, old.digest),
            path=place.path,
            title=title_at(place, path, old.title),
            date=last_changed(self._held.file_of(place.path)),
            scanned=tuple(page for page in pages if page is not None),
        )
        if place.path in self._held.paths:
            self.replaced -= 1  # as it was counted when it was met
        else:
            self.unchanged -= 1
        self.add(copy, original=self._original_at(place, path) or documents.original(old.id))

    def _original_at(self, place: Place, path: str) -> str:
        """The object digest of the file at `place`, for what was attached to a mail at `path`; "" as before."""
        if place.original or not place.title or self._held.file_of(path) == Path(path):
            return place.original
        with suppress(DocumentError):  # it changed meanwhile: the next import replaces it
            return self.workspace.objects.publish(_chunks(Path(place.path), place.digest))
        return ""

    def redate(self, path: Path) -> None:
        """Give what came from this file its date with the next batch: a file that was only touched adds nothing."""
        self._dates |= dict.fromkeys((str(path), *self._held.parts.get(str(path), ())), last_changed(path))

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

    def vanish_missing(self, folders: Sequence[Path]) -> None:
        """Have `settle` remove the documents whose file was in one of `folders` and is no longer there."""
        self._held.vanish(self._held.missing(folders))

    def settle(self) -> None:
        """Store what waits; when all files are read, let documents go where their content went, or go."""
        self.flush()
        moves = {
            path: replace(place, original=self._original_at(place, path)) for path, place in self._held.moved().items()
        }
        self.removed += self._held.settle(moves)

    def _is_known(self, place: Place) -> bool:
        """Whether this content is in the workspace, here or elsewhere; `settle` knows where it belongs."""
        if self._held.has(place):
            self.unchanged += 1
            return True
        if not self._held.holds(place.digest):
            return False
        if place.path in self._held.paths:
            self.replaced += 1
        else:
            self.unchanged += 1
        self.unchanged += self._held.meet(place)
        return True

    def _record_document(self, record: Record, place: Place, path: Path, *, group: str) -> Document:
        return Document(
            id=self._held.free_id(place.ids, place.path, record.digest),
            title=record.title,
            path=place.path,
            digest=record.digest,
            kind="record",
            text=record.text,
            group=group,
            date=last_changed(path),
        )


def _nowhere(done: int, total: int) -> None:
    pass


def _place_of(record: Record, path: Path) -> Place:
    name = record.id or record.digest[:16]
    return Place(f"{path}#{name}", record.digest, ids=(name, f"{path.stem}/{name}"))


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
