"""A published RAG checkpoint through the command line: import it, tune it, evaluate it, ask it, carry it away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import engine.__main__ as entry
from tests.engine.training.published_folders import make_published

DRUGS = ("amoxicillin", "heparin", "insulin", "digoxin", "warfarin", "codeine", "ramipril", "morphine")
ANSWER = "by mouth after meals"

pytestmark = [pytest.mark.slow]


def test_a_checkpoint_is_imported_tuned_evaluated_asked_and_exported(
    tmp_path: Path, tiny_models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VADEMECUM_MODELS", str(tiny_models))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(entry, "go_offline", lambda: True)  # it could not be taken back

    def call(*arguments: object) -> dict[str, Any]:
        assert entry.main([*map(str, arguments), "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    files = tmp_path / "in"
    files.mkdir()
    texts = {drug: f"The usual dose of {drug} is small. It is given {ANSWER}. " for drug in DRUGS}
    rows = [{"title": drug, "text": text} for drug, text in texts.items()]
    (files / "passages.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = [
        {"question": f"How is {drug} given?", "answer": ANSWER, "context": text, "split": split}
        for split, count in (("train", 8), ("validation", 1), ("test", 1))
        for drug, text in list(texts.items())[:count]
    ]
    for number, row in enumerate(asked):
        row["id"] = str(number)
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    checkpoint = make_published(tmp_path / "rag-tiny", texts=[*texts.values(), "How is given? / // "])

    workspace = tmp_path / "w"
    call("new", workspace, "--no-passphrase")
    assert call("import", workspace, files / "passages.jsonl", "--as", "passages")["documents"]["added"] == 8
    assert call("import", workspace, tmp_path / "questions.jsonl")["questions"]["with_evidence"] == 10
    listed = call("models", "import", checkpoint)["models"]
    assert {"name": "rag-tiny", "kind": "rag"}.items() <= next(
        one for one in listed if one["name"] == "rag-tiny"
    ).items()
    trained = call(
        *("train", workspace, "--what", "joint", "--model", "rag-tiny"),
        *("--epochs", 24, "--batch-size", 4, "--learning-rate", "4e-3"),
    )
    assert trained["what"] == "joint" and trained["kept"]
    assert call("evaluate", workspace)["answers"]["f1"] == 1.0
    assert call("ask", workspace, "How is heparin given?")["answer"] == ANSWER
    package = tmp_path / "run.vademecum"
    call("export", workspace, trained["run"], package)
    assert call("import-run", workspace, package)["run"] != trained["run"]
    call("models", "remove", "rag-tiny")
    assert call("ask", workspace, "How is insulin given?")["answer"] == ANSWER
