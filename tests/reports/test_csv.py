"""The numbers as comma-separated values."""

from __future__ import annotations

import csv
import io

import pytest

from genbench.registry import plugin
from genbench.tables.table import Document


@pytest.fixture(scope="module")
def lines(report: Document) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(plugin("report", "csv").load().render(report))))


def test_every_number_is_a_line_with_its_protocol(
    report: Document, lines: list[dict[str, str]]
) -> None:
    """Eight numbers: fid of four rows, once more under another protocol, recall of three."""
    numbers = [line for line in lines if line["value"]]
    known = {column.protocol_id for column in report.tables[0].columns}

    assert len(numbers) == 8
    assert {line["protocol"] for line in numbers} == known
    assert {(line["model"], line["score"], line["value"]) for line in numbers} >= {
        ("ten", "fid", "10.0"),
        ("ten", "fid", "8.0"),
        ("real images", "recall", "0.9"),
    }


def test_numbers_are_in_full(lines: list[dict[str, str]]) -> None:
    bars = {line["model"]: float(line["spread"]) for line in lines if line["score"] == "fid"}

    assert bars["hundred"] == 100.0 / 100
    assert {line["spread_over"] for line in lines if line["spread"]} == {"std over 5 sets"}


def test_what_was_not_measured_is_a_line_with_its_reason(
    lines: list[dict[str, str]], hostile: str
) -> None:
    (line,) = [line for line in lines if line["reason"]]

    assert (line["model"], line["score"], line["value"], line["protocol"]) == (
        hostile,
        "recall",
        "",
        "",
    )
    assert line["reason"] == "cannot recall <b>anything</b>"


def test_direction_best_and_kind_are_columns(lines: list[dict[str, str]], hostile: str) -> None:
    assert {(line["score"], line["better"]) for line in lines} == {
        ("fid", "lower"),
        ("recall", "higher"),
    }
    assert {(line["model"], line["value"]) for line in lines if line["best"]} == {
        (hostile, "9.0"),
        ("hundred", "0.7"),
    }
    assert {line["model"] for line in lines if line["kind"] == "yardstick"} == {"real images"}


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("=1+1", "'=1+1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-2", "'-2"),
        ("\t=1", "'=1"),
        ("a=b", "a=b"),
        ("a\nb", "a b"),
        (None, ""),
    ],
)
def test_a_spreadsheet_runs_nothing(words: str | None, wanted: str) -> None:
    assert plugin("report", "csv").open().safe(words) == wanted
