"""Records out of JSON files."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.documents.json_values import BrokenJsonError, Value, read_values


def _values(tmp_path: Path, text: str | bytes, name: str = "f.json") -> list[Value]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_values(path))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("f.json", '[{"a": 1}, {"a": 2}]'),
        ("f.json", '{"data": [{"a": 1}, {"a": 2}]}'),
        ("f.json", '\ufeff[{"a": 1},\n {"a": 2}]'),
        ("f.jsonl", '{"a": 1}\n{"a": 2}\n'),
        ("f.jsonl", '[{"a": 1}, {"a": 2}]'),
        ("f.json", '{"a": 1}\n{"a": 2}'),
        ("f.ndjson", '\ufeff{"a": 1}\r\n{"a": 2}'),
    ],
)
def test_arrays_and_lines_are_told_apart_by_content(tmp_path: Path, name: str, text: str) -> None:
    assert [value.record for value in _values(tmp_path, text, name)] == [{"a": 1}, {"a": 2}]


def test_records_may_stand_under_their_ids(tmp_path: Path) -> None:
    text = '{"21": {"question": "q"}, "22": {"question": "r", "id": "own"}}'
    records = [value.record for value in _values(tmp_path, text, "f.json")]
    assert records == [{"id": "21", "question": "q"}, {"question": "r", "id": "own"}]


def test_utf16_is_read(tmp_path: Path) -> None:
    assert _values(tmp_path, '[{"a": "ü"}]'.encode("utf-16"))[0].record == {"a": "ü"}


def test_a_broken_line_leaves_the_others(tmp_path: Path) -> None:
    values = _values(tmp_path, '{"a": 1}\n\n{"a": \n[1]\n{"a": NaN}\n{"a": 2', "f.jsonl")
    assert [(value.number, value.record is not None) for value in values] == [
        (1, True),
        (3, False),
        (4, False),
        (5, True),
        (6, False),
    ]
    assert "not valid JSON" in values[1].problem
    assert "not an object" in values[2].problem


@pytest.mark.parametrize(
    "text", ['[{"a": 1}, {"a', '[{"a": 1}, {"a": ', '[{"a": 1},\n', '[{"a": "\\u00', '[{"a": fal', "["]
)
def test_a_file_that_stops_half_way_is_refused_with_the_place(tmp_path: Path, text: str) -> None:
    with pytest.raises(BrokenJsonError, match=r"stops half-way: it ends at line \d+"):
        _values(tmp_path, text)


def test_a_mistake_in_the_middle_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(BrokenJsonError, match="line 2, column 10"):
        _values(tmp_path, '[{"a": 1},\n {"a": 2 "b": 3}, {"c": "and so on for a while"}]')


def test_a_nesting_bomb_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenJsonError, match="nested too deep"):
        _values(tmp_path, "[" * 200_000)
    assert _values(tmp_path, '{"a": ' + "[" * 200_000, "f.jsonl")[0].problem
