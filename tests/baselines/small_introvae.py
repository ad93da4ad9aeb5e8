"""A small IntroVAE for the tests of its networks and of its step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genbench.interfaces import Batch
from genbench.registry import room

IntroVAE: Any = room("model", "introvae").load()
SMALL = {"latent": 6, "channels": (8, 16), "batch": 8, "beta": 0.7, "margin": 20.0}


def build(seen: int = 0, seed: int = 0, resolution: int = 16, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model = IntroVAE(IntroVAE.Settings(**{**SMALL, **changes}), resolution)
    model.seen = seen
    return model.train()


def images(n: int = 8, resolution: int = 16, seed: int = 5) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(n, 3, resolution, resolution, generator=rng) * 2 - 1, torch.arange(n))


def rng(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(net: Any) -> list[Tensor]:
    return [weight.detach().clone() for weight in net.parameters()]


def gradients(net: Any) -> list[Tensor]:
    return [weight.grad.clone() for weight in net.parameters()]


def close(a: list[Tensor], b: list[Tensor], rtol: float = 1e-9) -> bool:
    """Equal up to *rtol* of the largest number in each tensor."""
    return all(
        torch.allclose(x, y, rtol=0, atol=rtol * float(y.abs().max()) + 1e-15)
        for x, y in zip(a, b, strict=True)
    )
