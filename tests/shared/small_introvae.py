"""A small IntroVAE for the tests of its networks and of its step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from genbench import registry

IntroVAE: Any = registry.model("introvae")
SMALL = {"latent": 6, "channels": (8, 16), "batch": 8, "beta": 0.7, "margin": 20.0}


def build(seen: int = 0, seed: int = 0, resolution: int = 16, **changes: Any) -> Any:
    torch.manual_seed(seed)
    model = IntroVAE.build(IntroVAE.settings(**{**SMALL, **changes}), resolution)
    model.seen = seen
    return model.train()


def gradients(net: Any) -> list[Tensor]:
    return [weight.grad.clone() for weight in net.parameters()]


def close(a: list[Tensor], b: list[Tensor], rtol: float = 1e-9) -> bool:
    """Equal up to *rtol* of the largest number in each tensor."""
    return all(
        torch.allclose(x, y, rtol=0, atol=rtol * float(y.abs().max()) + 1e-15)
        for x, y in zip(a, b, strict=True)
    )
