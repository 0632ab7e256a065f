"""Corpora as JSONL."""

from __future__ import annotations

import json
from pathlib import Path

from engine.documents.formats.corpus import BadRecord, Record, read_records, survey


def _corpus(path: Path, *records: dict[str, object]) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return path


def test_each_record_is_a_document_and_a_bad_one_is_told(tmp_path: Path) -> None:
    path = _corpus(
        tmp_path / "c.jsonl",
        {"id": 7, "title": "A", "text": "one"},
        {"id": "x"},
        {"text": "two\r\nlines"},
        {"text": " "},
    )
    assert list(read_records(path)) == [
        Record(1, "7", "A", "one"),
        BadRecord(2, "it has no `text`"),
        Record(3, "", "", "two\nlines"),
        BadRecord(4, "its `text` is empty"),
    ]


def test_a_lone_surrogate_can_be_stored(tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    path.write_text('{"text": "a\\ud800b"}\n', encoding="utf-8")
    (record,) = read_records(path)
    assert isinstance(record, Record)
    assert record.text == "a\ufffdb"


def test_titles_of_several_but_not_most_records_are_shared(tmp_path: Path) -> None:
    records = [{"text": f"text {number}", "title": f"title {number}"} for number in range(8)]
    path = _corpus(
        tmp_path / "c.jsonl", *records, {"text": "a", "title": "Contract"}, {"text": "b", "title": "Contract"}
    )
    assert survey(path).shared_titles == {"Contract"}
    assert survey(path).records == 10
    path = _corpus(tmp_path / "d.jsonl", *({"text": str(number), "title": "Handbook"} for number in range(10)))
    assert survey(path).shared_titles == frozenset()
