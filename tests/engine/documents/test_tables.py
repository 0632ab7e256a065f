"""Tables as lines."""

from __future__ import annotations

import pytest

from engine.documents.tables import is_header, table_lines

DOSES = [["Drug", "Form", "Dose"], ["aspirin", "tablet", "100 mg"], ["insulin", "", "4 IU"]]


def _lines(rows: list[list[str]], header: bool | None = None) -> list[str]:
    return [line for _, line in table_lines(rows, header=header)]


def test_each_cell_below_a_header_is_named_by_it() -> None:
    assert _lines(DOSES) == [
        "Drug | Form | Dose",
        "Drug: aspirin | Form: tablet | Dose: 100 mg",
        "Drug: insulin | Dose: 4 IU",
    ]


def test_empty_rows_are_left_out_and_counted() -> None:
    rows = [["", ""], ["Drug", "Dose"], [], ["aspirin", "100"]]
    assert list(table_lines(rows, header=None)) == [(1, "Drug | Dose"), (3, "Drug: aspirin | Dose: 100")]


def test_cells_are_one_line_each() -> None:
    assert _lines([["a\nb", " c "]], header=False) == ["a b | c"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (DOSES, True),
        ([["", "2023", "2024"], ["Sales", "1", "2"]], False),  # numbers are no names
        ([["", "men", "women"], ["Berlin", "1", "2"]], True),
        ([["Name", "Smith"], ["Born", "Leeds"]], False),  # names and values beside one another
        ([["Year", "Sales"], ["2023", "1,200"]], True),
        ([["Drug", "Form", "Drug"], ["a", "b", "c"]], False),
        ([["Drug", "Form", "Dose"]], False),
        ([["Drug", "Form", "x" * 90], ["a", "b", "c"]], False),
        ([["Drug", "Form", "Dose"], ["a", "b", "c", "more"]], False),
    ],
)
def test_a_header_is_told_by_its_look(rows: list[list[str]], expected: bool) -> None:
    assert is_header(rows) is expected
