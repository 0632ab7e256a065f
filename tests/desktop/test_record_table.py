"""Tables over records: sorted, filtered and replaced as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester

from desktop.models.record_table import Column, RecordTable


@dataclass(frozen=True, slots=True)
class Animal:
    name: str
    legs: int


ANIMALS = (Animal("Spider", 8), Animal("Cat", 4), Animal("Ant\nqueen", 6))


def table() -> RecordTable:
    columns = [
        Column("Name", lambda row: row.name),
        Column("Legs", lambda row: str(row.legs), key=lambda row: row.legs, number=True),
    ]
    model = RecordTable(columns)
    model.show(ANIMALS)
    return model


def names(model: RecordTable) -> list[str]:
    return [model.index(row, 0).data() for row in range(model.rowCount())]


def test_qt_finds_no_fault_with_the_model(qapp: object) -> None:
    model = table()
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.sort(1)
    model.filter("cat")
    model.show(())
    assert tester.model() is model


def test_a_cell_is_one_line(qapp: object) -> None:
    assert names(table()) == ["Spider", "Cat", "Ant queen"]


def test_rows_are_sorted_by_key_not_by_text(qapp: object) -> None:
    model = table()
    model.sort(1)
    assert names(model) == ["Cat", "Ant queen", "Spider"]
    model.sort(-1)
    assert names(model) == ["Spider", "Cat", "Ant queen"]


def test_every_word_of_a_filter_must_be_found(qapp: object) -> None:
    model = table()
    model.filter("ANT 6")
    assert names(model) == ["Ant queen"]
    model.filter("ant 8")
    assert names(model) == []


def test_sorting_and_filter_outlive_new_records(qapp: object) -> None:
    model = table()
    model.sort(0, Qt.SortOrder.DescendingOrder)
    model.show([*ANIMALS, Animal("Dog", 4)])
    assert names(model) == ["Spider", "Dog", "Cat", "Ant queen"]


def test_numbers_stand_at_the_right(qapp: object) -> None:
    model = table()
    aligned = model.index(0, 1).data(Qt.ItemDataRole.TextAlignmentRole)
    assert aligned & Qt.AlignmentFlag.AlignRight.value
