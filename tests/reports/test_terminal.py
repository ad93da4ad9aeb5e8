"""The report as text for a terminal."""

from __future__ import annotations

import sys

import pytest

from genbench.registry import plugin
from genbench.tables.table import Document


def rendered(report: Document) -> str:
    words = plugin("report", "terminal").load().render(report)
    assert isinstance(words, str)
    return words


@pytest.fixture
def wide(report: Document, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    return rendered(report)


def test_a_pipe_gets_no_escape_sequences(wide: str) -> None:
    """Neither ours nor those in the words of others."""
    assert "\x1b" not in wide
    assert "genbench report \ufffd[31mred" in wide


def test_a_terminal_gets_styles(report: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)

    words = rendered(report)

    assert "\x1b[1m" in words
    assert "\x1b[31m" not in words


def test_a_hostile_name_is_text(wide: str, hostile: str) -> None:
    assert hostile in wide


def test_markup_of_the_terminal_library_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    assert rendered(Document("[red]no colour[/red]")) == "[red]no colour[/red]\n"


def test_best_and_reasons_are_marked(wide: str) -> None:
    assert "* 9.00 ± 0.09" in wide
    assert "not measured (1)" in wide
    assert "(1) cannot recall <b>anything</b>" in wide


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_a_table_that_is_too_wide_goes_on_below_and_loses_nothing(
    report: Document, wide: str, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    narrow = rendered(report)
    numbers = [line for line in narrow.splitlines() if "±" in line and "std" not in line]

    for number in ("10.00 ± 0.10", "9.00 ± 0.09", "100.0 ± 1.0", "0.700 ± 0.007"):
        assert any(number in line for line in numbers)
    assert "…" not in narrow
    assert len(narrow.splitlines()) > len(wide.splitlines())
