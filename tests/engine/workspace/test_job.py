"""The query jobs, and that inputs and results cross between the processes as JSON."""

from __future__ import annotations

import typing
from typing import Any, cast

import msgspec
import pytest

from engine.errors import RunError
from engine.jobs import Measured, Monitor, Skipped
from engine.session import Session
from engine.workspace import job
from engine.workspace.job import Promotion
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import document, passages, question, run


class Opened:
    """As much of a session as these jobs use."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace


def across(asked: Any, workspace: Workspace) -> Any:
    """Run a job as the worker does: inputs and result travel as JSON."""
    kind = type(asked)
    received = msgspec.json.decode(msgspec.json.encode(asked), type=kind)
    result = received.run(cast(Session, Opened(workspace)), Monitor())
    returned = typing.get_type_hints(kind.run, localns={"Session": object, "Monitor": object})["return"]
    assert msgspec.json.decode(msgspec.json.encode(result), type=returned) == result
    return result


@pytest.fixture
def filled(plain: Workspace) -> Workspace:
    leaflet = document("a")
    plain.documents.add(leaflet, passages(leaflet))
    plain.documents.note_skipped(Skipped("/files/b.pdf", "It is a scan."))
    plain.questions.add_many([question("q", "a:0", of="a")])
    plain.runs.add(run("r"))
    plain.runs.add(run("unfinished", state="interrupted"))
    plain.runs.add_point("r", Measured(1, {"train_loss": 0.5}))
    return plain


def test_a_file_that_was_left_out_is_taken_off_the_list(filled: Workspace) -> None:
    left = across(job.DismissSkipped(("/files/b.pdf",)), filled)
    assert ([row.id for row in left.documents], left.skipped) == (["a"], ())


def test_lists_and_records_are_read(filled: Workspace) -> None:
    listed = across(job.ListDocuments(), filled)
    assert [row.id for row in listed.documents] == ["a"]
    assert [skipped.reason for skipped in listed.skipped] == ["It is a scan."]
    assert across(job.ReadDocument("a"), filled) == document("a")
    assert across(job.ListPassages("a"), filled) == passages(document("a"))
    assert across(job.ListQuestions(), filled) == (question("q", "a:0", of="a"),)
    assert across(job.ListRuns(), filled).active == "base"
    assert across(job.ReadPoints("r"), filled) == (Measured(1, {"train_loss": 0.5}),)
    assert across(job.Verify(deep=True), filled).ok


def test_the_status_counts_everything(filled: Workspace) -> None:
    status = across(job.ReadStatus(), filled)
    assert (status.documents, status.passages, status.with_evidence, status.index_version) == (1, 2, 1, 1)
    assert status.questions == {"train": 1, "validation": 0, "test": 0}
    assert [stored.id for stored in status.runs] == ["r", "unfinished"]
    assert (status.name, status.schema, status.protected, status.active) == ("matter", 1, False, "base")


def test_a_finished_run_is_promoted_and_rolled_back(filled: Workspace) -> None:
    assert across(job.Promote("r"), filled) == Promotion(active="r", previous="base")
    assert across(job.Rollback(), filled) == Promotion(active="base", previous="r")
    with pytest.raises(RunError, match="not finished"):
        across(job.Promote("unfinished"), filled)


def test_documents_are_removed(filled: Workspace) -> None:
    assert across(job.RemoveDocuments(("a",)), filled).questions == 1
    assert across(job.ListDocuments(), filled).documents == ()
