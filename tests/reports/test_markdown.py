"""The report as Markdown."""

from __future__ import annotations

import re

import pytest

from genbench.registry import plugin
from genbench.tables.table import Cell, Document, Row, Table, TableColumn, figure_file


@pytest.fixture(scope="module")
def text(report: Document) -> str:
    rendered = plugin("report", "markdown").load().render(report)
    assert isinstance(rendered, str)
    return rendered


def test_every_line_of_a_table_has_as_many_cells_as_its_head(text: str) -> None:
    """A bar that is part of a name is escaped and makes no cell."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]

    assert len(lines) == 2 + 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {1 + 4}


def test_a_hostile_name_is_text(text: str) -> None:
    assert r"a\|b\<script\>alert(1)\</script\>" in text
    assert re.search(r"(?<!\\)<(?!/?(?:sup|details|summary)>)", text) is None


def test_a_paragraph_cannot_begin_a_list(text: str) -> None:
    assert "\n\\- Lead with \\*stars\\*" in text


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("1. one", r"1\. one"),
        ("---", r"\---"),
        ("# no head", r"\# no head"),
        ("a_b [c](d) `e`", r"a\_b \[c\](d) \`e\`"),
        ("see https://a.b or www.a.b", r"see https:\/\/a.b or www\.a.b"),
        ("&lt;", r"\&lt;"),
        ("two\nlines", "two lines"),
    ],
)
def test_markup_is_escaped(words: str, wanted: str) -> None:
    assert plugin("report", "markdown").open().paragraph(words) == wanted


def test_the_best_is_bold_and_the_anchors_are_in_italics(text: str) -> None:
    assert "**9.00 ± 0.09**" in text
    assert "| *real images* | " in text
    assert "**1.00 ± 0.01**" not in text


def test_a_figure_is_a_relative_link(report: Document, text: str) -> None:
    file = figure_file(report.figures[0])

    assert re.fullmatch(r"figures/[a-z0-9-]+\.png", file)
    assert f"]({file})" in text


def test_notes_are_folded_under_one_line(report: Document, text: str) -> None:
    before, _, folded = text.partition("<details>")

    assert report.tables[0].brief
    assert before.rstrip().endswith("± is std over 5 sets.")
    assert "yardsticks" in folded.partition("</details>")[0]


def test_a_head_has_no_gap_where_an_arrow_is_missing() -> None:
    column = TableColumn("n", "neighbours", "", None, 3, "p", "a")
    table = Table("t", "t", 64, "", (column,), (Row("m", "", False, (Cell(1.0),)),))

    words = plugin("report", "markdown").load().render(Document("", tables=(table,)))

    assert "| neighbours <sup>a</sup> |" in words


def test_footnotes_name_the_protocol_and_what_differs(report: Document, text: str) -> None:
    second = report.tables[0].footnotes[1]

    assert "<sup>a</sup>" in text
    assert f"protocol {second.protocol_id}" in text
    assert "images.samples is 50000, in a it is 10000" in text


def test_commands_cannot_leave_their_fence(text: str) -> None:
    assert "````sh\ngenbench train ``` --set a=1\n````" in text


def test_control_characters_are_replaced(text: str) -> None:
    assert "\x1b" not in text
