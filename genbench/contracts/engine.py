"""The last promise of a model: the engine trains it, goes on with it, and it is measured."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from genbench import registry, runs
from genbench.contracts.outcome import ContractBroken
from genbench.contracts.small_model import RESOLUTION, ROWS, built
from genbench.data import open_dataset
from genbench.errors import GenbenchError
from genbench.evaluation.api import Request, measure
from genbench.evaluation.settings import Evaluation
from genbench.interfaces import (
    Model,
)
from genbench.runs import Run, checkpoints
from genbench.runtime import progress
from genbench.training.api import train
from genbench.training.ema import EMA
from genbench.training.resume import resume

DATA, TRAINING = "toyfaces:60", 50  # of which the engine trains on so many
MEASURED = ("swd",)  # a metric that needs no network and no encoder


def trains_resumes_and_is_measured(name: str, declared: Model[Any]) -> None:
    """Two steps of the engine are one, a kill, and another; then samples are measured."""
    with tempfile.TemporaryDirectory() as place, progress.silent():
        folder = Path(place)
        start = None if declared.starts_from is None else _origin(declared.starts_from, folder)
        first = _first_batch(name, declared)
        whole = _trained_run(name, folder / "whole", 2 * first, start)
        half = _trained_run(name, folder / "half", first, start)
        half, _ = resume(half.folder, {"images": 2 * first})
        left, right = (checkpoints.latest(r.checkpoints, training=True)[0] for r in (whole, half))
        for kind, mine, theirs in (
            ("weights", left.model, right.model),
            ("running average", left.average, right.average),
        ):
            for key, value in mine.items():
                if not torch.equal(value, theirs[key]):
                    raise ContractBroken(
                        f"{name}: {key} ({kind}) of a resumed run is not that of an uninterrupted "
                        "one; is all that a step changes in state_dict or an optimiser?"
                    )
        _grow_up(whole)
        how = Evaluation(metrics=MEASURED, images=ROWS, repeats=1, fewer=True, device="cpu")
        data = open_dataset(DATA, RESOLUTION)
        for record in measure(Request(models=[str(whole.folder)], how=how, data=data)).records:
            if record.value is None:
                raise ContractBroken(f"{name}: {record.metric} is not measured: {record.reason}")


def _trained_run(name: str, folder: Path, images: int, start: Path | None) -> Run:
    """So many images of the preset tiny, by the engine."""
    engine = {"data": DATA, "resolution": RESOLUTION, "images": images, "device": "cpu"}
    try:
        return train(
            name,
            preset="tiny",
            training={**engine, "grids": 0},
            runs_dir=folder.parent,
            name=folder.name,
            start=start,
        )
    except GenbenchError as error:
        raise ContractBroken(f"{name} does not train: {error}") from error


def _first_batch(name: str, declared: Model[Any]) -> int:
    model = built(name, declared)
    model.total(TRAINING)
    return model.stage(0).batch


def _origin(name: str, folder: Path) -> Path:
    """A run of the model *name* that counts as trained to its end, to start another from."""
    declared = registry.model(name)
    start = None if declared.starts_from is None else _origin(declared.starts_from, folder)
    run = _trained_run(name, folder / f"origin-{name}", _first_batch(name, declared), start)
    _grow_up(run)
    return run.folder


def _grow_up(run: Run) -> None:
    """Let a run count as trained to its end, where a growing model has its full size."""
    model = runs.load(run.folder, device="cpu", average=False)
    end = checkpoints.Checkpoint(model.total(TRAINING), model.state_dict(), EMA(model).state())
    checkpoints.write(run.checkpoints, end, keep=1)
