"""Numbers as they are printed, and the files that pictures go to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.tables.digits import Barred, number, p_value, shared
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
        (8.0912, 0.0, 3, "8.091"),  # a bar of nothing is none
        (8.0, 0.0996, 3, "8.00 ± 0.10"),  # two digits after rounding, not three
        (123.456, 12.3, 3, "123 ± 12"),
        (45678.0, 1234.0, 3, "45700 ± 1200"),
        (0.001, 12.0, 3, "0 ± 12"),
        (-0.00001, 0.02, 3, "0.000 ± 0.020"),  # no negative zero
        (-1.5, 0.25, 3, "-1.50 ± 0.25"),
        (0.00042, None, 3, "0.00042"),  # 0.000 would say nothing
        (0.00012, 0.000034, 3, "0.00012 ± 0.00003"),
        (1.234e-7, 5e-9, 3, "(1.234 ± 0.050)e-07"),
        (1.234e-7, None, 3, "1.234e-07"),
        (12345678912.0, None, 3, "1.235e+10"),
        (23_000_000.0, None, 0, "23000000"),
        (8.0912, 1e-12, 3, "8.091"),  # thirteen decimals are noise to a reader
        (0.0, None, 2, "0.00"),
        (0.0, 0.5, 2, "0.00 ± 0.50"),
        (7.0, None, 0, "7"),
    ],
)
def test_numbers_have_as_many_digits_as_their_error_bar_allows(
    value: float, spread: float | None, digits: int, expected: str
) -> None:
    assert str(number(value, spread, digits)) == expected


def printed(column: list[Barred], digits: int) -> list[str]:
    places = shared(column, digits)
    return [str(number(value, spread, places)) for value, spread in column]


@pytest.mark.parametrize(
    ("column", "digits", "expected"),
    [
        # The two numbers of issue 12 that stood beside each other with 7 and with 3 decimals.
        ([(0.9993403, 9.1e-6), (0.2, 0.017)], 3, ["0.999", "0.200 ± 0.017"]),
        # They end earlier where that leaves every bar a digit, so that they end alike.
        ([(31.2384, 0.0523), (18.3, 0.21)], 2, ["31.24 ± 0.05", "18.30 ± 0.21"]),
        ([(8.0912, 0.0534), (123.456, 12.3)], 3, ["8.091 ± 0.053", "123 ± 12"]),
        # The bars of ten thousand images are finer than what a metric has for its default.
        ([(0.12345, 0.0005), (0.22345, 0.0006)], 3, ["0.1234 ± 0.0005", "0.2234 ± 0.0006"]),
        # One bad model does not make the numbers of all others coarse.
        (
            [(0.12345, 0.0005), (0.22345, 0.0005), (0.3, 0.4)],
            3,
            ["0.1234 ± 0.0005", "0.2234 ± 0.0005", "0.30 ± 0.40"],
        ),
        # Further than their bars apart, they do not look equal.
        (
            [(0.99934, 9e-6), (0.99912, 9e-6), (0.2, 0.017), (0.3, 0.012)],
            3,
            ["0.9993", "0.9991", "0.200 ± 0.017", "0.300 ± 0.012"],
        ),
        ([(45678.0, 1234.0), (30000.0, 900.0)], 2, ["45700 ± 1200", "30000 ± 900"]),
        ([(23e6, 1e-5), (22e6, 1e-5)], 3, ["23000000.000", "22000000.000"]),
        ([(0.5, None), (0.25, None)], 3, ["0.500", "0.250"]),
        ([(1.0, 0.0), (1.0, 0.0)], 3, ["1.000", "1.000"]),
        ([], 3, []),
    ],
)
def test_the_numbers_of_a_column_end_alike(
    column: list[Barred], digits: int, expected: list[str]
) -> None:
    assert printed(column, digits) == expected


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.none() | st.floats(0, 1e3)), min_size=1, max_size=6
    ),
    st.integers(0, 4),
)
def test_no_bar_is_printed_as_nothing_or_with_more_than_two_digits(
    column: list[Barred], digits: int
) -> None:
    places = shared(column, digits)
    for value, spread in column:
        bar = number(value, spread, places).spread
        assert not bar or float(bar) > 0
        assert len(bar.replace(".", "").strip("0")) <= 2


@pytest.mark.parametrize(
    ("p", "expected"), [(0.0, "< 1e-16"), (1e-300, "< 1e-16"), (2e-16, "2e-16"), (0.0412, "0.041")]
)
def test_a_p_value_is_not_smaller_than_rounding(p: float, expected: str) -> None:
    assert p_value(p) == expected


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
