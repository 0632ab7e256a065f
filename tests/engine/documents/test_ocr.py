"""The recognition's models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import rapidocr

from engine.documents import ocr


@pytest.mark.parametrize(("cores", "told"), [(None, {-1}), (1, {1}), (64, {1, ocr._THREADS_MAX})])
def test_threads_are_named_only_where_the_system_tells_its_cores(
    cores: int | None, told: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    given: dict[str, Any] = {}
    monkeypatch.setattr(rapidocr, "RapidOCR", lambda params: given.update(params))
    ocr._models.__wrapped__()
    assert {value for name, value in given.items() if name.endswith("_threads")} == told


def test_recognition_takes_no_more_threads_than_the_machine_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text("threads = 2", encoding="utf-8")
    monkeypatch.setattr("engine.machine_settings.settings_path", lambda: tmp_path / "settings.toml")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(64), raising=False)
    given: dict[str, Any] = {}
    monkeypatch.setattr(rapidocr, "RapidOCR", lambda params: given.update(params))
    ocr._models.__wrapped__()
    assert given["EngineConfig.onnxruntime.intra_op_num_threads"] == 2
