"""A small Pioneer for the tests of its schedule and of its step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genbench.interfaces import Batch
from genbench.registry import room

Pioneer: Any = room("model", "pioneer").load()
S = 32  # images a phase, in these tests
SMALL = {"latent": 16, "phase_images": S, "batches": (8,) * 9, "buffer": 12}


def build(resolution: int = 8, seen: int = 0, seed: int = 0, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model = Pioneer(Pioneer.Settings(**{**SMALL, **changes}), resolution)
    model.seen = seen
    return model.train()


def images(n: int = 8, resolution: int = 8, seed: int = 5) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(n, 3, resolution, resolution, generator=rng) * 2 - 1, torch.arange(n))


def rng(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(net: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in net.parameters()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
