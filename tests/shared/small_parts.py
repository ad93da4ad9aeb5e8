"""What the tests of several models begin with: images, a generator, and copies of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genbench.interfaces import Batch


def images(n: int = 8, resolution: int = 16, seed: int = 5) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(n, 3, resolution, resolution, generator=rng) * 2 - 1, torch.arange(n))


def rng(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(net: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in net.parameters()]


def same(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
