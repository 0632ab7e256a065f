"""Questions with their answers, their split and the passages that hold their evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.errors import QuestionError
from engine.records import SPLITS, Question, Split
from engine.workspace import dbapi
from engine.workspace.audit import AuditLog
from engine.workspace.database import AMONG, Database, decoded, encoded, listed

_COLUMNS = (
    "id, question, answers, split, group_name, document_id, source, unanswerable, link, score, state, excluded, "
    "edited, split_given, line"
)
_UPSERT = (
    f"INSERT INTO questions ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(', ')))}) "
    "ON CONFLICT (id) DO UPDATE SET "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", ") if name != "id")
)


class QuestionStore:
    """The questions of a workspace."""

    def __init__(self, database: Database, audit: AuditLog) -> None:
        self._database = database
        self._audit = audit

    def add_many(self, questions: Sequence[Question], *, action: str = "questions added", detail: str = "") -> None:
        """Keep questions, all or none; one of the same id is replaced. The audit gets `action`, and what of it.

        Raises QuestionError when evidence is not among the passages.
        """
        if not questions:
            return
        with self._database.transaction() as connection:
            connection.executemany(_UPSERT, [_to_row(question) for question in questions])
            ids = listed(question.id for question in questions)
            numbers = {
                row[0]: row[1]
                for row in self._database.rows(f"SELECT id, rowid FROM questions WHERE id {AMONG}", (ids,))
            }
            connection.execute(f"DELETE FROM evidence WHERE question {AMONG}", (listed(numbers.values()),))
            self._link(connection, {question.id: question for question in questions}.values(), numbers)
            self._audit.record(action, detail or str(len(numbers)))

    def get(self, question_id: str) -> Question:
        """Return a question. Raises QuestionError when there is none of this id."""
        found = self._select("WHERE id = ?", (question_id,))
        if not found:
            raise QuestionError(f"There is no question {question_id}.", hint="List the questions to see their ids.")
        return found[0]

    def list(self, split: Split | None = None) -> tuple[Question, ...]:
        """Return the questions of a split, or of all, in the order of import; those a person excluded left out."""
        wanted = "WHERE NOT questions.excluded"
        return self._select(wanted, ()) if split is None else self._select(f"{wanted} AND split = ?", (split,))

    def every(self) -> tuple[Question, ...]:
        """Return all questions, those a person excluded among them, in the order of import."""
        return self._select("", ())

    def counts(self) -> dict[Split, int]:
        """Return the size of each split, without the questions a person excluded."""
        rows = self._database.rows("SELECT split, count(*) FROM questions WHERE NOT excluded GROUP BY split")
        sizes = {row[0]: row[1] for row in rows}
        return {split: sizes.get(split, 0) for split in SPLITS}

    def evidence_state(self) -> str:
        """Name the present state of the labelled questions; "0" while there are none."""
        row = self._database.row(
            "SELECT count(*), coalesce(max(evidence.question), 0), coalesce(sum(passage), 0) "
            "FROM evidence JOIN questions ON questions.rowid = evidence.question WHERE split != 'test'"
        )
        return "0" if row is None or not row[0] else f"{row[0]} {row[1]} {row[2]}"

    def with_evidence_count(self) -> int:
        """Return how many questions have evidence, those a person excluded left out."""
        return self._database.count(
            "SELECT count(*) FROM questions WHERE NOT excluded AND rowid IN (SELECT question FROM evidence)"
        )

    def ids(self) -> set[str]:
        """Return the ids of all questions."""
        return {row[0] for row in self._database.rows("SELECT id FROM questions")}

    def remove(self, ids: Iterable[str]) -> int:
        """Remove questions and return how many were there."""
        with self._database.transaction() as connection:
            removed = connection.execute(f"DELETE FROM questions WHERE id {AMONG}", (listed(ids),)).rowcount
            self._audit.record("questions removed", str(removed))
            self._database.after_commit(self._database.drop_previous)
        return removed

    def _link(self, connection: dbapi.Connection, questions: Iterable[Question], numbers: dict[str, int]) -> None:
        wanted = {passage for question in questions for passage in question.evidence}
        rows = self._database.rows(f"SELECT id, rowid FROM passages WHERE id {AMONG}", (listed(wanted),))
        passages = {row[0]: row[1] for row in rows}
        for question in questions:
            for passage in question.evidence:
                if passage not in passages:
                    raise QuestionError(
                        f"The evidence {passage} of question {question.id} is not among the passages.",
                        hint="Import the document it is in first.",
                    )
        connection.executemany(
            "INSERT INTO evidence (question, place, passage) VALUES (?, ?, ?)",
            [
                (numbers[question.id], place, passages[passage])
                for question in questions
                for place, passage in enumerate(dict.fromkeys(question.evidence))
            ],
        )

    def _select(self, where: str, parameters: tuple[str, ...]) -> tuple[Question, ...]:
        rows = self._database.rows(f"SELECT * FROM questions {where} ORDER BY rowid", parameters)
        links = self._database.rows(
            "SELECT evidence.question, passages.id FROM evidence JOIN passages ON passages.rowid = evidence.passage "
            f"WHERE evidence.question IN (SELECT rowid FROM questions {where}) "
            "ORDER BY evidence.question, evidence.place",
            parameters,
        )
        evidence: dict[int, list[str]] = {}
        for question, passage in links:
            evidence.setdefault(question, []).append(passage)
        return tuple(
            Question(
                id=row["id"],
                question=row["question"],
                answers=decoded(row["answers"], tuple[str, ...]),
                evidence=tuple(evidence.get(row["rowid"], ())),
                split=row["split"],
                group=row["group_name"],
                document_id=row["document_id"],
                source=row["source"],
                unanswerable=bool(row["unanswerable"]),
                link=row["link"],
                score=row["score"],
                state=row["state"],
                excluded=bool(row["excluded"]),
                edited=bool(row["edited"]),
                split_given=bool(row["split_given"]),
                line=row["line"],
            )
            for row in rows
        )


def _to_row(question: Question) -> tuple[str | int | float, ...]:
    return (
        question.id,
        question.question,
        encoded(question.answers),
        question.split,
        question.group,
        question.document_id,
        question.source,
        int(question.unanswerable),
        question.link,
        question.score,
        question.state,
        int(question.excluded),
        int(question.edited),
        int(question.split_given),
        question.line,
    )
