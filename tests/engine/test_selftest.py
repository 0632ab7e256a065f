"""The self-test: its lines, that a broken part is one line and stops nothing, and that its quick checks pass here."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

import engine.offline
from engine.errors import EngineError
from engine.selftest import (
    Check,
    SelfTestError,
    Verdict,
    check_documents,
    check_encryption,
    check_evaluate,
    check_models,
    check_network,
    check_proof,
    check_recognition,
    check_training,
    engine_checks,
    run_checks,
    training_kinds,
)


def test_each_check_is_a_line_and_a_broken_one_stops_nothing() -> None:
    def broken(folder: Path) -> str:
        raise ImportError("libtorch_cpu.so: cannot open\nshared object file")

    def refused(folder: Path) -> str:
        raise EngineError("The disk is full.", hint="Free some space.")

    verdicts: list[Verdict] = []
    checks = (Check("one", broken), Check("two", refused), Check("three", lambda folder: "It works."))
    assert not run_checks(checks, say=verdicts.append, clock=lambda: 1.0)
    assert [verdict.line() for verdict in verdicts] == [
        "FAIL  one         ImportError: libtorch_cpu.so: cannot open shared object file (0.0 s)",
        "FAIL  two         The disk is full. Free some space. (0.0 s)",
        "pass  three       It works. (0.0 s)",
    ]


def test_every_check_has_an_empty_folder_that_is_gone_afterwards() -> None:
    seen: list[Path] = []

    def look(folder: Path) -> str:
        assert list(folder.iterdir()) == []
        (folder / "left").write_text("x", encoding="utf-8")
        seen.append(folder)
        return "It works."

    assert run_checks((Check("one", look), Check("two", look)), say=lambda verdict: None)
    assert not any(folder.exists() for folder in seen)


def test_without_a_temporary_folder_every_check_is_a_line_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    verdicts: list[Verdict] = []
    checks = (Check("one", lambda folder: "It works."), Check("two", lambda folder: "It works."))
    assert not run_checks(checks, say=verdicts.append)
    assert [verdict.ok for verdict in verdicts] == [False, False]
    assert verdicts[0].text.startswith("No temporary folder can be made. Make room")


def test_every_kind_of_training_is_tried() -> None:
    names = [check.name for check in engine_checks()]
    assert {"train retriever", "train generator", "train chat"} <= set(names)
    assert "all" not in training_kinds()


@pytest.mark.parametrize("check", [check_models, check_encryption, check_documents, check_recognition, check_evaluate])
def test_the_parts_of_this_installation_work(check: object, tmp_path: Path) -> None:
    assert check(tmp_path).endswith(".")  # type: ignore[operator]  # a check


def test_a_filter_that_does_not_hold_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.offline, "go_offline", lambda: True)
    monkeypatch.setattr(engine.offline, "network_is_open", lambda: True)
    with pytest.raises(SelfTestError, match="could be made"):
        check_network(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", training_kinds())
def test_a_training_of_each_kind_runs_through_in_the_worker(
    kind: str, tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADEMECUM_MODELS", str(tiny_models))  # read by the worker process
    folder = tmp_path / "self-test ä 中"
    folder.mkdir()
    assert "validated and published" in check_training(folder, kind)


@pytest.mark.slow
def test_a_run_is_measured_and_reported_in_the_worker(
    tiny_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADEMECUM_MODELS", str(tiny_models))
    folder = tmp_path / "self-test ä 中"
    folder.mkdir()
    assert "of 2 questions; 5 files written" in check_proof(folder)
