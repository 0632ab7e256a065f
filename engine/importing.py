"""The one way in: files and folders become documents and questions, each bad one a line with its reason."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.errors import Cancelled, DocumentError, PasswordError, QuestionError
from engine.jobs import Monitor, Skipped
from engine.questions.columns import ColumnMap, Preview, UnmappedError
from engine.questions.problems import QuestionProblem
from engine.questions.shares import Shares
from engine.workspace.scope import stored_path

if TYPE_CHECKING:
    from engine.questions.reader import QuestionReader
    from engine.session import Session

ImportKind = Literal["auto", "documents", "questions", "passages"]

_ENCODER = "all-MiniLM-L6-v2"  # whose tokenizer measures passages, whichever model embeds them later
_PROBLEMS_SHOWN_MAX = 20  # of one file
_PEEKED_RECORDS = 100
_PASSING = (".", "~$")  # hidden files, and what office programs lay beside an open document


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    documents_added: int
    documents_unchanged: int
    documents_replaced: int
    passages: int  # in the workspace now
    questions_added: int
    questions_unchanged: int
    questions_with_evidence: int  # of those in these files
    skipped: tuple[Skipped, ...]
    seconds: float
    documents_removed: int = 0  # records and attachments no longer in their file; if asked for, files that are gone
    questions_without_evidence: int = 0  # of those in these files that have an answer: not trained on
    questions_to_check: int = 0  # of those in these files whose evidence was found by likeness only
    problems: tuple[QuestionProblem, ...] = ()  # of the question files, in the order of their lines
    problem_counts: dict[str, int] = field(default_factory=dict)  # by kind, those beyond the list among them
    unmapped: tuple[Preview, ...] = ()  # question files whose columns nobody has named yet
    unreached: tuple[Skipped, ...] = ()  # of those skipped: what no list keeps, as a path that is not there


@dataclass(frozen=True, slots=True)
class ImportFiles:
    """Import files and folders, documents before questions. Safe to repeat: what is there already is left alone."""

    paths: tuple[str, ...]
    kind: ImportKind = "auto"
    passwords: tuple[str, ...] = field(default=(), repr=False)  # tried on each file that asks for one; kept nowhere
    columns: ColumnMap | None = None  # of the question files; remembered for others with the same columns
    shares: Shares | None = None  # how questions without a split are divided from now on
    remove_missing: bool = False  # whether documents go whose file in one of the folders is no longer there

    def run(self, session: Session, monitor: Monitor) -> ImportReport:
        """Return what was imported and what was not. Cancelled, it keeps what was read so far."""
        # Late, because the window makes this job without loading tokenizer and database.
        from engine.documents.document_import import DocumentImport
        from engine.documents.reader import Reader
        from engine.questions.question_import import QuestionImport
        from engine.questions.shares import kept_shares
        from engine.questions.split import split_of_file

        began = monitor.clock()
        workspace = session.workspace
        problems = _Problems(session, monitor)
        paths = [Path(stored_path(path)) for path in self.paths]
        files = list(_files(paths, problems, self.kind))
        unreached = tuple(problems.all)
        with Reader(passwords=self.passwords) as reader:
            documents = DocumentImport(
                workspace=workspace, tokenizer=session.library.tokenizer(_ENCODER), monitor=monitor, reader=reader
            )
            questions = QuestionImport(
                workspace=workspace,
                documents=documents,
                monitor=monitor,
                columns=self.columns,
                shares=kept_shares(workspace, self.shares),
            )
            question_files: list[Path] = []
            try:
                for path in monitor.track(files, "Reading documents"):
                    with problems.of(path):
                        match _destination(path, self.kind, questions.reader):
                            case "questions":
                                question_files.append(path)
                            case "corpus":
                                documents.add_corpus(path, problems.note)
                            case "document":
                                documents.add_file(path, problems.note)
                        documents.redate(path)
                if self.remove_missing:
                    documents.vanish_missing([path for path in paths if _is_folder(path)])
                documents.settle()
                # Files that name their split come first: the same question elsewhere must not be drawn into another.
                question_files.sort(key=lambda path: split_of_file(str(path)) is None)
                for path in monitor.track(question_files, "Reading questions"):
                    with problems.of(path):
                        for problem in questions.add_file(path):
                            if problem.left_out and problem.kind != "duplicate":
                                problems.note(f"{problem.place[:1].upper()}{problem.place[1:]}: {problem.reason}")
                documents.flush()
                questions.remove_unused()
            except Cancelled:
                documents.flush(quietly=True)  # what was read is kept
                questions.remove_unused()
                raise
        questions.problems.sort()
        return ImportReport(
            documents_added=documents.added,
            documents_unchanged=documents.unchanged,
            documents_replaced=documents.replaced,
            passages=workspace.documents.passage_count(),
            questions_added=questions.added,
            questions_unchanged=questions.unchanged,
            questions_with_evidence=questions.with_evidence,
            skipped=tuple(problems.all),
            seconds=monitor.clock() - began,
            documents_removed=documents.removed,
            questions_without_evidence=questions.without_evidence,
            questions_to_check=questions.to_check,
            problems=tuple(questions.problems.found),
            problem_counts=dict(questions.problems.counts),
            unmapped=tuple(problems.unmapped),
            unreached=unreached,
        )


@dataclass(slots=True)
class _Problems:
    """Collects what was left out and why, file by file, and keeps it in the workspace's list."""

    session: Session
    monitor: Monitor
    all: list[Skipped] = field(default_factory=list)
    unmapped: list[Preview] = field(default_factory=list)
    _path: str = ""
    _reasons: list[str] = field(default_factory=list)
    _wants: Literal["", "password"] = ""
    _more: int = 0
    _listed: set[str] | None = None

    def of(self, path: Path) -> _Problems:
        """The context in which one file is read: its failure is noted, and the next file goes on."""
        self._path, self._reasons, self._more, self._wants = str(path), [], 0, ""
        return self

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        expected = isinstance(error, DocumentError | QuestionError)
        if expected:
            self._wants = "password" if isinstance(error, PasswordError) else ""
            if isinstance(error, UnmappedError):
                self.unmapped.append(error.preview)
            self.note(f"{error.message} {error.hint}".strip())  # type: ignore[union-attr]  # one of the two
        if error is None or expected:
            self._close()
        return expected

    def note(self, reason: str) -> None:
        """Note a problem of the file at hand; beyond a screenful they are only counted."""
        if len(self._reasons) >= _PROBLEMS_SHOWN_MAX:
            self._more += 1
            return
        self._reasons.append(reason)
        self.skip(self._path, reason, wants=self._wants)

    def skip(self, item: str, reason: str, *, wants: Literal["", "password"] = "") -> None:
        """Report something left out."""
        skipped = Skipped(_shown(item), reason, wants)
        self.all.append(skipped)
        self.monitor.report(skipped)

    def _close(self) -> None:
        """Bring the workspace's list of failed files up to date."""
        if self._more:
            self.skip(self._path, f"And {self._more:,} more records with problems.")
        documents = self.session.workspace.documents
        if self._listed is None:
            self._listed = {skipped.item for skipped in documents.skipped()}
        if self._reasons:
            documents.note_skipped(Skipped(self._path, " ".join(self._reasons[:3]), self._wants))
            self._listed.add(self._path)
        elif self._path in self._listed:
            documents.clear_skipped(self._path)


