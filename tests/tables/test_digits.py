"""Numbers as they are printed, and the files that pictures go to."""

from __future__ import annotations

import pytest

from genbench.tables.digits import number
from genbench.tables.table import (
    Cell,
    Figure,
    TableColumn,
    figure_file,
    text,
)

# --- numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "spread", "digits", "expected"),
    [
        (8.0912, 0.0534, 3, "8.091 ± 0.053"),
        (8.0912, None, 3, "8.091"),
        (8.0912, 0.0, 3, "8.091 ± 0"),
        (8.0, 0.0996, 3, "8.00 ± 0.10"),  # two digits after rounding, not three
        (123.456, 12.3, 3, "123 ± 12"),
        (45678.0, 1234.0, 3, "45700 ± 1200"),
        (0.001, 12.0, 3, "0 ± 12"),
        (-0.00001, 0.02, 3, "0.000 ± 0.020"),  # no negative zero
        (-1.5, 0.25, 3, "-1.50 ± 0.25"),
        (0.00042, None, 3, "0.00042"),  # 0.000 would say nothing
        (0.00012, 0.000034, 3, "0.000120 ± 0.000034"),
        (1.234e-7, 5e-9, 3, "(1.234 ± 0.050)e-07"),
        (1.234e-7, None, 3, "1.234e-07"),
        (12345678912.0, None, 3, "1.235e+10"),
        (23_000_000.0, None, 0, "23000000"),
        (8.0912, 1e-12, 3, "8.091 ± 1.0e-12"),  # thirteen decimals are noise to a reader
        (0.0, None, 2, "0.00"),
        (0.0, 0.5, 2, "0.00 ± 0.50"),
        (7.0, None, 0, "7"),
    ],
)
def test_numbers_have_as_many_digits_as_their_error_bar_allows(
    value: float, spread: float | None, digits: int, expected: str
) -> None:
    assert str(number(value, spread, digits)) == expected


def test_a_cell_prints_value_and_spread() -> None:
    head = TableColumn("fid", "FID", "", True, 3, "id", "a")

    assert text(Cell(8.0912, 0.0534), head) == "8.091 ± 0.053"


# --- figures ----------------------------------------------------------------------------


@pytest.mark.parametrize("title", ["../../etc/passwd", "", "a|b<script>", "x" * 500, "日本"])
def test_a_figure_gets_a_file_name_that_stays_in_its_folder(title: str) -> None:
    folder, _, name = figure_file(Figure(title, "", b"png", "")).partition("/")

    assert folder == "figures"
    assert len(name) < 80
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert name.count(".") == 1


def test_equal_titles_of_different_pictures_do_not_meet() -> None:
    one, two = (figure_file(Figure("samples", "", png, "")) for png in (b"1", b"2"))

    assert one != two
