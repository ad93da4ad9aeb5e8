"""Run by tests/training/test_shared_steps.py, in one process and in two: steps of each model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench import registry, runs
from genbench.data import Dataset, open_dataset
from genbench.interfaces import Prepares
from genbench.runtime import seeds
from genbench.settings import Layer, preset_layer, resolve
from genbench.training import parallel
from genbench.training.ema import EMA
from genbench.training.loader import Loader

BATCH, RESOLUTION, STEPS = 12, 16, 4
GROWN = 10**9  # images seen when every layer is at work
LAYERS: Mapping[str, Any] = {
    "latent": 8,
    "fmap_base": 32,
    "fmap_max": 8,
    "statistics": ("std", "kurtosis"),
}
# Networks as small as they go; schedules in which phases, fades and both games are met.
SMALL: Mapping[str, Mapping[str, Any]] = {
    "age": {"base": 4, "latent": 8, "batches": (BATCH,)},
    "ali": {"width": 1 / 16, "latent": 4, "batch": BATCH},
    "balanced_pioneer": {
        "latent": 8,
        "batches": (BATCH,) * 9,
        "buffer": 16,
        "fade_images": BATCH,
        "rows": ((0, 4, 0.1, 1e-3), (24, 8, 0.1, 1e-3), (48, 16, 0.1, 1e-3)),
    },
    "dcgan": {"base": 4, "latent": 8, "batch": BATCH},
    "glo": {"base": 4, "latent": 8, "batch": BATCH, "optimizer": "adam"},
    "introvae": {"channels": (4, 8), "latent": 4, "batch": BATCH, "warmup": 2 * BATCH},
    "pca": {"latent": 4, "batch": BATCH},
    "pioneer": {"latent": 8, "batches": (BATCH,) * 9, "buffer": 16, "phase_images": 2 * BATCH},
    "proggan": {
        **LAYERS,
        "batches": (BATCH,) * 9,
        "stable_images": BATCH,
        "fade_images": 2 * BATCH,
        "look_steps": 1,
        "rr_on": "features",
    },
    "proggan_l1": {**LAYERS, "batch": BATCH, "mates": "keep"},
    "vae": {"base": 4, "latent": 4, "batch": BATCH},
    # 2 updates of the critic, each on half of the images of a step
    "wgan_gp": {"base": 4, "latent": 8, "batch": BATCH // 2, "critic_steps": 2},
}
STARTS = {"balanced_pioneer": 24, "pioneer": 24, "proggan": 24}  # in the middle of the growth


def built(name: str, data: Dataset) -> Any:
    """A small model of the registry, ready for its first step."""
    declared = registry.model(name)
    layers = [preset_layer(declared, "tiny", name), Layer("test", SMALL.get(name, {}))]
    settings = resolve(declared.settings, layers, name).values
    model: Any = runs.build(name, settings, RESOLUTION, seed=0)
    if declared.starts_from is not None:
        origin = built(declared.starts_from, data)
        origin.seen = GROWN
        model.start_from(origin.eval())
    if isinstance(model, Prepares):
        model.prepare(data.train, seeds.generator(0, "prepare"))
    model.total(len(data.train))
    return model.train()


def learned(name: str, data: Dataset) -> dict[str, Any]:
    """Gradients of every update, and what a checkpoint would hold in the end."""
    model = built(name, data)
    model.seen = STARTS.get(name, 0)
    parallel.attach(model)
    gradients: list[Tensor] = []

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        weights = [w for part in optimizer.param_groups for w in part["params"]]
        gradients.append(torch.cat([w.grad.flatten() for w in weights if w.grad is not None]))

    for optimizer in model.optimizers().values():
        optimizer.register_step_pre_hook(note)
    averages, rng = EMA(model), seeds.generator(0, "training")
    loader = Loader(data.train, 0, torch.device("cpu"), flip=True)
    scalars = {}
    for _ in range(STEPS):
        shown = model.stage(model.seen).batch
        scalars = parallel.take_step(model, loader, shown, rng)
        averages.update()
        model.seen += shown
    values = torch.stack([value.double() for value in scalars.values()])
    return {
        "gradients": gradients,
        "scalars": dict(zip(scalars, parallel.mean(values), strict=True)),
        "state": {key: value.clone() for key, value in model.state_dict().items()},
        "average": averages.state(),
        "random": rng.get_state(),
    }


def main(folder: Path) -> None:
    """Leave what each model has learned in a file of this process."""
    data = open_dataset("toyfaces:100", RESOLUTION)
    # In float64 all is equal to many places; in float32, Adam would make a whole step of the
    # rounding of a gradient that is nearly 0.
    torch.set_default_dtype(torch.float64)
    Tensor.float = Tensor.double  # type: ignore[method-assign]
    rank, count = os.environ["RANK"], os.environ["WORLD_SIZE"]
    everything = {name: learned(name, data) for name in registry.plugins("model")}
    torch.save(everything, folder / f"{rank}-of-{count}.pt")
