"""GLO in the engine: the table survives a stop, and evaluation looks for codes by itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from together import alone, together

import genbench
from genbench import runs
from genbench.data import open_dataset
from genbench.images import to_bytes, to_floats
from genbench.runs import checkpoints

SETTINGS = {"latent": 8, "base": 4, "batch": 8, "epochs": 1.3, "start": "pca", "search_steps": 10}
TRAINING: dict[str, Any] = {"data": "toyfaces:60", "resolution": 16, "grids": 0}

SHARED = """
from genbench.baselines._parts.code_table import Codes, Descent, ball
rng = torch.Generator().manual_seed(0)
codes = Codes(3, adam=True)
codes.fill(torch.randn(9, 3, generator=rng) / 3)
how = Descent(lr=0.1, project=ball, betas=(0.5, 0.999))
mine = slice(RANK * 6 // COUNT, (RANK + 1) * 6 // COUNT)
for step in range(3):
    index, ways = torch.randint(0, 9, (6,), generator=rng), torch.randn(6, 3, generator=rng)
    gradient = ways[mine] / len(index[mine])  # of a mean over the batch of this process
    codes.descend(index[mine], gradient, how)
tell([codes.rows.tolist(), codes.shown.tolist()])
"""


def train(folder: Path, **changes: Any) -> runs.Run:
    return genbench.train(
        "glo", settings=SETTINGS | changes, training=TRAINING, runs_dir=folder, name="run"
    )


def state(run: runs.Run) -> dict[str, torch.Tensor]:
    newest = checkpoints.newest(run.checkpoints)
    assert newest is not None
    return load_file(newest / checkpoints.MODEL)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_run_stopped_and_resumed_is_the_same_run(optimizer: str, tmp_path: Path) -> None:
    """Weights and table, bit by bit; batches reach over the end of the epoch."""
    straight = train(tmp_path / "straight", optimizer=optimizer)
    run = genbench.train(
        "glo",
        settings=SETTINGS | {"optimizer": optimizer},
        training=TRAINING | {"minutes": 0},
        runs_dir=tmp_path,
        name="run",
    )
    for _ in range(3):
        run, _ = genbench.resume(run.folder, {"minutes": 0})
    run, _ = genbench.resume(run.folder)

    left, right = state(straight), state(run)
    assert left.keys() == right.keys()
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


def test_a_loaded_run_has_the_codes_of_its_training_images(tmp_path: Path) -> None:
    run = train(tmp_path)
    model: Any = runs.load(run.folder, device="cpu")
    count = len(open_dataset(TRAINING["data"], 16).train)

    assert torch.equal(model.stored(torch.arange(count)), state(run)["codes.rows"])


@pytest.mark.filterwarnings("ignore::genbench.errors.RangeWarning")  # so far it is all bright
def test_evaluation_finds_codes_in_inference_mode(tmp_path: Path) -> None:
    """The PSNR is that of codes found here, where gradients are on; nothing is missing."""
    run = train(tmp_path / "runs")
    model: Any = runs.load(run.folder, device="cpu")
    images = open_dataset(TRAINING["data"], 16).test.take(torch.arange(10))
    again = to_bytes(model.decode(model.encode(to_floats(images))))
    error = (again.double() - images).square().flatten(1).mean(1)

    frame = genbench.evaluate(
        [run.folder], metrics=["rmse", "psnr", "swd"], images=40, pairs=10, repeats=1
    )

    values = dict(zip(frame.score, frame.value, strict=True))
    assert {"rmse", "psnr", "swd"} <= set(values)
    assert all(math.isfinite(value) for value in values.values())
    wanted = (20 * (255 / error.sqrt()).log10()).mean().item()
    assert values["psnr"] == pytest.approx(wanted, abs=0.02)


def test_processes_keep_one_table(tmp_path: Path) -> None:
    """Each has half the batch; both end with the table of one process that has it all."""
    rows, shown = alone(SHARED)

    for others, theirs in together(SHARED, tmp_path, 2):
        assert theirs == shown
        torch.testing.assert_close(torch.tensor(others), torch.tensor(rows))
