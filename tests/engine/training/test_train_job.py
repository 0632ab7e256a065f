"""The training job on two-layer models: both stages, what is kept, resumption, and what is too little to learn from."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from torch import Tensor

from engine.device import Device
from engine.errors import Cancelled, RunError, TrainingError
from engine.evaluation.asked import held_out
from engine.importing import ImportFiles
from engine.jobs import Event, Measured, Monitor, Progress
from engine.models.library import CHAT_GENERATOR, DEFAULT_ENCODER, DEFAULT_GENERATOR, ModelLibrary
from engine.records import Fusion, Run
from engine.retrieval.encoder import Encoder
from engine.retrieval.retriever import Retriever
from engine.serving.job import AnswerBatch, AnswerQuestion, Search
from engine.session import BASE, TUNED, Session
from engine.settings import SettingError
from engine.training import estimate, generator_stage, loop, retriever_stage
from engine.training.answering import HowRead, reading_of
from engine.training.course import lesson_questions
from engine.training.job import EstimateTraining, Train
from engine.training.loop import Pace, Task
from engine.training.retriever import interpolate
from engine.training.retriever_stage import DENSE
from engine.workspace.job import RemoveDocuments
from tests.engine.training.stopping import run_until

Gains = Callable[[Encoder], np.ndarray]

DRUGS = [
    "amoxicillin",
    "ibuprofen",
    "metformin",
    "ramipril",
    "heparin",
    "insulin",
    "morphine",
    "digoxin",
    "warfarin",
    "codeine",
]


def fill(session: Session, folder: Path, *, questions: int = 10, with_context: bool = True) -> None:
    folder.mkdir()
    rows: list[dict[str, str]] = []
    for number, drug in enumerate(DRUGS):
        text = f"The usual dose of {drug} is {number + 1}0 mg. It is given by mouth after a meal. " + f"{drug} " * 5
        (folder / f"{drug}.txt").write_text(text, encoding="utf-8")
        row = {"question": f"What is the usual dose of {drug}?", "answer": f"{number + 1}0 mg"}
        if with_context:
            row |= {"context": text, "document": f"{drug}.txt"}
        else:
            row["answer"] = "what the ward decided"  # and no document says
        row["split"] = "train" if number < 8 else ("validation" if number == 8 else "test")
        rows.append(row)
    (folder / "questions.jsonl").write_text("\n".join(json.dumps(row) for row in rows[:questions]), encoding="utf-8")
    ImportFiles((str(folder),)).run(session, Monitor())


@pytest.fixture
def filled(session: Session, tmp_path: Path) -> Session:
    fill(session, tmp_path / "files")
    return session


def quick(what: str, **given: object) -> Train:
    return Train(what=what, preset="quick", epochs=2, batch_size=4, **given)  # type: ignore[arg-type]  # a test's choice


@pytest.mark.parametrize(
    ("general", "share"),
    [
        pytest.param([0.80, 0.80, 0.79, 0.80], 1.0, id="nothing is forgotten"),
        pytest.param([0.70, 0.78, 0.795, 0.80], 0.5, id="the better mixtures forget too much"),
        pytest.param([0.70, 0.71, 0.72, 0.73, 0.80], 0.125, id="all do: less than any of them"),
        pytest.param([0.70, 0.71, 0.72, 0.73, 0.74, 0.75, 0.70], 0.0, id="even the least does: the base"),
    ],
)
def test_a_mixture_that_forgets_little_is_preferred(
    filled: Session, monkeypatch: pytest.MonkeyPatch, general: list[float], share: float
) -> None:
    told, chosen = iter([0.80, *general, 0.80]), []  # of the base first; 1, ¾, ½, ¼ … of the tuned weights; the run's
    monkeypatch.setattr(retriever_stage, "general_ndcg", lambda encoder: next(told))

    def mix(
        encoder: Encoder,
        base: Mapping[str, Tensor],
        gains: Gains,
        monitor: Monitor,
        *,
        allows: Callable[[Encoder], bool],
    ) -> float:
        better = iter([0.9, 0.8, 0.7, 0.6])
        chosen.append(interpolate(encoder, base, lambda encoder: np.full(4, next(better)), monitor, allows=allows))
        return chosen[0]

    monkeypatch.setattr(retriever_stage, "interpolate", mix)
    quick("retriever").run(filled, Monitor())
    assert chosen == [share]


def test_both_stages_train_and_the_run_says_what_was_measured(filled: Session) -> None:
    events: list[Event] = []
    run = quick("all").run(filled, Monitor(listen=events.append))
    assert run.state == "finished"
    assert {"ndcg@10", "hit@1", "f1", "exact_match"} <= run.before.keys() & run.after.keys()
    assert 0 < run.before["general ndcg@10"] <= 1
    assert 0 < run.after["general ndcg@10"] <= 1
    assert run.steps == 8
    names = {name for event in events if isinstance(event, Measured) for name in event.values}
    assert {"retriever/train_loss", "retriever/validation_ndcg@10", "generator/train_loss"} <= names
    assert any(isinstance(event, Progress) and event.left_s is not None for event in events)
    assert filled.workspace.runs.points(run.id)
    assert filled.workspace.runs.latest_checkpoint(run.id) is None
    trained = [question for question in filled.workspace.questions.every() if question.split == "train"]
    assert filled.workspace.runs.trained(run.id) == {question.id for question in trained}
    assert filled.workspace.runs.learned(run.id) == {question.document_id for question in trained}
    assert filled.workspace.verify(Monitor(), deep=True).ok


def test_an_estimate_hears_of_a_cancel_within_a_stage(filled: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monitor = Monitor()

    def time_steps(task: Task, steps: Sequence[int], device: Device) -> Pace:
        monitor.cancel()
        loop.time_steps(task, steps, device)
        pytest.fail("The steps were timed to their end.")

    monkeypatch.setattr(estimate, "time_steps", time_steps)
    with pytest.raises(Cancelled):
        EstimateTraining(quick("retriever")).run(filled, monitor)


def test_time_and_memory_are_estimated_before_anything_is_trained(filled: Session) -> None:
    few = EstimateTraining(quick("all")).run(filled, Monitor())
    assert few.stages.keys() == {"retriever", "generator"}
    assert min(few.memory_bytes, few.free_bytes) > 0
    assert few.seconds == sum(few.stages.values()) > 0
    many = EstimateTraining(replace(quick("all"), epochs=40)).run(filled, Monitor())
    assert few.seconds < many.seconds
    assert (
        EstimateTraining(replace(quick("all"), epochs=40, minutes=0.001)).run(filled, Monitor()).seconds < many.seconds
    )
    assert EstimateTraining(quick("joint")).run(filled, Monitor()).stages.keys() == {"retriever", "generator", "joint"}
    assert filled.workspace.runs.list() == ()
    with pytest.raises(SettingError):
        EstimateTraining(replace(quick("all"), epochs=0)).run(filled, Monitor())
    for minutes in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="Minutes can't be"):
            EstimateTraining(replace(quick("all"), minutes=minutes)).run(filled, Monitor())


@pytest.mark.parametrize("named", [{"model": CHAT_GENERATOR}, {"encoder": DEFAULT_ENCODER}])
def test_a_model_too_large_for_the_memory_is_refused_before_it_is_read(
    filled: Session, monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    monkeypatch.setattr(Device, "free_memory_bytes", lambda self: 2**20)
    monkeypatch.setattr(Device, "resident_bytes", lambda self: 0)
    monkeypatch.setattr(ModelLibrary, "files", None)  # whoever reads one fails
    training = replace(quick("all"), **named)
    for job in (EstimateTraining(training), training):
        with pytest.raises(TrainingError, match=r"needs 0\.6 GiB of memory, 0\.0 are free"):
            job.run(filled, Monitor())
    assert filled.workspace.runs.list() == ()


def test_the_measured_gain_decides_what_is_kept_and_active(filled: Session) -> None:
    run = quick("retriever").run(filled, Monitor())
    better = run.after["ndcg@10"] > run.before["ndcg@10"]
    assert run.kept == better
    assert run.encoder.startswith(TUNED) == better
    assert filled.workspace.runs.active == (run.id if better else BASE)
    assert ("better" in run.reason) and f"{run.after['ndcg@10']:.3f}" in run.reason


def tell_measured(monkeypatch: pytest.MonkeyPatch, reached: list[tuple[float, float]]) -> None:
    """What validation will be told to measure, in turn: nDCG@10 of the fused ranking and of the dense one."""
    told = iter(reached)

    def measured(*asked: object) -> tuple[Fusion, dict[str, float]]:
        fused, dense = next(told)
        return Fusion(), {"ndcg@10": fused, DENSE: dense, "hit@1": 0.5}

    monkeypatch.setattr(retriever_stage, "measured", measured)


def import_other_encoder(session: Session, folder: Path) -> None:
    shutil.copytree(session.library.folder(DEFAULT_ENCODER), folder)
    (folder / "vademecum.json").unlink()
    session.library.import_model(folder)


def test_another_encoder_is_kept_only_if_it_beats_the_active_runs(
    filled: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import_other_encoder(filled, tmp_path / "other-encoder")
    # Untuned; the active run; with matching learnt; tuned.
    tell_measured(monkeypatch, [(0.5, 0.5), (0.9, 0.5), (0.6, 0.5), (0.8, 0.5)])
    run = quick("retriever", encoder="other-encoder").run(filled, Monitor())
    assert (run.kept, run.encoder, filled.workspace.runs.active) == (False, DEFAULT_ENCODER, BASE)
    assert (run.before["ndcg@10"], run.after["ndcg@10"]) == (0.9, 0.8)
    assert run.reason.endswith("The search started from other-encoder.")


def test_a_run_keeps_the_imported_encoder_it_was_trained_with(
    filled: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import_other_encoder(filled, tmp_path / "other-encoder")
    # Untuned; the active run; with matching learnt; tuned: so the untuned one stays.
    tell_measured(monkeypatch, [(0.5, 0.5), (0.4, 0.5), (0.6, 0.5), (0.5, 0.5)])
    run = quick("retriever", encoder="other-encoder").run(filled, Monitor())
    assert run.kept and run.encoder.startswith(TUNED)
    filled.library.remove("other-encoder")
    filled.workspace.objects.sweep()
    again = Session(workspace=filled.workspace, library=filled.library, device=filled.device)
    assert Search("dose of heparin", run_name=run.id).run(again, Monitor()).run == run.id


@pytest.mark.parametrize(
    ("encoder", "fewest", "weights"),
    [
        pytest.param("other-encoder", 30, [0.35, 0.6, 0.35, 0.35], id="another one: its own weight, too"),
        pytest.param("other-encoder", 1, [0.6, 0.6, 0.6, 0.6], id="validation questions enough to choose it"),
        pytest.param("", 30, [0.6, 0.6, 0.6], id="the parent's"),
    ],
)
def test_the_weight_is_never_another_encoders(
    encoder: str,
    fewest: int,
    weights: list[float],
    filled: Session,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    import_other_encoder(filled, tmp_path / "other-encoder")
    own, measured_with = Fusion(0.35, dense_unit=0.5, lexical_unit=9.0), list[float]()

    def measured(retriever: Retriever, *asked: object) -> tuple[Fusion, dict[str, float]]:
        measured_with.append(retriever.fusion.weight)
        return retriever.fusion, {"ndcg@10": 0.5, DENSE: 0.5, "hit@1": 0.5}

    monkeypatch.setattr(retriever_stage, "measured", measured)
    monkeypatch.setattr(retriever_stage, "untuned_fusion", lambda *asked: own)
    monkeypatch.setattr(retriever_stage, "MIN_QUESTIONS_FOR_WEIGHT", fewest)
    quick("retriever", encoder=encoder).run(filled, Monitor())
    assert measured_with == weights  # untuned; the parent, where that is another; with matching learnt; tuned


def test_a_training_outlives_the_model_it_started_from(filled: Session, tmp_path: Path) -> None:
    import_other_encoder(filled, tmp_path / "other-encoder")

    def remove(event: Event) -> None:
        if isinstance(event, Measured) and filled.library.has("other-encoder"):
            filled.library.remove("other-encoder")

    assert quick("all", encoder="other-encoder").run(filled, Monitor(listen=remove)).state == "finished"
    assert not filled.library.has("other-encoder")


@pytest.mark.parametrize(
    ("tuned", "kept"),
    [
        pytest.param((0.78, 0.7), True, id="the dense ranking gains more than the fused one loses"),
        pytest.param((0.78, 0.61), False, id="it gains less"),
        pytest.param((0.69, 0.9), False, id="the fused one is below the parent's"),
    ],
)
def test_an_encoder_is_kept_for_what_both_its_rankings_gain(
    tuned: tuple[float, float], kept: bool, filled: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell_measured(monkeypatch, [(0.7, 0.6), (0.8, 0.6), tuned])  # untuned; with matching learnt; tuned
    run = quick("retriever").run(filled, Monitor())
    assert (run.kept, run.encoder.startswith(TUNED), run.after["ndcg@10"]) == (True, kept, tuned[0] if kept else 0.8)


@pytest.mark.parametrize(("tuned", "kept"), [(0.6, True), (0.4, False)])
def test_another_generator_is_kept_only_if_it_answers_better_than_the_active_run(
    tuned: float, kept: bool, filled: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, other = HowRead("apart", 2, 4, 0.2, 0.8, 2.0, weighs_search=True), HowRead("together", 1)
    active = replace(filled.run(BASE), id="active-1", **asdict(own))
    filled.workspace.runs.add(active)
    filled.workspace.runs.activate(active.id)

    def answered(lesson: object, run: Run, *rest: object) -> dict[str, float]:
        return {"f1": {(DEFAULT_GENERATOR, own): 0.5}.get((run.generator, reading_of(run)), 0.1)}

    monkeypatch.setattr(generator_stage, "answered", answered)
    monkeypatch.setattr(generator_stage, "best_reading", lambda *asked: (other, {"f1": tuned}))
    run = quick("generator", model=CHAT_GENERATOR).run(filled, Monitor())
    assert (run.before["f1"], run.kept) == (0.5, kept)
    assert (run.generator == DEFAULT_GENERATOR, reading_of(run)) == (not kept, other if kept else own)
    assert run.steps > 0


def test_a_tuned_run_searches_and_answers(filled: Session) -> None:
    run = quick("all").run(filled, Monitor())
    assert Search("dose of heparin", run_name=run.id).run(filled, Monitor()).run == run.id
    answer = AnswerQuestion("What is the usual dose of heparin?", run_name=run.id).run(filled, Monitor())
    assert answer.run == run.id and not answer.cached
    assert AnswerQuestion("What is the usual dose of heparin?", run_name=run.id).run(filled, Monitor()).cached
    (batched,) = AnswerBatch(("What is the usual dose of heparin?",), run_name=run.id).run(filled, Monitor())
    assert batched.answer == answer.answer


@pytest.mark.parametrize("stage", ["retriever", "generator"])
def test_a_cancelled_training_is_resumed_and_ends_like_an_undisturbed_one(filled: Session, stage: str) -> None:
    stopped = run_until(quick("all"), filled, lambda event: f"{stage}/train_loss" in event.values and event.step == 3)
    assert stopped.state == "interrupted"
    steps: list[tuple[str, int]] = []

    def note(event: Event) -> None:
        if isinstance(event, Measured):
            steps.extend((name, event.step) for name in event.values if name.endswith("train_loss"))

    resumed = Train(resume=stopped.id).run(filled, Monitor(listen=note))
    assert steps[0] == (f"{stage}/train_loss", 4)
    assert (resumed.id, resumed.state) == (stopped.id, "finished")
    undisturbed = quick("all").run(filled, Monitor())
    assert resumed.after["ndcg@10"] == pytest.approx(undisturbed.after["ndcg@10"], abs=0.2)


def test_a_stopped_training_is_named_when_a_document_it_learned_from_is_removed(filled: Session) -> None:
    run = run_until(quick("retriever"), filled, lambda event: event.step > 0)
    question = filled.workspace.questions.list("train")[0]
    removed = RemoveDocuments((question.document_id,)).run(filled, Monitor())
    assert removed.runs_that_learned_from_it == (run.id,)
    assert question.id in filled.workspace.runs.trained(run.id)


def test_a_training_is_not_resumed_where_its_model_no_longer_fits(
    filled: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = run_until(
        replace(quick("retriever"), encoder=DEFAULT_ENCODER),
        filled,
        lambda event: "retriever/train_loss" in event.values,
    )
    monkeypatch.setattr(Device, "free_memory_bytes", lambda self: 2**20)
    monkeypatch.setattr(Device, "resident_bytes", lambda self: 0)
    with pytest.raises(TrainingError, match=r"of memory, 0\.0 are free"):
        Train(resume=stopped.id).run(filled, Monitor())
    (untouched,) = filled.workspace.runs.list()
    assert untouched == stopped


def test_a_finished_run_is_not_resumed(filled: Session) -> None:
    run = quick("retriever").run(filled, Monitor())
    with pytest.raises(RunError) as failure:
        Train(resume=run.id).run(filled, Monitor())
    assert failure.value.hint


def test_a_causal_model_trains_too(filled: Session) -> None:
    run = quick("generator", model=CHAT_GENERATOR).run(filled, Monitor())
    assert run.state == "finished" and "generator kept" in run.after


def test_too_few_questions_and_no_evidence_are_sentences(session: Session, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training questions"):
        quick("retriever").run(session, Monitor())
    fill(session, tmp_path / "few", questions=5)
    with pytest.raises(TrainingError, match="only 5 training questions"):
        quick("retriever").run(session, Monitor())
    assert session.workspace.runs.list() == ()


def test_questions_without_evidence_are_a_sentence(session: Session, tmp_path: Path) -> None:
    fill(session, tmp_path / "loose", with_context=False)
    with pytest.raises(TrainingError) as failure:
        quick("generator").run(session, Monitor())
    assert "context" in failure.value.hint


def test_a_bad_setting_is_refused_before_a_run_is_written(filled: Session) -> None:
    with pytest.raises(SettingError):
        Train(preset="fast").run(filled, Monitor())
    with pytest.raises(SettingError):
        Train(minutes=0.0).run(filled, Monitor())
    with pytest.raises(TrainingError):
        Train(what="retriever", model=CHAT_GENERATOR).run(filled, Monitor())
    assert filled.workspace.runs.list() == ()


def test_validation_questions_are_never_trained_on(filled: Session) -> None:
    training, validation = lesson_questions(filled, "all")
    assert {question.id for question in training}.isdisjoint(question.id for question in validation)
    assert [question.id for question in validation] == [question.id for question in held_out(filled, "validation")]
    assert {question.split for question in training} == {"train"}


def test_a_failed_stage_leaves_a_run_that_can_be_resumed(filled: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.errors import StorageError
    from engine.workspace.objects import ObjectStore

    def full(self: ObjectStore, files: object) -> str:
        raise StorageError("The disk is full.", hint="Free some space and go on.")

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "publish_folder", full)
        with pytest.raises(StorageError):
            quick("retriever").run(filled, Monitor())
    (failed,) = filled.workspace.runs.list()
    assert (failed.state, failed.reason) == ("failed", "The disk is full.")
    finished: Run = Train(resume=failed.id).run(filled, Monitor())
    assert finished.state == "finished"
