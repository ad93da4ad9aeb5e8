"""Small ALIs, and what tests of them share."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genbench import registry
from genbench.interfaces import Batch
from genbench.settings import Layer, resolve

ALI: Any = registry.model("ali")
SMALL = {"latent": 32, "width": 0.25, "batch": 50, "weight_std": 0.05, "lr": 1e-3}


def build(resolution: int = 16, seed: int = 0, preset: str | None = None, **changes: Any) -> Any:
    """Of a preset; without one, the specification's small configuration."""
    base = ALI.presets[preset].settings if preset else SMALL
    layers = [Layer("base", base), Layer("test", changes)]
    torch.manual_seed(seed)
    return ALI.build(resolve(ALI.settings, layers, "ali").values, resolution).train()


def published(preset: str, **changes: Any) -> Any:
    """Without memory."""
    with torch.device("meta"):
        return build(ALI.presets[preset].resolution, preset=preset, **changes)


def images(n: int = 6, resolution: int = 16, seed: int = 5) -> Batch:
    rng = torch.Generator().manual_seed(seed)
    return Batch(torch.rand(n, 3, resolution, resolution, generator=rng) * 2 - 1, torch.arange(n))


def rng(seed: int = 7) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def weights(*networks: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for net in networks for weight in net.parameters()]


def size(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())
