"""Runs that know their data by a fingerprint of schema 1 are measured as before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import genbench
from genbench import runs
from genbench.data import Dataset, open_dataset
from genbench.errors import BadInput

OLD, NEW = "old", "new"


@pytest.fixture
def data() -> Dataset:
    return open_dataset("toyfaces:60", 8)


@pytest.fixture
def folder(tmp_path: Path, data: Dataset) -> Path:
    """Two runs on the same images, one of which was trained before recipes were codes."""
    for name in (OLD, NEW):
        genbench.train(
            "pca",
            settings={"latent": 4},
            runs_dir=tmp_path,
            name=name,
            training={"data": "toyfaces:60", "resolution": 8, "grids": 0},
        )
    _know(tmp_path / OLD, data.old_fingerprint)
    return tmp_path


def _know(run: Path, fingerprint: str) -> None:
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, "fingerprint": fingerprint}))


def test_its_data_are_known_again(folder: Path, data: Dataset) -> None:
    assert runs.data_of(runs.read(folder / OLD)).fingerprint == data.fingerprint


def test_old_and_new_runs_stand_in_one_table(folder: Path) -> None:
    frame = genbench.evaluate(
        "all", runs_dir=folder, metrics=["rmse"], pairs=5, images=5, repeats=1
    )

    assert set(frame.model) == {OLD, NEW}
    assert len(set(frame.protocol_id)) == 1
    assert frame.value.nunique() == 1


def test_other_images_are_still_refused(folder: Path) -> None:
    _know(folder / OLD, "ab" * 32)

    with pytest.raises(BadInput, match="the images changed; start a new run"):
        runs.data_of(runs.read(folder / OLD))
