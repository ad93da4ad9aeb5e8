"""A small Pioneer for the tests of its schedule and of its step."""

from __future__ import annotations

from typing import Any

import small_parts
import torch

from genbench import registry
from genbench.interfaces import Batch

Pioneer: Any = registry.model("pioneer")
S = 32  # images a phase, in these tests
SMALL = {"latent": 16, "phase_images": S, "batches": (8,) * 9, "buffer": 12}


def build(resolution: int = 8, seen: int = 0, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model = Pioneer.build(Pioneer.settings(**{**SMALL, **changes}), resolution)
    model.seen = seen
    return model.train()


def images(n: int = 8, resolution: int = 8, seed: int = 5) -> Batch:
    return small_parts.images(n, resolution, seed)
