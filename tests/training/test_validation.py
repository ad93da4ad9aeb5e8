"""Metrics taken in training, the best checkpoint, and lists of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import genbench
from genbench import runs
from genbench.cli import main
from genbench.errors import BadInput, BadSetting, UnknownName
from genbench.figures.events import scalars
from genbench.results.protocol import from_json
from genbench.runs import best_weights, checkpoints
from genbench.runs.compare import comparison, overview
from genbench.runs.run import EVALUATIONS
from genbench.runtime import atomic
from genbench.training.validation import Validation, parse

SETTINGS = {"latent": 8, "phase_images": 64, "images": 256, "buffer": 8, "batches": [8] * 9}
TRAINING = {"data": "toyfaces:60", "resolution": 8, "grids": 0, "log_every": 4}
MEASURED = {"evaluate": ["rmse:5", "rmse:6"], "evaluate_every": 40}


def train(folder: Path, name: str = "run", **training: Any) -> runs.Run:
    return genbench.train(
        "pioneer", settings=SETTINGS, training=TRAINING | training, runs_dir=folder, name=name
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> runs.Run:
    """A run that has measured itself."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        return train(tmp_path_factory.mktemp("measured"), **MEASURED)


def test_numbers_come_with_their_recipe_at_the_full_size_only(measured: runs.Run) -> None:
    rows = atomic.read_json(measured.folder / EVALUATIONS)
    # 4x4 until 64 images, then 8x8; a multiple of 40 is passed within these steps
    assert [row["seen"] for row in rows] == [80, 80, 120, 120, 160, 160, 200, 200, 240, 240]
    assert {row["asked"] for row in rows} == {"rmse:5", "rmse:6"}
    assert from_json(rows[0]["protocol"]).images == {"pairs": 5}
    logged = scalars(measured)["rmse:5"]
    assert list(logged.seen) == [80, 120, 160, 200, 240]
    assert list(logged.values) == pytest.approx(
        [row["value"] for row in rows if row["asked"] == "rmse:5"], rel=1e-6
    )


def test_measuring_changes_nothing_of_the_training(measured: runs.Run, tmp_path: Path) -> None:
    plain = train(tmp_path)
    newest = [checkpoints.newest(run.checkpoints) for run in (plain, measured)]
    assert newest[0] is not None
    assert newest[1] is not None
    assert checkpoints.check(newest[0]).digest == checkpoints.check(newest[1]).digest


def test_the_best_weights_are_those_of_the_best_number(measured: runs.Run) -> None:
    rows = [r for r in atomic.read_json(measured.folder / EVALUATIONS) if r["asked"] == "rmse:5"]
    folder, about = best_weights.best(measured.folder)
    best = min(rows, key=lambda row: row["value"])
    assert (about["seen"], about["value"]) == (best["seen"], best["value"])
    assert (about["rule"], about["metric"]) == ("best-rmse:5-every-40", "rmse:5")
    assert [entry.name for entry in folder.parent.iterdir() if entry.is_dir()] == [folder.name]

    frame = genbench.evaluate(
        measured.folder, metrics=["rmse"], pairs=5, images=5, repeats=1, checkpoint="best"
    )
    assert frame["value"][0] == pytest.approx(best["value"])
    assert from_json(frame["protocol"][0]).checkpoint == about["rule"]


def test_without_measuring_there_is_no_best(tmp_path: Path) -> None:
    run = train(tmp_path, minutes=0)
    with pytest.raises(BadInput, match="has kept no best checkpoint: train with --evaluate"):
        genbench.load(run.folder, checkpoint="best")


def test_what_may_be_asked_for() -> None:
    assert parse("fid:768:2000").title == "fid:768:2000"
    assert parse("psnr:50").lower_is_better is False
    with pytest.raises(BadSetting, match="wanted a metric and a number of images"):
        parse("fid")
    with pytest.raises(UnknownName):
        parse("fud:2000")


def test_where_neither_way_is_better_no_weights_are_the_best(measured: runs.Run) -> None:
    """Before, the smallest distance to the training images was kept as the best."""
    wish = parse("neighbours:50")
    assert wish.lower_is_better is None
    taken = Validation(measured, runs.data_of(measured), [wish], 10, torch.device("cpu"))
    assert taken.best({wish.title: 0.5}) is None


def test_runs_are_listed_with_cost_and_best(measured: runs.Run) -> None:
    head, line = overview(runs.list_all(measured.folder.parent))
    found = dict(zip(head, line, strict=True))
    assert found["images"] == "256/256 (100%)"
    assert found["cost"].endswith(" CPU-hours")
    assert found["best so far"].startswith("rmse:5 ")
    assert found["state"] == "finished"


def test_runs_are_compared_by_what_differs(measured: runs.Run, tmp_path: Path) -> None:
    other = train(tmp_path, "other", seed=3, evaluate=["rmse:5"], evaluate_every=100)
    rows = {row[0]: row[1:] for row in comparison([measured, other])}
    assert rows[""] == ("run", "other")
    assert rows["training.seed"] == ("0", "3")
    assert "model.latent" not in rows
    assert rows["rmse:5"][0].endswith("at 240")
    assert rows["rmse:5"][1].endswith("at 200")
    assert rows["rmse:6"][1] == "-"


def test_the_command_lists_and_compares(measured: runs.Run) -> None:
    folder = str(measured.folder.parent)
    listed = CliRunner().invoke(main, ["runs", "--runs", folder])
    assert listed.exit_code == 0
    assert listed.output.splitlines()[0].split()[:2] == ["run", "model"]
    alone = CliRunner().invoke(main, ["runs", "--runs", folder, "compare", "run"])
    assert alone.exit_code == 2
