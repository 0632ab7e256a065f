"""Questions into the workspace: read whole, linked to their evidence, reviewed, split without leaks, and stored."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.documents.document_import import DocumentImport
from engine.errors import QuestionError
from engine.jobs import Monitor
from engine.questions.columns import ColumnMap, ColumnMemory
from engine.questions.evidence import Evidence
from engine.questions.folding import fold
from engine.questions.identity import Content, content_of
from engine.questions.problems import ProblemList, QuestionProblem
from engine.questions.raw import RawQuestion
from engine.questions.reader import QuestionReader
from engine.questions.review import Review
from engine.questions.row_reader import RowReader
from engine.questions.shares import DEFAULT_SHARES, Shares
from engine.questions.split import assign, document_groups, group_of, split_of_file
from engine.questions.table import QuestionTable
from engine.questions.workspace_linker import WorkspaceLinker
from engine.records import Question, Split
from engine.workspace.workspace import Workspace

_STORED_TOGETHER = 2000
_PROGRESS_QUESTIONS = 50


@dataclass(slots=True)
class _Batch:
    """The questions of one file that are to be stored."""

    drawn: list[Question] = field(default_factory=list)
    given: dict[str, Split] = field(default_factory=dict)  # to some of these, by id, as the file says
    placed: list[Question] = field(default_factory=list)  # those that keep the split they have
    left: set[str] = field(default_factory=set)  # the documents that they were about, or had evidence in, until now


@dataclass(slots=True)
class _Versions:
    """Finds what a record without an id was before it was corrected: its id is made of what it says."""

    earlier: dict[str, list[Question]]  # those of the file's last import whose records are gone from it, by their words
    ids: dict[str, str] = field(default_factory=dict)  # a record's id → that of its earlier version

    def id_of(self, question: Question, *, has_place: bool) -> str:
        """The id of the earlier version: the same question, about the same document where its record names a place."""
        if question.id not in self.ids:
            asked = self.earlier.get(content_of(question)[0], [])
            same = (one for one in asked if not has_place or one.document_id == question.document_id)
            held = min(same, key=lambda one: not _same(one, question), default=question)
            self.ids[question.id] = held.id
            if held is not question:
                asked.remove(held)
        return self.ids[question.id]


@dataclass(slots=True)
class QuestionImport:
    """Adds the questions of files to a workspace, after the documents of the same import."""

    workspace: Workspace
    documents: DocumentImport
    monitor: Monitor
    columns: ColumnMap | None = None  # what a person said about the columns of these files
    shares: Shares = DEFAULT_SHARES
    seed: int = 0
    added: int = 0
    unchanged: int = 0
    with_evidence: int = 0
    without_evidence: int = 0  # of those with an answer: left out of training until a person links them
    to_check: int = 0
    problems: ProblemList = field(default_factory=ProblemList)
    reader: QuestionReader = field(init=False)
    _known: dict[str, Question] = field(default_factory=dict)  # by id
    _twins: dict[Content, list[str]] = field(default_factory=dict)  # ids, by content
    _contexts: set[str] = field(default_factory=set)  # ids of documents that stand in for those of a context
    _left: set[str] = field(default_factory=set)  # documents that questions were about, or had evidence in, until now
    _linker: WorkspaceLinker | None = None

    def __post_init__(self) -> None:
        rows = RowReader(check=self.monitor.check)
        self.reader = QuestionReader(rows, ColumnMemory(self.workspace), self.columns)

    def add_file(self, path: Path) -> list[QuestionProblem]:
        """Import a question file; return what is wrong with it, by line. Raises EngineError."""
        table = QuestionTable()
        found: list[QuestionProblem] = []
        for item in self.reader.read(path):
            if isinstance(item, QuestionProblem):
                found.append(item)
                continue
            table.add(item)
            if len(table) % _PROGRESS_QUESTIONS == 0:
                self.monitor.progress(f"Reading {path.name}", len(table), None)
        if not table:
            reasons = " ".join(f"{problem.place}: {problem.reason}" for problem in found[:3])
            raise QuestionError(
                f"{path.name} holds no question that can be used.{' ' if reasons else ''}{reasons}",
                hint="Each record needs `question`, and beside it `answer` or `context`.",
            )
        found += self._add(table, path)
        for problem in found:
            self.problems.add(problem)
        return found

    def _add(self, table: QuestionTable, path: Path) -> list[QuestionProblem]:
        linker = self._ready()
        made = self._add_contexts(table, path, linker)
        file_split = split_of_file(str(path))
        review = Review(str(path), file_split=file_split, has_documents=linker.has_documents)
        versions = self._versions(table, path)
        batch = _Batch()
        seen: dict[str, Question] = {}
        for done, raw in enumerate(table):
            if done % _PROGRESS_QUESTIONS == 0:
                self.monitor.progress(f"Linking {path.name}", done, len(table))
            evidence = self._evidence(raw, linker)
            question = self._question(raw, evidence, path, linker)
            if not raw.id and question.id not in self._known:
                has_place = bool(raw.context.strip() or raw.documents)
                question = replace(question, id=versions.id_of(question, has_place=has_place))
            question = self._identified(question, seen)
            new = question.id not in seen
            review.take(raw, question, linker, is_new=new, own_context=fold(raw.context).text in made)
            self.with_evidence += bool(question.evidence)
            self.without_evidence += not question.evidence and not question.unanswerable
            self.to_check += question.state == "check"
            if not new:  # the very same record twice in one file
                self.unchanged += 1
                continue
            seen[question.id] = question
            held = self._known.get(question.id) or self._twin(question, raw, linker)
            self._take(question, held, raw.split or file_split, batch)
        self.monitor.progress(f"Linking {path.name}", len(table), len(table))
        self._store(batch, linker)
        self._left |= batch.left
        return review.found(self._known)

    def _evidence(self, raw: RawQuestion, linker: WorkspaceLinker) -> Evidence | None:
        """Where the question's evidence is: in imported documents, once they hold its context."""
        evidence = linker.link(raw)
        located = linker.locate(raw) if evidence and evidence.document_id in self._contexts else None
        for match in located.matches if located else ():
            if match.document_id not in self._contexts:
                evidence = linker.link(replace(raw, documents=(match.document_id, *raw.documents)))
                break
        if evidence is None or evidence.document_id in self._contexts:
            return evidence
        own = (passage for passage in evidence.passages if _document_of(passage) not in self._contexts)
        return replace(evidence, passages=tuple(own))

    def _versions(self, table: QuestionTable, path: Path) -> _Versions:
        present = {_id_of(raw) for raw in table}
        earlier: defaultdict[str, list[Question]] = defaultdict(list)
        for question in self._known.values():
            if question.source == str(path) and question.id not in present:
                earlier[content_of(question)[0]].append(question)
        return _Versions(earlier)

    def _take(self, question: Question, held: Question | None, split: Split | None, batch: _Batch) -> None:
        """Put a question into the batch, unless it is there (`held`) as it is to be, or a person edited it there."""
        if held is not None and (held.edited or _same(held, question)):
            self.unchanged += 1
        else:
            self.added += 1
        if held is not None and held.edited:
            return
        now = question if held is None else self._renewed(held, question)
        if held is not None:
            batch.left |= _documents_of(held) - _documents_of(now)
        # One file's word on a question that several hold: else each import would move it to the other's side.
        obeyed = split and (held is None or held.source == question.source or not held.split_given)
        if split and obeyed and (now != held or (now.split, now.split_given) != (split, True)):
            batch.given[now.id] = split
            batch.drawn.append(now)
        elif held is None or not _is_settled(held, question):
            batch.drawn.append(now)
        elif now != held:
            batch.placed.append(now)

    def _renewed(self, held: Question, question: Question) -> Question:
        """The question in the workspace as its file has it now; what was decided about it stays so."""
        if not _is_settled(held, question):
            return question
        if not _same(held, question):
            return replace(question, split=held.split, split_given=held.split_given, excluded=held.excluded)
        if not self._is_found(held, question):
            return held
        return replace(
            held,
            evidence=question.evidence,
            group=question.group,
            document_id=question.document_id,
            link=question.link,
            score=question.score,
            state=question.state,
        )

    def _is_found(self, held: Question, question: Question) -> bool:
        """Whether a question has evidence now that it had not, or in an imported document where a context stood in."""
        if held.state == "dropped" or not (question.evidence or question.unanswerable):
            return False
        if question.evidence and not held.evidence:
            return True
        return self._is_imported(question.document_id) and not self._is_imported(held.document_id)

    def _is_imported(self, document_id: str) -> bool:
        return document_id not in self._contexts and document_id != ""

    def remove_unused(self) -> None:
        """Remove the contexts that no question needs any more: their text would be found twice."""
        contexts = self._left & self._contexts
        unused = contexts and contexts.difference(*map(_documents_of, self._known.values()))
        if unused:
            self.workspace.documents.remove(sorted(unused))
            self.documents.removed += len(unused)

    def _store(self, batch: _Batch, linker: WorkspaceLinker) -> None:
        ids = {question.id for question in (*batch.drawn, *batch.placed)}
        settled = [question for question in self._known.values() if question.id not in ids]
        check = self.monitor.still_at("Splitting")
        assigned = assign(
            batch.drawn,
            given=batch.given,
            settled=[*settled, *batch.placed],
            divisible=document_groups(linker.groups),
            copies=self.workspace.likeness.pairs(),
            shares=self.shares,
            seed=self.seed,
            check=check,
        )
        stored = [*batch.placed, *assigned]
        for start in range(0, len(stored), _STORED_TOGETHER):
            self.monitor.progress("Storing questions", start, len(stored))
            self.workspace.questions.add_many(stored[start : start + _STORED_TOGETHER])
        for question in stored:
            self._learn(question)

    def _learn(self, question: Question) -> None:
        """Remember a question that is in the workspace."""
        self._known[question.id] = question
        self._twins.setdefault(content_of(question), []).append(question.id)

    def _question(self, raw: RawQuestion, evidence: Evidence | None, path: Path, linker: WorkspaceLinker) -> Question:
        document_id = evidence.document_id if evidence else ""
        is_sure = evidence is None or evidence.link in ("", "exact", "normalised")
        return Question(
            id=_id_of(raw),
            question=raw.question,
            answers=raw.answers,
            evidence=evidence.passages if evidence else (),
            group=raw.group or linker.groups.get(document_id, "") or document_id,
            document_id=document_id,
            source=str(path),
            unanswerable=raw.unanswerable,
            link=evidence.link if evidence else "",
            score=evidence.score if evidence else 1.0,
            state="" if is_sure else "check",
            line=raw.line,
        )

    def _identified(self, question: Question, seen: Mapping[str, Question]) -> Question:
        """Give a question of its own another id where its id is taken: files number their records from 1.

        An id of this file's last import is not taken: there the question has changed, and is replaced.
        """
        own = hashlib.sha256(json.dumps(content_of(question), ensure_ascii=False).encode()).hexdigest()[:8]
        wanted = (question.id, f"{Path(question.source).stem}/{question.id}")
        for name in wanted:
            holder = seen.get(name) or self._known.get(name)
            if holder is None or _same(holder, question) or (name not in seen and holder.source == question.source):
                return replace(question, id=name)
        return replace(question, id=f"{question.id}-{own}")

    def _twin(self, question: Question, raw: RawQuestion, linker: WorkspaceLinker) -> Question | None:
        """The same question in another file, with the same answers out of the same text: it is not imported again.

        Its split is settled, and as two questions they would stand on both sides of it.
        """
        for twin in (self._known[name] for name in self._twins.get(content_of(question), ())):
            texts = [*linker.texts_of(question.evidence), raw.context]
            is_other = twin.source != question.source and _same(twin, question)  # as it was when it was learnt
            if is_other and _share_text(linker.texts_of(twin.evidence), texts):
                return twin
        return None

    def _add_contexts(self, table: QuestionTable, path: Path, linker: WorkspaceLinker) -> set[str]:
        """Make a document of each context that no document holds, so that a question file alone is enough.

        Return those contexts, folded.
        """
        seen: set[int] = set()
        new: dict[str, str] = {}  # the id of its document → context
        for done, raw in enumerate(table):
            if done % _PROGRESS_QUESTIONS == 0:
                self.monitor.progress(f"Looking up {path.name}", done, len(table))
            key = hash((raw.context, raw.documents))
            if key in seen or not raw.context.strip() or linker.locate(raw) is not None:
                continue
            seen.add(key)
            document = self.documents.add_context(raw.context, title=raw.title, group=raw.context_group, source=path)
            if document is not None:
                new[document.id] = raw.context
                linker.groups[document.id] = document.group
        self.documents.flush()
        linker.include(new)
        self._contexts.update(new)
        return {fold(text).text for text in new.values()}

    def _ready(self) -> WorkspaceLinker:
        """The linker over all documents, made with the first file that needs it: documents come before questions.

        What is known is learnt then too: a document that was replaced has taken its evidence along.
        """
        if self._linker is None:
            self._linker = WorkspaceLinker.over(self.workspace, self.monitor)
            self._contexts = self.workspace.documents.contexts()
            for question in self.workspace.questions.every():
                self._learn(question)
        return self._linker


def _id_of(raw: RawQuestion) -> str:
    content = json.dumps([raw.question, raw.answers, raw.context or raw.documents], ensure_ascii=False)
    return raw.id or hashlib.sha256(content.encode()).hexdigest()[:16]


def _same(one: Question, other: Question) -> bool:
    return content_of(one) == content_of(other)


def _is_settled(held: Question, question: Question) -> bool:
    """Whether a question that has changed is still the one that was divided: asks the same, or of the same group.

    Else it is another one that bears its id.
    """
    return content_of(held)[0] == content_of(question)[0] or group_of(held) == group_of(question)


def _documents_of(question: Question) -> set[str]:
    return {question.document_id, *map(_document_of, question.evidence)}


def _document_of(passage_id: str) -> str:
    return passage_id.rsplit(":", 1)[0]


def _share_text(one: Sequence[str], other: Sequence[str]) -> bool:
    """Whether two sets of texts overlap: a tenth of the smaller one's runs of words are in the other."""
    runs = [set(fold(" ".join(texts)).runs().tolist()) for texts in (one, other)]
    return len(runs[0] & runs[1]) * 10 > min(len(runs[0]), len(runs[1]))
