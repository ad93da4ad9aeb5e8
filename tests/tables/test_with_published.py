"""Published numbers beside ours, held to what the papers have printed."""

from __future__ import annotations

import dataclasses

import pytest

from genbench import published, registry
from genbench.published.measures import MEASURES
from genbench.registry import metric, plugin, plugins
from genbench.tables.footnotes import Footnote
from genbench.tables.table import (
    Cell,
    Document,
    Row,
    Table,
    TableColumn,
    bodies,
    text,
)
from genbench.tables.with_published import beside

PIONEER = {"p": ("PIONEER",)}
SCORES = {"fid": "FID", "swd": "SWD", "rmse": "RMSE", "psnr": "PSNR"}


def table(dataset: str = "celeba", resolution: int = 64, runs: str = "p") -> Table:
    """One row for each run, all numbers 1, and real images; one protocol a column."""
    columns = tuple(
        TableColumn(score, title, "", score != "psnr", 3, f"{i:012x}", "abcd"[i])
        for i, (score, title) in enumerate(SCORES.items())
    )
    cells = tuple(Cell(1.0, 0.1, best=True) for _ in columns)
    rows = [Row(f"model {run}", run, False, cells) for run in runs]
    anchors = [Row("real images", "real", True, cells)]
    notes = tuple(Footnote("abcd"[i], ("x",), f"{i:012x}", ()) for i in range(len(columns)))
    return Table("t", dataset, resolution, "f", columns, (*rows, *anchors), notes)


def column(found: Table, title: str) -> dict[str, str]:
    """Label of a row -> what stands in its cell."""
    (at,) = [i for i, head in enumerate(found.columns) if head.title == title]
    return {row.label: text(row.cells[at], found.columns[at]) for row in found.rows}


def note(found: Table, title: str) -> Footnote:
    (only,) = [note for note in found.footnotes if note.titles == (title,)]
    return only


def test_pioneers_table_1_stands_beside_ours_as_printed() -> None:
    """CelebA at 64: ALI 58.88 ± 0.19, AGE 26.53 ± 0.08, Pioneer 8.09 ± 0.05; Pioneer's table 1."""
    found = beside(table(), PIONEER)

    assert column(found, "published FID") == {
        "model p": "8.09 ± 0.05",
        "ALI, as published": "58.88 ± 0.19",
        "AGE, as published": "26.53 ± 0.08",
        "ProgGAN/L1, as published": "7.98 ± 0.06",
        "real images": "—",
    }


def test_no_column_holds_numbers_of_both() -> None:
    found = beside(table(), PIONEER)
    ours = [head for head in found.columns if not head.source]
    theirs = [head for head in found.columns if head.source]

    assert [head.title for head in found.columns] == [
        "FID",
        "published FID",
        "SWD",
        "published SWD",
        "RMSE",
        "published RMSE",
        "PSNR",
    ]
    assert [head.protocol_id for head in ours] == [head.protocol_id for head in table().columns]
    assert {head.protocol_id for head in theirs} == {None}
    for row in found.rows:
        measured = [c for c, head in zip(row.cells, found.columns, strict=True) if not head.source]
        assert all(cell == Cell() for cell in measured) == row.published


def test_a_published_number_is_never_best() -> None:
    found = beside(table(), PIONEER)
    cells = [
        cell
        for row in found.rows
        for cell, head in zip(row.cells, found.columns, strict=True)
        if head.source
    ]

    assert not any(cell.best for cell in cells)
    assert any(cell.value is not None for cell in cells)
    assert "never best and never subtracted" in found.notes[0]


def test_a_footnote_says_what_is_stated_and_what_is_unknown() -> None:
    found = beside(table(), PIONEER)
    fid = note(found, "published FID")

    assert fid.marker == "e"
    assert fid.protocol_id == ""
    assert "Pioneer (ACCV 2018) Table 1" in fid.text
    assert "FID of 10,000 random samples against 10,000 training images" in fid.text
    assert "unknown: Inception implementation, and what it does not say" in fid.text
    assert "of ALI: ALI default CelebA settings, 123 epochs" in fid.text
    assert fid.brief == fid.text


def test_pioneers_rmse_only_orders() -> None:
    """Its scale is not stated: nothing may be read from it but the order of its own column."""
    found = beside(table(), PIONEER)

    assert "unknown: scale, and" in note(found, "published RMSE").text
    assert found.notes[1].startswith("published RMSE (g): the scale is unknown")
    assert "FID" not in found.notes[1]


def test_runs_of_one_model_have_its_number_each_and_its_system_no_row() -> None:
    found = beside(table(runs="pq"), {"p": ("PIONEER",), "q": ("PIONEER",)})
    printed = column(found, "published FID")

    assert printed["model p"] == printed["model q"] == "8.09 ± 0.05"
    assert "PIONEER, as published" not in printed


def test_variants_of_one_model_have_rows_of_their_own() -> None:
    """Which of the eight rows of Balanced Pioneer's table 2 a run is, nobody can say from here."""
    names = registry.model("balanced_pioneer").published_as
    found = beside(table("folder:CelebA-HQ", 128), {"p": names})
    best = column(found, "published FID (10k), best")

    assert best["model p"] == "—"
    assert best["Balanced PIONEER ablation SN+margin (ours), as published"] == "22.20"
    assert best["Balanced PIONEER ablation SN, as published"] == "not measured"
    assert [len(rows) for rows in bodies(found)] == [1, 8, 1]
    assert (
        "Balanced Pioneer (WACV 2020) Table 2 prints no value for Balanced PIONEER ablation SN"
        in (found.reasons)
    )


def test_numbers_of_training_images_do_not_stand_beside_those_of_test_images() -> None:
    """GLO's table 1 has both; ours are of test images."""
    found = beside(table(), {"p": ("PCA",)})
    theirs = [head for head in found.columns if head.source]
    printed = {
        number.value
        for number in published.of_systems(["PCA"])
        if (number.where, number.metric, number.split) == ("celeba 64x64", "psnr_db", "test")
    }
    shown = {
        row.cells[i].value
        for row in found.rows
        for i, head in enumerate(found.columns)
        if head.source and row.cells[i].value is not None
    }

    assert {head.title for head in theirs} == {"published PSNR (dB)"}
    assert shown == printed


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (table("celeba", 32), "on celeba at 32×32 by one of these measures; on celeba there are"),
        (table("toyfaces:60", 64), "on toyfaces:60 at 64×64 by one of these measures."),
    ],
)
def test_where_there_is_none_a_note_says_so(other: Table, words: str) -> None:
    found = beside(other, PIONEER)

    assert dataclasses.replace(found, notes=()) == other
    assert words in found.notes[0]


def test_every_measure_is_a_score_that_a_metric_has() -> None:
    scores = {score for name in plugins("metric") for score in metric(name).columns} | {
        score
        for name in plugins("metric")
        for v in metric(name).variants.values()
        for score in v.columns
    }

    for measure in MEASURES.values():
        assert any(score.startswith(measure.score) for score in scores), measure


@pytest.mark.parametrize("form", ["markdown", "latex", "html", "terminal", "csv", "json"])
def test_every_form_prints_it(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")  # names are not folded
    found = plugin("report", form).load().render(Document("r", tables=(beside(table(), PIONEER),)))

    assert "ALI, as published" in found
    assert "Pioneer (ACCV 2018) Table 1" in found
    assert "58.88" in found


def test_the_published_columns_come_back_from_json() -> None:
    report = Document("r", tables=(beside(table(), PIONEER),))
    form = plugin("report", "json")

    assert form.open().parse(form.load().render(report)) == report
