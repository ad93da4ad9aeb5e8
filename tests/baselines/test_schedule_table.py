"""The tables of Balanced Pioneer, at the samples where they change."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

table: Any = import_module("genbench.baselines._parts.schedule_table")
Row = table.Row


def at(data: str, schedule: str, seen: int) -> tuple[int, float, float]:
    growth = table.Table(table.TABLES[data, schedule], 1_200_000).growth(seen)
    return growth.resolution, growth.margin, growth.lr


@pytest.mark.parametrize(
    ("seen", "resolution", "margin"),
    [
        (0, 4, 0),
        (2_399_999, 4, 0),
        (2_400_000, 8, 0),
        (4_800_000, 16, 0),
        (7_200_000, 32, 0),
        (9_600_000, 64, 0),
        (12_999_999, 64, 0),
        (13_000_000, 64, 0.2),
        (16_519_999, 64, 0.2),
        (16_520_000, 128, 0.2),
        (20_039_999, 128, 0.2),
        (20_040_000, 256, 0.4),
        (27_000_000, 256, 0.4),
    ],
)
def test_celebahq_follows_the_paper(seen: int, resolution: int, margin: float) -> None:
    assert at("celebahq", "paper", seen) == (resolution, margin, 1e-3)


@pytest.mark.parametrize(
    ("seen", "margin", "lr"),
    [
        (2_399_999, 0, 1e-3),  # the first row of the released table is never applied
        (2_400_000, 0.5, 5e-4),
        (9_599_999, 0.5, 5e-4),
        (9_600_000, 0, 1e-3),
        (13_000_000, 0.2, 1e-3),
        (20_040_000, 0.4, 1e-3),
    ],
)
def test_the_released_table_has_an_early_margin_and_a_smaller_rate(
    seen: int, margin: float, lr: float
) -> None:
    assert at("celebahq", "release", seen)[1:] == (margin, lr)


@pytest.mark.parametrize(
    ("seen", "resolution", "margin"),
    [
        (7_200_000, 32, 0),
        (12_359_999, 64, 0),
        (12_360_000, 64, 0.6),
        (15_400_000, 128, 0.6),
        (21_399_999, 128, 0.6),
        (21_400_000, 256, 0.4),
    ],
)
def test_lsun_has_a_wider_margin(seen: int, resolution: int, margin: float) -> None:
    assert at("lsun", "paper", seen) == (resolution, margin, 1e-3)


def test_other_data_grow_evenly_without_margin() -> None:
    for phase in range(9):
        assert at("default", "paper", phase * 2_400_000) == (4 << phase, 0, 1e-3)
        assert at("default", "paper", (phase + 1) * 2_400_000 - 1) == (4 << phase, 0, 1e-3)


@pytest.mark.parametrize(
    ("seen", "alpha"),
    [
        (600_000, 0.5),
        (9_600_000, 0.0),
        (9_900_000, 0.25),
        (13_000_000, 1.0),  # another margin, no other phase: no new fade
        (13_300_000, 1.0),
        (16_519_999, 1.0),
        (16_520_000, 0.0),
        (16_520_000 + 600_000, 0.5),
        (16_520_000 + 1_200_000, 1.0),
    ],
)
def test_every_fade_lasts_as_long(seen: int, alpha: float) -> None:
    """1.2 million images, whatever the length of the phase."""
    growth = table.Table(table.TABLES["celebahq", "paper"], 1_200_000).growth(seen)

    assert growth.alpha == pytest.approx(alpha)


def test_eras_are_rows() -> None:
    """A margin change ends an era, within a phase."""
    rows = table.Table(table.TABLES["celebahq", "paper"], 1_200_000)
    growths = [rows.growth(seen) for seen in (9_600_000, 12_999_999, 13_000_000, 16_520_000)]

    assert [growth.era for growth in growths] == [4, 4, 5, 6]
    assert [growth.phase for growth in growths] == [4, 4, 4, 5]
    assert rows.eras == (4, 8, 16, 32, 64, 64, 128, 256)


@pytest.mark.parametrize(
    ("rows", "good"),
    [
        ((Row(0, 4, 0, 1), Row(5, 8, 0, 1), Row(9, 8, 1, 1)), True),
        ((), False),
        ((Row(1, 4, 0, 1),), False),
        ((Row(0, 8, 0, 1),), False),
        ((Row(0, 4, 0, 1), Row(5, 16, 0, 1)), False),
        ((Row(0, 4, 0, 1), Row(5, 8, 0, 1), Row(5, 16, 0, 1)), False),
        ((Row(0, 4, 0, 1), Row(5, 8, 0, 1), Row(9, 4, 0, 1)), False),
    ],
)
def test_rows_have_to_rise_without_a_gap(rows: tuple[Any, ...], good: bool) -> None:
    assert table.grows_evenly(rows) is good
