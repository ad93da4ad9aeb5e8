"""A small ProgGAN for the tests of its schedule and of its step."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import nn

from genbench import registry
from genbench.interfaces import Batch

proggan: Any = import_module("genbench.baselines.proggan")
ProgGAN: Any = registry.model("proggan")
STABLE, FADE = 64, 64  # images, in these tests
SMALL = {
    "latent": 8,
    "fmap_base": 64,
    "fmap_max": 8,
    "stable_images": STABLE,
    "fade_images": FADE,
    "images": 320,
    "batches": (8,) * 9,
    "look_steps": 1,
}


def build(resolution: int = 8, seen: int = 0, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model = ProgGAN.build(ProgGAN.settings(**{**SMALL, **changes}), resolution)
    model.seen = seen
    return model.train()


def images(n: int = 8, resolution: int = 8, seed: int = 5) -> Batch:
    """Random bytes."""
    rng = torch.Generator().manual_seed(seed)
    levels = torch.randint(256, (n, 3, resolution, resolution), generator=rng)
    return Batch(levels / 127.5 - 1, torch.arange(n))


def size(*modules: nn.Module) -> int:
    return sum(weight.numel() for module in modules for weight in module.parameters())
