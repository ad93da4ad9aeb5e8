"""The report as JSON."""

from __future__ import annotations

import dataclasses
import json

import pytest

from genbench.errors import BadInput
from genbench.registry import plugin
from genbench.tables.table import Document


@pytest.fixture(scope="module")
def text(report: Document) -> str:
    rendered = plugin("report", "json").load().render(report)
    assert isinstance(rendered, str)
    return rendered


def test_the_report_comes_back_as_it_was(report: Document, text: str) -> None:
    assert plugin("report", "json").open().parse(text) == report


def test_numbers_come_back_to_the_last_bit(report: Document) -> None:
    table = report.tables[0]
    cell = dataclasses.replace(table.rows[0].cells[0], value=0.1 + 0.2, spread=1e-300)
    row = dataclasses.replace(table.rows[0], cells=(cell, *table.rows[0].cells[1:]))
    other = Document("t", tables=(dataclasses.replace(table, rows=(row, *table.rows[1:])),))
    rendered = plugin("report", "json").load().render(other)

    assert plugin("report", "json").open().parse(rendered) == other


def test_a_program_finds_a_number_and_its_protocol(text: str) -> None:
    table = json.loads(text)["tables"][0]

    assert table["rows"][0]["label"] == "ten"
    assert table["rows"][0]["cells"][0]["value"] == 10.0
    assert table["columns"][0]["protocol_id"] == table["footnotes"][0]["protocol_id"]


def test_nothing_steers_a_terminal(text: str) -> None:
    assert text.isascii()
    assert "\x1b" not in text


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"format": 99}', '{"format": 1}', '{"format": 1, "title": "t"}'],
)
def test_another_text_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(BadInput, match="no report of genbench in JSON, format 1"):
        plugin("report", "json").open().parse(text)
