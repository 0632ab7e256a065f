"""The reading order of lines, wherever they stand."""

from __future__ import annotations

import pytest

from engine.documents.page_layout import Line, arrange

PROSE = "a line of prose that fills its column"


def line(text: str, x: float, y: float, *, first: int = 0, size: float = 10) -> Line:
    return Line(text, first, x, y, x + 5 * len(text), y + size, size)


def read(*lines: Line, right_to_left: bool = False) -> str:
    return "".join(separator + line.text for separator, line in arrange(lines, right_to_left=right_to_left))


def two_columns() -> list[Line]:
    """Two columns of eight lines, written row by row, under a title over both."""
    rows = [
        line(f"{side}{number} {PROSE}", x, 100 + 12 * number, first=100 * (2 * number + column))
        for number in range(8)
        for column, (side, x) in enumerate((("L", 50), ("R", 300)))
    ]
    return [line("A title that stretches over both of the columns below it, from edge to edge", 60, 60), *rows]


def test_columns_written_row_by_row_are_read_one_after_the_other() -> None:
    words = read(*two_columns()).split()
    assert [word for word in words if word[0] in "LR"] == [f"{side}{n}" for side in "LR" for n in range(8)]
    assert words[:2] == ["A", "title"]


def test_columns_are_read_from_the_right_where_the_script_runs_so() -> None:
    words = read(*two_columns(), right_to_left=True).split()
    assert [word for word in words if word[0] in "LR"] == [f"{side}{n}" for side in "RL" for n in range(8)]


def test_columns_below_half_a_page_of_plain_text_are_found() -> None:
    intro = [
        line(f"intro {n} " + "that fills the page from one margin to the other " * 2, 50, 20 + 12 * n, first=n)
        for n in range(-20, 5)
    ]
    words = read(*intro, *two_columns()[1:]).split()
    assert [word for word in words if word[0] in "LR"] == [f"{side}{n}" for side in "LR" for n in range(8)]


def test_a_table_written_column_by_column_is_read_as_rows() -> None:
    cells = [("Drug", "Dose", "Route"), ("Aspirin", "100 mg", "oral"), ("Heparin", "5 units", "i.v.")]
    lines = [
        line(cells[row][column], 50 + 100 * column, 100 + 14 * row, first=100 * (3 * column + row))
        for column in range(3)
        for row in range(3)
    ]
    assert read(*lines) == "Drug | Dose | Route\nAspirin | 100 mg | oral\nHeparin | 5 units | i.v."


def test_labels_stay_beside_what_they_label() -> None:
    lines = [
        each
        for n in range(6)
        for each in (
            line(f"{n}.", 50, 100 + 12 * n, first=200 * n),
            line(f"item {n} {PROSE}", 80, 100 + 12 * n, first=200 * n + 50),
        )
    ]
    words = read(*lines).split()
    assert [word for word in words if word.endswith(".")] == [f"{n}." for n in range(6)]
    assert words[:3] == ["0.", "item", "0"]


def test_lines_in_order_are_left_in_order_and_paragraphs_are_told() -> None:
    assert read(line("One", 50, 100), line("two.", 50, 112), line("Three", 50, 140)) == "One\ntwo.\n\nThree"


@pytest.mark.parametrize("spacing", [11, 17, 24, 30])
def test_lines_that_stand_far_apart_are_told_from_paragraphs(spacing: int) -> None:
    words = [f"{start} {PROSE}" for start in ("One", "goes", "on.", "Two", "goes", "on", "and", "on.")]
    heights = [spacing * number + 5 * (number >= 3) for number in range(8)]
    lines = [
        line(text, 50, 50 + height, first=50 * number)
        for number, (text, height) in enumerate(zip(words, heights, strict=True))
    ]
    assert [paragraph.count("\n") for paragraph in read(*lines).split("\n\n")] == [2, 4]


def test_items_are_no_lines_of_a_sentence() -> None:
    items = [line(f"{letter}) {PROSE}", 50, 50 + 19 * row, first=60 * row) for row, letter in enumerate("abcdefgh")]
    assert read(*items).count("\n\n") == 7


def test_short_lines_that_stand_far_apart_are_paragraphs() -> None:
    terms = [line(f"term {number}", 50, 50 + 25 * number, first=20 * number) for number in range(8)]
    assert read(*terms).count("\n\n") == 7


def test_a_line_written_last_but_standing_first_is_read_first() -> None:
    assert read(line("body", 50, 100, first=0), line("more", 50, 112, first=9), line("Head", 50, 40, first=20)) == (
        "Head\n\nbody\nmore"
    )


def test_a_broken_word_is_put_together() -> None:
    broken = Line("tion", 8, 50, 112, 80, 122, 10, joined=True)
    assert read(line("func", 50, 100, first=3), broken) == "function"


def test_a_page_without_lines_is_empty() -> None:
    assert arrange([]) == []


def test_a_table_may_begin_below_prose_that_stands_in_line_with_it() -> None:
    rows = [("p" * 100, "q" * 100)] * 2 + [("Drug", "Dose"), ("Aspirin", "100 mg"), ("Heparin", "5 units")]
    lines = [
        line(text, 50 + 510 * column, 100 + 14 * row, first=1000 * row + 500 * column)
        for row, cells in enumerate(rows)
        for column, text in enumerate(cells)
    ]
    arrange(lines)
    assert [each.is_cell for each in lines] == [False] * 4 + [True] * 6
