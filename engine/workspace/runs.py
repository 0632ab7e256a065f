"""Runs: what was trained, its checkpoints, curves and reports, and which run answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import RunError
from engine.jobs import Measured
from engine.records import Run
from engine.workspace.audit import AuditLog
from engine.workspace.database import AMONG, Database, decoded, encoded, listed
from engine.workspace.objects import ObjectStore
from engine.workspace.publishing import storage_errors

BASE = "base"
_TUNED = "object:"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A published state of training."""

    sequence: int  # orders checkpoints, whatever the clock did
    step: int
    digest: str
    best: bool
    stage: str


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as it was saved."""

    run: str
    split: str
    json: str


class RunStore:
    """The runs of a workspace."""

    def __init__(self, database: Database, objects: ObjectStore, audit: AuditLog, reports: Path) -> None:
        self._database = database
        self._objects = objects
        self._audit = audit
        self._reports_folder = reports

    def add(self, run: Run) -> None:
        """Keep a new run, which knows what its parent learned. Raises RunError when its id is taken or can't be one."""
        check_id(run.id)
        with self._database.transaction() as connection:
            if connection.execute("SELECT 1 FROM runs WHERE id = ?", (run.id,)).fetchone():
                raise RunError(f"There is a run {run.id} already.", hint="Give the run another name.")
            connection.execute("INSERT INTO runs (id, state, json) VALUES (?, ?, ?)", (run.id, run.state, encoded(run)))
            for table, column in (("learned_from", "document_id"), ("trained_on", "question")):
                connection.execute(
                    f"INSERT INTO {table} SELECT ?, {column} FROM {table} WHERE run = ?", (run.id, run.parent)
                )
            self._refer_models(run)
            self._audit.record("run added", f"{run.id} ({run.what})")

    def update(self, run: Run) -> None:
        """Replace what is known of a run. Raises RunError when there is none of this id."""
        with self._database.transaction() as connection:
            before = self.get(run.id)
            connection.execute("UPDATE runs SET state = ?, json = ? WHERE id = ?", (run.state, encoded(run), run.id))
            if _models(run) != _models(before):
                self._refer_models(run)
            if run.state != before.state:
                self._audit.record("run " + run.state, run.id)

    def get(self, run_id: str) -> Run:
        """Return a run. Raises RunError when there is none of this id."""
        row = self._database.row("SELECT json FROM runs WHERE id = ?", (run_id,))
        if row is None:
            raise RunError(f"There is no run {run_id}.", hint="The status of the workspace lists its runs.")
        return decoded(row[0], Run)

    def list(self) -> tuple[Run, ...]:
        """Return all runs, oldest first, by sequence number."""
        rows = self._database.rows("SELECT json FROM runs ORDER BY sequence")
        return tuple(decoded(row[0], Run) for row in rows)

    def interrupt_running(self) -> None:
        """Mark runs that a process left running as interrupted. At open, when none can be running."""
        for run in self.list():
            if run.state == "running":
                self.update(replace(run, state="interrupted"))

    @property
    def active(self) -> str:
        """The id of the run that answers; "base" when none was promoted."""
        row = self._database.row("SELECT run FROM activations ORDER BY sequence DESC LIMIT 1")
        return row[0] if row else BASE

    def activate(self, run_id: str) -> str:
        """Let a run answer and return which one did before. Raises RunError when there is none of this id."""
        with self._database.transaction() as connection:
            if run_id != BASE:
                self.get(run_id)
            previous = self.active
            if run_id != previous:
                connection.execute("INSERT INTO activations (run) VALUES (?)", (run_id,))
                self._audit.record("run promoted", f"{run_id} in place of {previous}")
        return previous

    def rollback(self) -> str:
        """Let the run before the active one answer again and return its id. Raises RunError when there is none."""
        with self._database.transaction() as connection:
            last = connection.execute("SELECT max(sequence) FROM activations").fetchone()[0]
            if last is None:
                raise RunError(
                    "There is nothing to roll back to: the untuned models answer, and none did before them.",
                    hint="Promote the run that shall answer.",
                )
            rolled_back = self.active
            connection.execute("DELETE FROM activations WHERE sequence = ?", (last,))
            active = self.active
            self._audit.record("run rolled back", f"{active} in place of {rolled_back}")
        return active

    def save_checkpoint(self, run_id: str, *, step: int, digest: str, best: bool = False, stage: str = "") -> None:
        """Make a published object the newest checkpoint of a run; `best` by validation.

        Of each stage ("" when a run has one only) the newest and the newest best are kept, by sequence number.
        """
        with self._database.transaction() as connection:
            self.get(run_id)
            sequence = connection.execute(
                "INSERT INTO checkpoints (run, stage, step, digest, best) VALUES (?, ?, ?, ?, ?)",
                (run_id, stage, step, digest, int(best)),
            ).lastrowid
            self._objects.refer(digest, f"checkpoint:{sequence}")
            stages = [row for row in self._checkpoints(run_id) if row.stage == stage]
            newest_best = max((row.sequence for row in stages if row.best), default=None)
            self._drop(row for row in stages if row.sequence not in (sequence, newest_best))

    def latest_checkpoint(self, run_id: str, *, stage: str | None = None) -> Checkpoint | None:
        """Return the newest checkpoint of a run (of one stage, or of any), None when there is none."""
        rows = [row for row in self._checkpoints(run_id) if stage in (None, row.stage)]
        return rows[-1] if rows else None

    def best_checkpoint(self, run_id: str, *, stage: str | None = None) -> Checkpoint | None:
        """Return the newest checkpoint marked best (of one stage, or of any), None when there is none."""
        rows = [row for row in self._checkpoints(run_id) if row.best and stage in (None, row.stage)]
        return rows[-1] if rows else None

    def drop_checkpoints(self, run_id: str, *, stage: str | None = None) -> None:
        """Forget a run's checkpoints (of one stage, or all)."""
        with self._database.transaction():
            self._drop(row for row in self._checkpoints(run_id) if stage in (None, row.stage))

    def add_point(self, run_id: str, point: Measured) -> None:
        """Add a point to the run's curves."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO points (run, step, json) VALUES (?, ?, ?)",
                (run_id, point.step, encoded(point.values)),
            )

    def points(self, run_id: str) -> tuple[Measured, ...]:
        """Return the points of the run's curves, in the order they were measured."""
        rows = self._database.rows("SELECT step, json FROM points WHERE run = ? ORDER BY rowid", (run_id,))
        return tuple(Measured(row[0], decoded(row[1], dict[str, float])) for row in rows)

    def learned_from(self, run_id: str, document_ids: Iterable[str]) -> None:
        """Note which documents a run trained on, beside those of its parent. It stays true when they are removed."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO learned_from VALUES (?, ?)", [(run_id, document) for document in document_ids]
            )

    def learned(self, run_id: str) -> set[str]:
        """Return the ids of the documents a run and those before it trained on, removed ones included."""
        return {row[0] for row in self._database.rows("SELECT document_id FROM learned_from WHERE run = ?", (run_id,))}

    def trained_on(self, run_id: str, question_ids: Iterable[str]) -> None:
        """Note which questions a run trained on, beside those of its parent: by id, or by fingerprint where it trained
        in another workspace."""
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO trained_on VALUES (?, ?)", [(run_id, question) for question in question_ids]
            )

    def trained(self, run_id: str) -> set[str]:
        """Return the ids and fingerprints of the questions a run and those before it trained on, whatever their split
        is now."""
        return {row[0] for row in self._database.rows("SELECT question FROM trained_on WHERE run = ?", (run_id,))}

    def that_learned_from(self, document_ids: Sequence[str]) -> tuple[str, ...]:
        """Return the ids of the runs that learned from one of these documents, or come from one that did."""
        rows = self._database.rows(
            f"SELECT DISTINCT run FROM learned_from WHERE document_id {AMONG} ORDER BY run", (listed(document_ids),)
        )
        return tuple(row[0] for row in rows)

    def save_report(self, run_id: str, split: str, json_text: str) -> None:
        """Keep the report of a run on a split, in place of an older one."""
        with self._database.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO reports VALUES (?, ?, ?)", (run_id, split, json_text))

    def report(self, run_id: str, split: str) -> str | None:
        """Return the JSON of a report, None when there is none."""
        row = self._database.row("SELECT json FROM reports WHERE run = ? AND split = ?", (run_id, split))
        return row[0] if row else None

    def reports(self) -> tuple[StoredReport, ...]:
        """Return all reports, by run and split."""
        rows = self._database.rows("SELECT run, split, json FROM reports ORDER BY run, split")
        return tuple(StoredReport(*row) for row in rows)

    def forget_quotes(self) -> None:
        """Drop what reports quote of documents, in the database and in the files beside it; their scores stay."""
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM reports WHERE split LIKE '%/%'")
            self._database.after_commit(self._unlink_quotes)

    def _unlink_quotes(self) -> None:
        with storage_errors(self._reports_folder):
            for questions in self._reports_folder.glob("*.jsonl"):
                questions.unlink()

    def _checkpoints(self, run_id: str) -> Sequence[Checkpoint]:
        rows = self._database.rows(
            "SELECT sequence, step, digest, best, stage FROM checkpoints WHERE run = ? ORDER BY sequence", (run_id,)
        )
        return [Checkpoint(row[0], row[1], row[2], bool(row[3]), row[4]) for row in rows]

    def _drop(self, checkpoints: Iterable[Checkpoint]) -> None:
        with self._database.transaction() as connection:
            for checkpoint in checkpoints:
                connection.execute("DELETE FROM checkpoints WHERE sequence = ?", (checkpoint.sequence,))
                self._objects.release(f"checkpoint:{checkpoint.sequence}")

    def _refer_models(self, run: Run) -> None:
        """Keep the tuned models that the run names, and let go of those it named before."""
        owner = f"run:{run.id}/models"
        self._objects.release(owner)
        for model in _models(run):
            if model.startswith(_TUNED):
                self._objects.refer(model.removeprefix(_TUNED), owner)


def check_id(run_id: str) -> None:
    """Raise RunError for an id that is no plain name: files of a run are called by it."""
    if not _ID.fullmatch(run_id):
        raise RunError(
            f"{run_id[:80]!r} can't be the id of a run.",
            hint="An id has letters, digits, dots, hyphens and underscores, 64 at most.",
        )


def _models(run: Run) -> tuple[str, ...]:
    return run.encoder, run.passage_encoder, run.generator, run.reranker
