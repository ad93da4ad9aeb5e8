"""A run that starts, or goes on, in a process of its own, so that it can be killed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

import genbench
from genbench import runs


def work(folder: Path, settings: dict[str, Any], training: dict[str, Any]) -> None:
    """Train folder/run to its end, a checkpoint after every step."""
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    engine = {"checkpoint_minutes": 0.0, "grids": 0}
    run = folder / "run"
    if any(run.glob("checkpoints/[0-9]*")):
        genbench.resume(run, engine)
        return
    if run.exists():
        runs.discard(runs.read(run))
    genbench.train(
        "pioneer", settings=settings, training=training | engine, runs_dir=folder, name="run"
    )
