"""Runs, their checkpoints, curves and reports, and which one answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from engine.errors import DamagedError, RunError
from engine.jobs import Measured, Monitor
from engine.workspace.runs import StoredReport
from engine.workspace.workspace import Workspace
from tests.engine.workspace.examples import run


def test_runs_come_back_as_they_were_in_their_order(workspace: Workspace) -> None:
    workspace.runs.add(run("z"))
    workspace.runs.add(run("a", state="running"))
    finished = replace(run("a"), settings={"epochs": 3, "preset": "quick", "rate": 1e-4}, kept=True)
    workspace.runs.update(finished)
    assert workspace.runs.list() == (run("z"), finished)
    assert workspace.runs.get("a") == finished


def test_runs_that_are_not_there_or_there_already_are_told(plain: Workspace) -> None:
    plain.runs.add(run("a"))
    for attempt in (
        lambda: plain.runs.get("b"),
        lambda: plain.runs.update(run("b")),
        lambda: plain.runs.add(run("a")),
        lambda: plain.runs.activate("b"),
        lambda: plain.runs.save_checkpoint("b", step=1, digest="0" * 64),
    ):
        with pytest.raises(RunError) as caught:
            attempt()
        assert caught.value.hint


@pytest.mark.parametrize("name", ["", "../up", "/tmp/evil", "a\\b", ".hidden", "C:evil", "a" * 65, "a\n"])
def test_an_id_that_would_lead_a_file_elsewhere_is_refused(plain: Workspace, name: str) -> None:
    with pytest.raises(RunError, match="can't be the id") as refused:
        plain.runs.add(run(name))
    assert refused.value.hint
    assert plain.runs.list() == ()


def test_a_run_knows_what_those_before_it_learned(plain: Workspace) -> None:
    plain.runs.add(run("a"))
    plain.runs.learned_from("a", ["d"])
    plain.runs.trained_on("a", ["q", "q"])
    plain.runs.add(replace(run("b"), parent="a"))
    plain.runs.learned_from("b", ["e"])
    plain.runs.add(replace(run("c"), parent="b"))
    assert [plain.runs.learned(name) for name in "abc"] == [{"d"}, {"d", "e"}, {"d", "e"}]
    assert [plain.runs.trained(name) for name in "abc"] == [{"q"}] * 3


def test_promoting_and_rolling_back_walk_the_same_way(plain: Workspace) -> None:
    plain.runs.add(run("a"))
    plain.runs.add(run("b"))
    assert plain.runs.active == "base"
    assert plain.runs.activate("a") == "base"
    assert plain.runs.activate("b") == "a"
    assert plain.runs.activate("b") == "b"
    assert plain.runs.rollback() == "a"
    assert plain.runs.rollback() == "base"
    with pytest.raises(RunError, match="the untuned models answer"):
        plain.runs.rollback()
    assert plain.runs.activate("base") == "base"
    assert [row.detail for row in plain.audit.list() if row.action == "run rolled back"] == [
        "a in place of b",
        "base in place of a",
    ]


def test_the_newest_and_the_best_checkpoint_are_kept(workspace: Workspace) -> None:
    workspace.runs.add(run("a"))
    digests = [workspace.objects.publish(f"state {step}".encode()) for step in range(5)]
    for step, best in ((0, True), (1, False), (2, True), (3, False), (4, False)):
        workspace.runs.save_checkpoint("a", step=step, digest=digests[step], best=best)
    latest, best_one = workspace.runs.latest_checkpoint("a"), workspace.runs.best_checkpoint("a")
    assert latest is not None
    assert best_one is not None
    assert (latest.step, best_one.step) == (4, 2)
    assert workspace.objects.read(latest.digest) == b"state 4"
    assert workspace.objects.read(best_one.digest) == b"state 2"
    for step in (0, 1, 3):
        with pytest.raises(DamagedError):
            workspace.objects.read(digests[step])
    assert workspace.runs.latest_checkpoint("b") is None


def test_the_newest_checkpoint_is_the_last_saved_whatever_its_step(plain: Workspace) -> None:
    plain.runs.add(run("a"))
    for step in (9, 3):
        plain.runs.save_checkpoint("a", step=step, digest=plain.objects.publish(f"state {step}".encode()))
    latest = plain.runs.latest_checkpoint("a")
    assert latest is not None
    assert latest.step == 3


def test_stages_keep_checkpoints_of_their_own(plain: Workspace) -> None:
    plain.runs.add(run("a"))
    for stage in ("retriever", "generator"):
        plain.runs.save_checkpoint("a", step=1, digest=plain.objects.publish(stage.encode()), stage=stage, best=True)
    first = plain.runs.latest_checkpoint("a", stage="retriever")
    newest = plain.runs.latest_checkpoint("a")
    assert first is not None
    assert newest is not None
    assert plain.objects.read(first.digest) == b"retriever"
    assert newest.stage == "generator"
    plain.runs.drop_checkpoints("a", stage="retriever")
    assert plain.runs.best_checkpoint("a", stage="retriever") is None
    plain.runs.drop_checkpoints("a")
    assert plain.runs.latest_checkpoint("a") is None
    assert plain.verify(Monitor(), deep=True).checked == 7  # no object left


def test_a_checkpoint_of_a_missing_object_is_refused(plain: Workspace) -> None:
    plain.runs.add(run("a"))
    with pytest.raises(DamagedError):
        plain.runs.save_checkpoint("a", step=1, digest="0" * 64)
    assert plain.runs.latest_checkpoint("a") is None


def test_the_tuned_models_of_a_run_are_kept(workspace: Workspace) -> None:
    old = workspace.objects.publish_folder({"model.safetensors": b"old"})
    new = workspace.objects.publish_folder({"model.safetensors": b"new"})
    workspace.runs.add(run("a", encoder=f"object:{old}"))
    workspace.objects.sweep()
    assert workspace.objects.read_folder(old) == {"model.safetensors": b"old"}
    workspace.runs.update(run("a", encoder=f"object:{new}"))
    assert workspace.objects.read_folder(new) == {"model.safetensors": b"new"}
    with pytest.raises(DamagedError):
        workspace.objects.read_folder(old)


def test_points_come_back_in_order(workspace: Workspace) -> None:
    workspace.runs.add(run("a"))
    points = (Measured(1, {"train_loss": 2.5}), Measured(2, {"train_loss": 1.25, "validation_loss": 1.5}))
    for point in points:
        workspace.runs.add_point("a", point)
    assert workspace.runs.points("a") == points
    assert workspace.runs.points("b") == ()


def test_reports_come_back(workspace: Workspace) -> None:
    workspace.runs.save_report("base", "test", "{}")
    workspace.runs.save_report("base", "test", '{"f1": 1}')
    assert workspace.runs.report("base", "test") == '{"f1": 1}'
    assert workspace.runs.report("base", "validation") is None
    assert workspace.runs.reports() == (StoredReport("base", "test", '{"f1": 1}'),)
