"""The linker over a workspace's documents: their texts fetched when asked for, their names, their phrase search."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from engine.jobs import Monitor
from engine.questions.evidence import Evidence, EvidenceLinker, Located
from engine.questions.raw import RawQuestion
from engine.records import Passage
from engine.workspace.documents import DocumentRow
from engine.workspace.workspace import Workspace

_TEXT_CHARACTERS_KEPT = 50_000_000
_PASSAGES_KEPT = 20_000  # documents whose passages are kept
_PHRASE_PASSAGES_MAX = 60
_SLASHES = frozenset("/\\")


class _Texts(Mapping[str, str]):
    """The texts of the workspace's documents by id; the ones used last are kept in memory."""

    def __init__(self, workspace: Workspace, ids: Sequence[str]) -> None:
        self._workspace = workspace
        self._ids = dict.fromkeys(ids)
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._characters = 0

    def __getitem__(self, document_id: str) -> str:
        if document_id in self._kept:
            self._kept.move_to_end(document_id)
            return self._kept[document_id]
        if document_id not in self._ids:
            raise KeyError(document_id)
        text = self._kept[document_id] = self._workspace.documents.get(document_id).text
        self._characters += len(text)
        while self._characters > _TEXT_CHARACTERS_KEPT and len(self._kept) > 1:
            self._characters -= len(self._kept.popitem(last=False)[1])
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._ids))

    def __len__(self) -> int:
        return len(self._ids)

    def include(self, document_id: str) -> None:
        """Make a new document known."""
        self._ids[document_id] = None


class _Names:
    """What a question file may call the workspace's documents; several may go by one name."""

    def __init__(self, rows: Sequence[DocumentRow]) -> None:
        self._ids: dict[str, list[str]] = {}
        self._paths = {row.id: row.path for row in rows}
        for row in rows:
            file, _, record = row.path.partition("#") if row.kind == "record" else (row.path, "", "")
            # A corpus file holds many documents: only its records have names.
            own = (record,) if record else (row.path, Path(file).name, Path(file).stem, row.title)
            for call in dict.fromkeys((row.id, *own)):
                if call:
                    self._ids.setdefault(call, []).append(row.id)

    def find(self, name: str) -> Sequence[str]:
        """Return the ids of the documents called `name`: it may also be the end of a path, with slashes of any kind."""
        found = self._ids.get(name, ())
        if found or _SLASHES.isdisjoint(name):
            return found
        parts = PureWindowsPath(name).parts
        namesakes = self._ids.get(parts[-1], ()) if parts else ()
        return [one for one in namesakes if PureWindowsPath(self._paths[one]).parts[-len(parts) :] == parts]


@dataclass(slots=True)
class WorkspaceLinker:
    """Links questions to the passages of one workspace."""

    workspace: Workspace
    groups: dict[str, str]  # document id → group
    has_documents: bool  # whether there are others than the contexts of question files
    _texts: _Texts
    _links: EvidenceLinker
    _passages: dict[str, tuple[Passage, ...]] = field(default_factory=dict)

    @classmethod
    def over(cls, workspace: Workspace, monitor: Monitor) -> WorkspaceLinker:
        """Return the linker over all documents of the workspace."""
        rows = workspace.documents.list()
        texts = _Texts(workspace, [row.id for row in rows])
        links = EvidenceLinker(texts, lambda document_id: (), _Names(rows).find)
        linker = cls(
            workspace, {row.id: row.group for row in rows}, any(row.kind != "context" for row in rows), texts, links
        )
        links.passages_of = linker.passages_of
        links.search = linker.search
        links.check = monitor.check
        # A context that is nearly another question's is another text: only what was imported is read differently.
        imported = {row.id for row in rows if row.kind != "context"}
        links.may_be_like = imported.__contains__
        return linker

    def locate(self, raw: RawQuestion) -> Located | None:
        """See EvidenceLinker.locate."""
        return self._links.locate(raw)

    def link(self, raw: RawQuestion) -> Evidence | None:
        """See EvidenceLinker.link."""
        return self._links.link(raw)

    def unknown_names(self, raw: RawQuestion) -> list[str]:
        """Return the documents the question names that are not in the workspace."""
        return [name for name in raw.documents if not self._links.called(name)]

    def include(self, contexts: Mapping[str, str]) -> None:
        """Make documents known that came after the others, by id."""
        for document_id in contexts:
            self._texts.include(document_id)
        if contexts:
            self._links.add(contexts)

    def passages_of(self, document_id: str) -> tuple[Passage, ...]:
        """Return a document's passages in order."""
        if document_id not in self._passages:
            if len(self._passages) >= _PASSAGES_KEPT:
                self._passages.clear()
            self._passages[document_id] = self.workspace.documents.passages(document_id)
        return self._passages[document_id]

    def texts_of(self, passage_ids: Sequence[str]) -> list[str]:
        """Return the texts of passages."""
        wanted = set(passage_ids)
        documents = {name.rsplit(":", 1)[0] for name in wanted}
        return [
            passage.text for document in documents for passage in self.passages_of(document) if passage.id in wanted
        ]

    def search(self, phrase: str, about: str = "") -> Sequence[tuple[Passage, float]]:
        """Return the passages that hold a phrase, some sixty at most, by the workspace's lexical index, best first."""
        return self.workspace.documents.passages_with_phrase(phrase, about=about, limit=_PHRASE_PASSAGES_MAX)
