"""The sample workspace's sources: parsed by the real readers, every answer is found where its question says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.documents.reader import Reader

SAMPLE = Path(__file__).resolve().parents[1] / "resources" / "sample"


@pytest.fixture(scope="module")
def questions() -> list[dict[str, str]]:
    return [json.loads(line) for line in (SAMPLE / "questions.jsonl").read_text("utf-8").splitlines()]


def test_every_context_and_answer_is_in_its_document(questions: list[dict[str, str]]) -> None:
    texts: dict[str, str] = {}
    with Reader() as reader:
        for path in (*SAMPLE.glob("medicine/*"), *SAMPLE.glob("law/*")):
            texts[path.name] = reader.read(path).content.text

    lost = [
        question["question"]
        for question in questions
        if question["context"] not in texts[question["document"]] or question["answer"] not in question["context"]
    ]
    assert lost == []
    assert {question["document"] for question in questions} == texts.keys()


def test_no_document_is_in_two_splits(questions: list[dict[str, str]]) -> None:
    splits: dict[str, set[str]] = {}
    for question in questions:
        splits.setdefault(question["group"], set()).add(question["split"])

    assert {len(found) for found in splits.values()} == {1}
    assert set().union(*splits.values()) == {"train", "validation", "test"}


def test_every_document_is_attributed_and_all_are_small() -> None:
    attribution = (SAMPLE / "ATTRIBUTION.md").read_text("utf-8")
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]

    assert [path.name for path in files if path.parent != SAMPLE and f"| {path.name} |" not in attribution] == []
    assert sum(path.stat().st_size for path in files) < 1_000_000
