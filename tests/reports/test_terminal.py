"""The report as text for a terminal."""

from __future__ import annotations

import dataclasses
import sys

import pytest
from rich.cells import cell_len

from genbench.registry import plugin
from genbench.tables.table import Cell, Document, Row, Table, TableColumn


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
    assert "— (1)" in wide
    assert "(1) not measured: cannot recall <b>anything</b>" in wide


def many(models: int, scores: int) -> Document:
    """A table of so many models and scores, with names of every kind and two gaps."""
    names = [
        "pioneer-toyfaces-32",
        "vae",
        "日本日本日本",
        "balanced-pioneer-toyfaces-32 (untrained)",
    ]
    titles = ["RMSE", "MS-SSIM between samples", "reconstructionswithoutanyblank", "SWD 16"]
    columns = [
        TableColumn(f"s{i}", f"{titles[i % 4]} {i}", "dB" if i % 2 else "", True, 3, "p", "a")
        for i in range(scores)
    ]
    rows = [
        Row(
            f"{names[m % 4]} {m}",
            "",
            m == models - 1,
            tuple(
                Cell(reason="no faces") if (m, i) == (1, 1) else Cell(100 * m + i + 0.25, 0.01)
                for i in range(scores)
            ),
        )
        for m in range(models)
    ]
    table = Table("faces", "faces", 64, "", tuple(columns), tuple(rows), reasons=("no faces",))
    return Document("", tables=(table,))


@pytest.mark.parametrize("columns", [60, 80, 200])
@pytest.mark.parametrize(("models", "scores"), [(2, 1), (3, 20), (20, 3), (12, 12)])
def test_nothing_is_cut_and_no_line_is_wider_than_the_terminal(
    monkeypatch: pytest.MonkeyPatch, columns: int, models: int, scores: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    words = rendered(many(models, scores))

    for m in range(models):
        for i in range(scores):
            number = "— (1)" if (m, i) == (1, 1) else f"{100 * m + i}.250 ± 0.010"
            assert number in words
    assert "…" not in words
    assert max(map(cell_len, words.splitlines())) <= columns
    assert words.count("dB") == (scores > 1)  # units stand in the legend


@pytest.mark.parametrize(
    ("models", "scores", "corner"), [(3, 20, "metric"), (20, 3, "model"), (2, 2, "model")]
)
def test_a_table_of_few_models_and_many_scores_is_turned(
    monkeypatch: pytest.MonkeyPatch, models: int, scores: int, corner: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = rendered(many(models, scores)).splitlines()

    assert corner in {line.split()[0] for line in lines if line.strip()}


def test_notes_are_told_in_a_line_unless_the_report_is_unfolded(
    report: Document, wide: str
) -> None:
    everything = rendered(dataclasses.replace(report, unfolded=True))

    assert "yardsticks" not in wide
    assert "protocol " + report.tables[0].footnotes[0].protocol_id not in wide
    assert "genbench table --notes" in wide
    assert "images.samples is 50000, in a it is 10000" in wide  # why FID has two columns
    assert "yardsticks" in everything
    assert "protocol " + report.tables[0].footnotes[0].protocol_id in everything


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