def _files(paths: Sequence[Path], problems: _Problems, kind: ImportKind) -> Iterator[Path]:
    """Yield the files to import, each once. What can't be reached is a line, and the next path goes on."""
    seen: set[Path] = set()
    for path in paths:
        try:
            found = _found(path, problems, kind)
        except OSError as error:
            found = []
            problems.skip(str(path), _unreadable(error))
        for file in found:
            if file in seen:
                continue
            seen.add(file)
            if _shown(str(file)) == str(file):
                yield file
            else:
                problems.skip(str(file), "The file's name is not valid text. Give it another name and import it again.")


def _found(path: Path, problems: _Problems, kind: ImportKind) -> list[Path]:
    """Return the files at one path; those of folders sorted, hidden ones left out.

    A folder that Dataset.save_to_disk wrote is one thing to import where passages are asked for.
    """
    from engine.documents.formats.passages import is_passage_folder

    if kind == "passages" and is_passage_folder(path):
        return [path]
    if path.is_file():
        return [path]
    if path.is_dir():
        known = len(problems.all)
        found = list(_walk(path, problems))
        if not found and len(problems.all) == known:
            problems.skip(str(path), f"The folder {path.name} has no files in it. Put some there, or name another.")
        return found
    reason = f"{path.name} is not a file or folder." if path.exists() else f"There is no file or folder {path}."
    problems.skip(str(path), f"{reason} Check the name and import it again.")
    return []


