"""Small jobs that read and change a workspace: what the lists, the status and the command line ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from engine.errors import RunError
from engine.jobs import Measured, Monitor, Skipped
from engine.records import Document, Passage, Question, Run, Split
from engine.workspace.documents import DocumentRow, RemovalReport
from engine.workspace.runs import BASE
from engine.workspace.verification import VerifyReport

if TYPE_CHECKING:
    from engine.session import Session


_WATCHED = "watched_folders"


@dataclass(frozen=True, slots=True)
class DocumentList:
    """The documents, and the files that could not be read."""

    documents: tuple[DocumentRow, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class RunList:
    """The runs, oldest first, and the one that answers."""

    runs: tuple[Run, ...]
    active: str


@dataclass(frozen=True, slots=True)
class Promotion:
    """Which run answers now, and which one did before."""

    active: str
    previous: str


@dataclass(frozen=True, slots=True)
class Status:
    """A workspace at a glance."""

    name: str
    id: str
    schema: int
    protected: bool
    documents: int
    passages: int
    questions: dict[Split, int]
    with_evidence: int
    runs: tuple[Run, ...]
    active: str
    index_version: int


@dataclass(frozen=True, slots=True)
class ListDocuments:
    """List the documents."""

    def run(self, session: Session, monitor: Monitor) -> DocumentList:
        """Return a line for each document and each skipped file."""
        documents = session.workspace.documents
        return DocumentList(documents.list(), documents.skipped())


@dataclass(frozen=True, slots=True)
class ReadDocument:
    """Read one document with its text."""

    document_id: str

    def run(self, session: Session, monitor: Monitor) -> Document:
        """Return the document. Raises DocumentError when there is none of this id."""
        return session.workspace.documents.get(self.document_id)


@dataclass(frozen=True, slots=True)
class ListPassages:
    """List the passages of one document."""

    document_id: str

    def run(self, session: Session, monitor: Monitor) -> tuple[Passage, ...]:
        """Return the passages in the order of the text."""
        return session.workspace.documents.passages(self.document_id)


@dataclass(frozen=True, slots=True)
class RemoveDocuments:
    """Remove documents and everything derived from them."""

    document_ids: tuple[str, ...]

    def run(self, session: Session, monitor: Monitor) -> RemovalReport:
        """Return what went. Raises DocumentError when one is not there."""
        monitor.check()
        return session.workspace.documents.remove(self.document_ids)


@dataclass(frozen=True, slots=True)
class DismissSkipped:
    """Take files that could not be read off the list. The files stay where they are."""

    paths: tuple[str, ...]

    def run(self, session: Session, monitor: Monitor) -> DocumentList:
        """Return the list without them."""
        for path in self.paths:
            session.workspace.documents.clear_skipped(path)
        return ListDocuments().run(session, monitor)


@dataclass(frozen=True, slots=True)
class ReadWatchedFolders:
    """Read which folders the window keeps up with."""

    def run(self, session: Session, monitor: Monitor) -> tuple[str, ...]:
        """Return their paths."""
        return tuple(msgspec.json.decode(session.workspace.setting(_WATCHED) or "[]", type=list[str]))


@dataclass(frozen=True, slots=True)
class KeepWatchedFolders:
    """Remember which folders the window keeps up with."""

    folders: tuple[str, ...]

    def run(self, session: Session, monitor: Monitor) -> None:
        """Store their paths."""
        session.workspace.set_setting(_WATCHED, msgspec.json.encode(self.folders).decode("utf-8"))


@dataclass(frozen=True, slots=True)
class TagDocuments:
    """Give documents tags, and take others from them."""

    document_ids: tuple[str, ...]
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()

    def run(self, session: Session, monitor: Monitor) -> DocumentList:
        """Return the documents with their tags. Raises DocumentError when one is not there."""
        session.workspace.selection.tag(self.document_ids, add=self.add, remove=self.remove)
        return ListDocuments().run(session, monitor)


@dataclass(frozen=True, slots=True)
class ListQuestions:
    """List the questions."""

    def run(self, session: Session, monitor: Monitor) -> tuple[Question, ...]:
        """Return all questions in the order of import, those a person excluded among them."""
        return session.workspace.questions.every()


@dataclass(frozen=True, slots=True)
class ReadStatus:
    """Read the counts of a workspace."""

    def run(self, session: Session, monitor: Monitor) -> Status:
        """Return the workspace at a glance."""
        workspace = session.workspace
        count = workspace.connection().execute("SELECT count(*) FROM documents").fetchone()[0]
        return Status(
            name=workspace.name,
            id=workspace.id,
            schema=workspace.schema,
            protected=workspace.protected,
            documents=int(count),
            passages=workspace.documents.passage_count(),
            questions=workspace.questions.counts(),
            with_evidence=workspace.questions.with_evidence_count(),
            runs=workspace.runs.list(),
            active=workspace.runs.active,
            index_version=workspace.index_version,
        )


@dataclass(frozen=True, slots=True)
class ListRuns:
    """List the runs."""

    def run(self, session: Session, monitor: Monitor) -> RunList:
        """Return the runs, oldest first."""
        runs = session.workspace.runs
        return RunList(runs.list(), runs.active)


@dataclass(frozen=True, slots=True)
class ReadPoints:
    """Read the curves of a run."""

    run_name: str

    def run(self, session: Session, monitor: Monitor) -> tuple[Measured, ...]:
        """Return the points in the order they were measured."""
        return session.workspace.runs.points(self.run_name)


@dataclass(frozen=True, slots=True)
class Promote:
    """Let a run answer."""

    run_name: str

    def run(self, session: Session, monitor: Monitor) -> Promotion:
        """Return which run answers now. Raises RunError when the run isn't there or isn't finished."""
        runs = session.workspace.runs
        if self.run_name != BASE and runs.get(self.run_name).state != "finished":
            raise RunError(
                f"The run {self.run_name} is not finished.",
                hint="Resume it first: train with --resume, or Resume in the window.",
            )
        previous = runs.activate(self.run_name)
        return Promotion(self.run_name, previous)


@dataclass(frozen=True, slots=True)
class Rollback:
    """Let the run before the active one answer again."""

    def run(self, session: Session, monitor: Monitor) -> Promotion:
        """Return which run answers now. Raises RunError when there is nothing to roll back."""
        runs = session.workspace.runs
        previous = runs.active
        return Promotion(runs.rollback(), previous)


@dataclass(frozen=True, slots=True)
class Verify:
    """Check the integrity of database and objects."""

    deep: bool = False

    def run(self, session: Session, monitor: Monitor) -> VerifyReport:
        """Return the problems found, as sentences."""
        return session.workspace.verify(monitor, deep=self.deep)
