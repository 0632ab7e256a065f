"""Questions into the workspace: read, linked to their evidence, split once and stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.documents.content import one_line
from engine.documents.document_import import DocumentImport
from engine.errors import QuestionError
from engine.jobs import Monitor
from engine.questions.evidence import Evidence, EvidenceLinker, word_runs
from engine.questions.raw import RawQuestion
from engine.questions.reader import Problem, read_questions
from engine.questions.split import assign, group_of, split_of_file
from engine.records import Passage, Question, Split
from engine.workspace.workspace import Workspace

_BATCH_QUESTIONS = 2000  # read, linked, split and stored together
_PROGRESS_QUESTIONS = 250


class _Texts(Mapping[str, str]):
    """The texts of the workspace's documents by id, fetched when asked for and kept."""

    def __init__(self, workspace: Workspace, ids: Sequence[str]) -> None:
        self._workspace = workspace
        self._texts: dict[str, str | None] = dict.fromkeys(ids)

    def __getitem__(self, document_id: str) -> str:
        text = self._texts[document_id]
        if text is None:
            text = self._texts[document_id] = self._workspace.documents.get(document_id).text
        return text

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)

    def include(self, document_id: str, text: str) -> None:
        """Make a new document known."""
        self._texts[document_id] = text


@dataclass(slots=True)
class QuestionImport:
    """Adds the questions of files to a workspace, after the documents of the same import."""

    workspace: Workspace
    documents: DocumentImport
    monitor: Monitor
    seed: int = 0
    added: int = 0
    unchanged: int = 0
    with_evidence: int = 0
    _known: dict[str, Question] = field(default_factory=dict)  # by id
    _twins: dict[tuple[str, tuple[str, ...], bool], list[Question]] = field(default_factory=dict)  # by content
    _texts: _Texts | None = None
    _linker: EvidenceLinker | None = None
    _groups: dict[str, str] = field(default_factory=dict)  # document id → group
    _passages: dict[str, tuple[Passage, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for question in self.workspace.questions.list():
            self._learn(question)

    def add_file(self, path: Path, problem: Callable[[str], None]) -> None:
        """Import a question file; tell `problem` of the records that can't be used. Raises EngineError."""
        batch: list[RawQuestion] = []
        found = 0
        seen: dict[str, Question] = {}
        for item in read_questions(path):
            if isinstance(item, Problem):
                problem(f"{item.place[:1].upper()}{item.place[1:]}: {item.reason}.".replace("..", "."))
                continue
            batch.append(item)
            found += 1
            if found % _PROGRESS_QUESTIONS == 0:
                self.monitor.progress(f"Reading {path.name}", found, None)
            if len(batch) >= _BATCH_QUESTIONS:
                self._add(batch, path, seen)
                batch = []
        if not found:
            raise QuestionError(
                f"{path.name} holds no question that can be used.",
                hint="Each record needs `question`, and beside it `answer` or `context`.",
            )
        self._add(batch, path, seen)

    def _add(self, batch: list[RawQuestion], path: Path, seen: dict[str, Question]) -> None:
        linker = self._ready()
        self._add_contexts(batch, path, linker)
        questions: list[Question] = []
        given: dict[str, Split] = {}
        file_split = split_of_file(str(path))
        for done, raw in enumerate(batch):
            if done % _PROGRESS_QUESTIONS == 0:
                self.monitor.progress(f"Linking {path.name}", done, len(batch))
            question = self._question(raw, linker.link(raw), path)
            question = self._identified(question, seen)
            if question.id in seen:  # the very same record twice in one file
                self.unchanged += 1
                self.with_evidence += bool(question.evidence)
                continue
            seen[question.id] = question
            self.with_evidence += bool(question.evidence)
            held = self._known.get(question.id) or self._twin(question, raw)
            if held is not None and _same(held, question):
                self.unchanged += 1
                if held.evidence or not question.evidence:
                    continue
                question = replace(question, id=held.id)  # its document came later: link it, where it is
                given[held.id] = held.split
            else:
                self.added += 1
                split = raw.split or file_split
                if split:
                    given[question.id] = split
            questions.append(question)
        self.monitor.progress(f"Linking {path.name}", len(batch), len(batch))
        settled = {group_of(question): question.split for question in self._known.values()}
        assigned = assign(questions, given=given, settled=settled, seed=self.seed)
        self.workspace.questions.add_many(assigned)
        for question in assigned:
            self._learn(question)

    def _learn(self, question: Question) -> None:
        """Remember a question that is in the workspace."""
        self._known[question.id] = question
        self._twins.setdefault(_content(question), []).append(question)

    def _question(self, raw: RawQuestion, evidence: Evidence | None, path: Path) -> Question:
        document_id = evidence.document_id if evidence else ""
        content = json.dumps([raw.question, raw.answers, raw.context or raw.documents], ensure_ascii=False)
        return Question(
            id=raw.id or hashlib.sha256(content.encode()).hexdigest()[:16],
            question=raw.question,
            answers=raw.answers,
            evidence=evidence.passages if evidence else (),
            group=raw.group or self._groups.get(document_id, "") or document_id,
            document_id=document_id,
            source=str(path),
            unanswerable=raw.unanswerable,
        )

    def _identified(self, question: Question, seen: Mapping[str, Question]) -> Question:
        """Give a question of its own another id where its id is taken: files number their records from 1.

        An id of this file's last import is not taken: there the question has changed, and is replaced.
        """
        own = hashlib.sha256(json.dumps(_content(question), ensure_ascii=False).encode()).hexdigest()[:8]
        wanted = (question.id, f"{Path(question.source).stem}/{question.id}")
        for name in wanted:
            holder = seen.get(name) or self._known.get(name)
            if holder is None or _same(holder, question) or (name not in seen and holder.source == question.source):
                return replace(question, id=name)
        return replace(question, id=f"{question.id}-{own}")

    def _twin(self, question: Question, raw: RawQuestion) -> Question | None:
        """The same question in another file, with the same answers out of the same text: it is not imported again.

        Its split is settled, and as two questions they would stand on both sides of it.
        """
        for twin in self._twins.get(_content(question), ()):
            if twin.source != question.source and _share_text(
                self._evidence_texts(twin), [*self._evidence_texts(question), raw.context]
            ):
                return twin
        return None

    def _evidence_texts(self, question: Question) -> list[str]:
        """The texts of a question's evidence passages."""
        wanted = set(question.evidence)
        documents = {name.rsplit(":", 1)[0] for name in wanted}
        return [
            passage.text for document in documents for passage in self._passages_of(document) if passage.id in wanted
        ]

    def _add_contexts(self, batch: Sequence[RawQuestion], path: Path, linker: EvidenceLinker) -> None:
        """Make a document of each context that no document holds, so that a question file alone is enough."""
        new: dict[str, str] = {}  # context → the id of its document
        for done, raw in enumerate(batch):
            if done % _PROGRESS_QUESTIONS == 0:
                self.monitor.progress(f"Looking up {path.name}", done, len(batch))
            if not raw.context.strip() or raw.context in new or linker.locate(raw) is not None:
                continue
            document = self.documents.add_context(raw.context, title=raw.title, group=raw.context_group, source=path)
            if document is not None:
                new[raw.context] = document.id
                self._groups[document.id] = document.group
        self.documents.flush()
        assert self._texts is not None  # made with the linker
        for text, document_id in new.items():
            self._texts.include(document_id, text)
            linker.add(document_id, text)

    def _ready(self) -> EvidenceLinker:
        """The linker over all documents, made with the first file that needs it."""
        if self._linker is not None:
            return self._linker
        rows = self.workspace.documents.list()
        self._groups = {row.id: row.group for row in rows}
        names = {row.id: row.id for row in rows}
        for row in rows:
            file, _, record = row.path.partition("#") if row.kind == "record" else (row.path, "", "")
            # A corpus file holds many documents: only its records have names.
            calls = (record,) if record else (row.path, Path(file).name, Path(file).stem, row.title)
            for call in calls:
                if call:
                    names.setdefault(call, row.id)
        self._texts = _Texts(self.workspace, [row.id for row in rows])
        self._linker = EvidenceLinker(texts=self._texts, passages_of=self._passages_of, names=names)
        return self._linker

    def _passages_of(self, document_id: str) -> tuple[Passage, ...]:
        if document_id not in self._passages:
            self._passages[document_id] = self.workspace.documents.passages(document_id)
        return self._passages[document_id]


def _content(question: Question) -> tuple[str, tuple[str, ...], bool]:
    """What makes two questions the same, white space aside: a context and its copy may be laid out differently."""
    answers = tuple(one_line(answer) for answer in question.answers)
    return one_line(question.question), answers, question.unanswerable


def _same(one: Question, other: Question) -> bool:
    return _content(one) == _content(other)


def _share_text(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two sets of texts overlap: a tenth of the smaller one's runs of words are in the other."""
    runs = [set(word_runs(" ".join(texts).split())) for texts in (one, other)]
    return len(runs[0] & runs[1]) * 10 > min(len(runs[0]), len(runs[1]))