def _walk(folder: Path, problems: _Problems) -> Iterator[Path]:
    """Yield the files of a folder. What can't be read is a line.

    So is a workspace in it, and a link that leads out of it: one matter stays one.
    """
    from engine.workspace.workspace import is_workspace

    def skip(error: OSError) -> None:
        problems.skip(str(error.filename), _unreadable(error))

    root = Path(os.path.realpath(folder))
    inside = any(is_workspace(above) for above in folder.parents)
    for where, folders, files in os.walk(folder, onerror=skip):
        if inside or is_workspace(Path(where)):
            folders.clear()
            problems.skip(
                where, "It belongs to a workspace, which is not imported. Name the folder its documents came from."
            )
            continue
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted([*folders, *(name for name in files if not name.startswith(_PASSING))]):
            file = Path(where, name)
            try:
                if file.is_symlink() and not Path(os.path.realpath(file)).is_relative_to(root):
                    problems.skip(
                        str(file),
                        "It is a link that leads out of the folder, and is not followed. "
                        "If what it leads to belongs here, import that itself.",
                    )
                elif file.is_file():
                    yield file
            except OSError as error:
                skip(error)


def _is_folder(path: Path) -> bool:
    with suppress(OSError):  # it is a line already
        return path.is_dir()
    return False


def _unreadable(error: OSError) -> str:
    return f"It can't be read: {error.strerror}. Check that you may read it, and import it again."


def _shown(path: str) -> str:
    """The path as text, whatever bytes its name is made of."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def _destination(path: Path, kind: ImportKind, reader: QuestionReader) -> Literal["document", "corpus", "questions"]:
    """Where the file goes, by its content and what the person said. Raises DocumentError or QuestionError."""
    if kind == "passages":
        return "corpus"
    from engine.documents.detection import is_data, read_head
    from engine.questions.reader import QUESTION_SUFFIXES

    head = read_head(path)
    if kind == "questions":
        if path.suffix.lower() in QUESTION_SUFFIXES and head.strip():
            return "questions"
        raise QuestionError(
            f"{path.name} is {'empty' if not head.strip() else 'not a question file'}.",
            hint="Questions are JSON, JSONL, CSV, TSV, XLSX or Parquet files.",
        )
    if kind == "auto" and reader.chosen is not None and path.suffix.lower() in QUESTION_SUFFIXES:
        return "questions"
    if is_data(path, head) == "json":
        return _json_destination(path, kind, reader)
    if kind == "auto" and _may_be_questions(path, head) and _has_questions(path, reader):
        return "questions"
    return "document"


def _may_be_questions(path: Path, head: bytes) -> bool:
    """Whether the file is a table, which holds questions or is a document, as its columns say."""
    from engine.documents.detection import is_data

    marks = {".xlsx": b"PK", ".parquet": b"PAR1"}
    mark = marks.get(path.suffix.lower())
    return is_data(path, head) == "table" if mark is None else head.startswith(mark)


def _has_questions(path: Path, reader: QuestionReader) -> bool:
    try:
        return reader.holds_questions(path)
    except (QuestionError, DocumentError):
        return False  # the reader of documents says what is wrong with it


def _json_destination(path: Path, kind: ImportKind, reader: QuestionReader) -> Literal["corpus", "questions"]:
    """A record with a question is one of a question file, whatever else it has; else one with a text is a document."""
    from engine.documents.formats.corpus import holds_document
    from engine.documents.json_values import read_values
    from engine.questions.raw import has_question

    fields: list[str] = []
    broken = ""
    for value in read_values(path):
        record = value.record
        if record is None:
            broken = broken or f"record {value.number}: {value.problem}"
        elif kind == "auto" and (
            has_question(record) or isinstance(record.get("paragraphs"), list) or reader.knows(record)
        ):
            return "questions"
        elif holds_document(record):
            return "corpus"
        else:
            fields = fields or list(record)
        if value.number >= _PEEKED_RECORDS:
            break
    found = f"fields found: {', '.join(fields[:12])}" if fields else broken or "it has no records"
    needed = {
        "documents": "Document records need `text`, and should have `id` and `title`.",
        "auto": "Question records need `question` with `answer` or `context` (files with other columns are imported "
        "as questions, saying which is what); document records need `text`.",
    }
    raise DocumentError(f"{path.name} has neither questions nor documents in it ({found}).", hint=needed[kind])
